"""A run: opened by its first write, listed, and ended."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count

import msgspec

from failwell.actions import Flow, StoreError, Update
from failwell.errors import RunError
from failwell.model import Failure, Kind, Outcome
from failwell.policy import intents, runs
from failwell.policy.intents import Intent

_TRIES = 16
"""Times that a write asks for room on the list, while others fill it."""


class Book:
    """What this client knows of its run: its `name`, its `generation` once it was opened, and how
    many writes like each other it has made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.generation: str | None = None
        self._seen: dict[str, Iterator[int]] = {}
        self._free: dict[str, list[int]] = {}

    def number(self, digest: str) -> int:
        """How many writes of this fingerprint came before; each call counts one more."""
        free = self._free.get(digest)
        try:
            return heappop(free) if free else next(self._counter(digest))
        except IndexError:  # another thread was faster
            return next(self._counter(digest))

    def give_back(self, digest: str, number: int) -> None:
        """Have the next write of this fingerprint take that number: nothing came of the one that
        had it, and whoever sends it again means the same one."""
        heappush(self._free.setdefault(digest, []), number)

    def _counter(self, digest: str) -> Iterator[int]:
        return self._seen.setdefault(digest, count())


class Unfinished(msgspec.Struct, frozen=True):
    """A write of a run that was begun and whose answer was never seen: `what` it was, and when
    (`at`, epoch seconds)."""

    what: str
    at: float


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One run: when it was begun (`at`, epoch seconds), how many `writes` it has made, and those
    of which the end is not known."""

    name: str
    at: float
    writes: int
    unfinished: tuple[Unfinished, ...] = ()


def opened(book: Book, token: str) -> Flow[str]:
    """The generation of the run, begun with this write where it is new."""
    if book.generation is None:
        yield from Update(runs.INDEX, runs.List(enrol=book.name), True)
        book.generation, _ = yield from Update(runs.slot(book.name), runs.Open(token), True)
    return book.generation


def enlist(book: Book, generation: str, identity: str) -> Flow[bool]:
    """Put a write on the run's list; False where the run has ended."""
    name = book.name
    for _ in range(_TRIES):
        room, _ = yield from Update(runs.slot(name), runs.Enlist(generation, identity), True)
        if isinstance(room, bool):
            return room
        page = runs.page_slot(name, generation, room.number)
        yield from Update(page, runs.Put(runs.Page(room.identities)), True)
        yield from Update(runs.slot(name), runs.Turn(generation, room.number), True)
    raise StoreError(f"The list of the run {name!r} is changed by others all the time")


def listed() -> Flow[list[Summary]]:
    """Every run that has not ended."""
    names, _ = yield from Update(runs.INDEX, runs.List(), True)
    found: list[Summary] = []
    for name in names:
        summary = yield from summarised(name)
        if summary is not None:
            found.append(summary)
    return found


def summarised(name: str) -> Flow[Summary | None]:
    """The run of this name; None where there is none."""
    run, _ = yield from Update(runs.slot(name), runs.Look(), True)
    if run is None:
        return None
    writes = yield from _writes(name, run)
    return Summary(
        name=name,
        at=run.at,
        writes=len(writes),
        unfinished=tuple(Unfinished(i.what, i.at) for i in writes if i.answer is None),
    )


def end(name: str, *, force: bool = False) -> Flow[Summary | None]:
    """Forget the run; what it was, None where there is none.

    Raises `RunError` where the end of a write is not known, unless `force` says to forget it.
    """
    run, _ = yield from Update(runs.slot(name), runs.Look(), True)
    summary = yield from summarised(name)
    if run is None or summary is None:
        yield from Update(runs.INDEX, runs.List(strike=name), True)
        return None
    if summary.unfinished and not force:
        raise _unfinished(summary)
    over, _ = yield from Update(runs.slot(name), runs.End(run.generation), True)
    yield from Update(runs.INDEX, runs.List(strike=name), True)
    if over is not None:
        yield from _swept(name, over)
    return summary


def _swept(name: str, run: runs.Run) -> Flow[None]:
    for identity in (yield from _identities(name, run)):
        yield from Update(intents.slot(name, run.generation, identity), intents.Drop(), True)
    for number in range(run.pages):
        yield from Update(runs.page_slot(name, run.generation, number), runs.Put(None), True)


def _writes(name: str, run: runs.Run) -> Flow[list[Intent]]:
    found: list[Intent] = []
    for identity in (yield from _identities(name, run)):
        at = intents.slot(name, run.generation, identity)
        intent, _ = yield from Update(at, intents.Look(), True)
        if intent is not None:
            found.append(intent)
    return found


def _identities(name: str, run: runs.Run) -> Flow[list[str]]:
    """Each write on the run's list, once: one that was begun again may be there twice."""
    found: dict[str, None] = {}
    for number in range(run.pages):
        page, _ = yield from Update(runs.page_slot(name, run.generation, number), runs.Peek(), True)
        found.update(dict.fromkeys(page))
    found.update(dict.fromkeys(run.newest))
    return list(found)


def _unfinished(summary: Summary) -> RunError:
    first = summary.unfinished[0].what
    others = len(summary.unfinished) - 1
    more = f" and {others} more" if others else ""
    return refusal(
        f"The run {summary.name!r} cannot end: nobody knows what became of {first}{more}",
        kind=Kind.CONFLICT,
        advice="Run the script again, which settles them; or look for the records yourself and "
        "end the run by force, which forgets their keys.",
    )


def refusal(message: str, *, kind: Kind, advice: str) -> RunError:
    """The error for what a run does not let happen."""
    failure = Failure(kind=kind, message=message, outcome=Outcome.NOT_STARTED, advice=advice)
    return RunError(failure)
