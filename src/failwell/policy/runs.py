"""Which writes a run has made, so that they can be forgotten when it ends.

A run's record grows with its writes, so what is full is put away: the newest are in the record
itself, the others in pages that are written once. A run that has ended and one that is begun under
the same name have different `generation`s, and so nothing in common.
"""

from __future__ import annotations

import json

import msgspec
from msgspec.structs import replace

from failwell.actions import Step

PAGE = 64
"""Writes on a page."""

INDEX = json.dumps(["runs"])
"""Where the names of all runs are kept."""


def slot(run: str) -> str:
    """Where the record of a run is kept."""
    return json.dumps(["run", run])


def page_slot(run: str, generation: str, number: int) -> str:
    """Where a page of its writes is kept."""
    return json.dumps(["run", run, generation, number])


class Run(msgspec.Struct, frozen=True):
    """A run that was begun `at` that time (epoch seconds): its full `pages`, and the identities
    of its newest writes."""

    generation: str
    at: float
    pages: int = 0
    newest: tuple[str, ...] = ()


class Open(msgspec.Struct, frozen=True):
    """Go on with the run, or begin it as this `generation`; the one that it has."""

    generation: str

    @property
    def record_type(self) -> type[Run]:
        return Run

    def __call__(self, record: Run | None, now: float) -> Step[Run, str]:
        run = record or Run(self.generation, now)
        return Step(run, run.generation)


class Full(msgspec.Struct, frozen=True):
    """There is no room in the record: put these away as page `number`, and ask again."""

    number: int
    identities: tuple[str, ...]


class Enlist(msgspec.Struct, frozen=True):
    """Put a write on the run's list; False where the run has ended."""

    generation: str
    identity: str

    @property
    def record_type(self) -> type[Run]:
        return Run

    def __call__(self, record: Run | None, now: float) -> Step[Run, bool | Full]:
        if record is None or record.generation != self.generation:
            return Step(record, False)
        if self.identity in record.newest:
            return Step(record, True)
        if len(record.newest) >= PAGE:
            return Step(record, Full(record.pages, record.newest))
        return Step(replace(record, newest=(*record.newest, self.identity)), True)


class Turn(msgspec.Struct, frozen=True):
    """Page `number` is put away: go on with an empty one. To turn it twice is to turn it once."""

    generation: str
    number: int

    @property
    def record_type(self) -> type[Run]:
        return Run

    def __call__(self, record: Run | None, now: float) -> Step[Run, None]:
        is_due = record is not None and record.generation == self.generation
        if record is None or not is_due or record.pages != self.number:
            return Step(record, None)
        return Step(replace(record, pages=record.pages + 1, newest=()), None)


class Look(msgspec.Struct, frozen=True):
    """The run's record, if there is one."""

    @property
    def record_type(self) -> type[Run]:
        return Run

    def __call__(self, record: Run | None, now: float) -> Step[Run, Run | None]:
        return Step(record, record)


class End(msgspec.Struct, frozen=True):
    """Forget the run, if it is still this one; what it was."""

    generation: str

    @property
    def record_type(self) -> type[Run]:
        return Run

    def __call__(self, record: Run | None, now: float) -> Step[Run, Run | None]:
        if record is None or record.generation != self.generation:
            return Step(record, None)
        return Step(None, record)


class Page(msgspec.Struct, frozen=True):
    """Identities of writes that were put away."""

    identities: tuple[str, ...]


class Put(msgspec.Struct, frozen=True):
    """Write a page; None takes it away."""

    page: Page | None

    @property
    def record_type(self) -> type[Page]:
        return Page

    def __call__(self, record: Page | None, now: float) -> Step[Page, None]:
        return Step(self.page, None)


class Names(msgspec.Struct, frozen=True):
    """The names of the runs that have not ended, in the order they were begun."""

    names: tuple[str, ...] = ()


class List(msgspec.Struct, frozen=True):
    """The names of all runs; with `enrol`, this one among them from now on, with `strike` not."""

    enrol: str | None = None
    strike: str | None = None

    @property
    def record_type(self) -> type[Names]:
        return Names

    def __call__(self, record: Names | None, now: float) -> Step[Names, tuple[str, ...]]:
        before = () if record is None else record.names
        names = tuple(name for name in before if name != self.strike)
        if self.enrol is not None and self.enrol not in names:
            names = (*names, self.enrol)
        if names == before:
            return Step(record, names)
        return Step(Names(names) if names else None, names)


class Peek(msgspec.Struct, frozen=True):
    """What is on a page."""

    @property
    def record_type(self) -> type[Page]:
        return Page

    def __call__(self, record: Page | None, now: float) -> Step[Page, tuple[str, ...]]:
        return Step(record, () if record is None else record.identities)
