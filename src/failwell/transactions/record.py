"""A durable transaction as it is kept, and the changes that are made to it: each one atomic, and
refused to whoever no longer holds it."""

from __future__ import annotations

import json
from typing import Literal

import msgspec

from failwell.actions import Step
from failwell.policy.saga import Phase, Saga
from failwell.transactions.durable import Written

RETENTION = 30 * 86400.0
"""Seconds for which a committed transaction is remembered, so that its name is not used twice."""

STALE = 3600.0
"""Seconds after which a name without a record is struck off: its process never got to begin."""

INDEX = json.dumps(["transactions"])


def slot(name: str) -> str:
    """Where the transaction of this name is kept."""
    return json.dumps(["transaction", name])


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction. Whoever has `token` holds it until `lease_ends` (the store's clock)."""

    saga: Saga
    written: tuple[Written, ...]
    token: str
    lease_ends: float


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """Begin a transaction under a name that is free; answers why it is not, else None."""

    token: str
    lease: float
    saga: Saga

    @property
    def record_type(self) -> type[Kept]:
        return Kept

    def __call__(self, record: Kept | None, now: float) -> Step[Kept, str | None]:
        if record is not None and record.token != self.token:
            return Step(record, _taken(record, now))
        ends = now + self.lease
        return Step(Kept(saga=self.saga, written=(), token=self.token, lease_ends=ends), None)


def _taken(record: Kept, now: float) -> str:
    if record.saga.phase is Phase.COMMITTED:
        return "it was committed already"
    if record.saga.phase is Phase.LEFT:
        return "it was rolled back in part, and its to-do list is open"
    if record.lease_ends > now:
        return "it is under way in another process"
    return "it was left unfinished: run failwell recover"


class Advance(msgspec.Struct, frozen=True, kw_only=True):
    """Keep how far it is; answers False where it is in other hands. What is committed is
    remembered for a while, what is rolled back is forgotten."""

    token: str
    lease: float
    saga: Saga
    written: tuple[Written, ...]

    @property
    def record_type(self) -> type[Kept]:
        return Kept

    def __call__(self, record: Kept | None, now: float) -> Step[Kept, bool]:
        if record is None or record.token != self.token:
            return Step(record, False)
        phase = self.saga.phase
        if phase is Phase.ROLLED_BACK:
            return Step(None, True)
        ends = now if phase is Phase.LEFT else now + self.lease
        kept = Kept(saga=self.saga, written=self.written, token=self.token, lease_ends=ends)
        return Step(kept, True, RETENTION if phase is Phase.COMMITTED else None)


class Renew(msgspec.Struct, frozen=True, kw_only=True):
    """Hold it for `lease` more seconds; answers whether it is still held."""

    token: str
    lease: float

    @property
    def record_type(self) -> type[Kept]:
        return Kept

    def __call__(self, record: Kept | None, now: float) -> Step[Kept, bool]:
        if record is None or record.token != self.token:
            return Step(record, False)
        return Step(msgspec.structs.replace(record, lease_ends=now + self.lease), True)


class LetGo(msgspec.Struct, frozen=True, kw_only=True):
    """Give it back as it is, for the next one who comes to finish it."""

    token: str

    @property
    def record_type(self) -> type[Kept]:
        return Kept

    def __call__(self, record: Kept | None, now: float) -> Step[Kept, None]:
        if record is None or record.token != self.token:
            return Step(record, None)
        return Step(msgspec.structs.replace(record, lease_ends=now), None)


class Held(msgspec.Struct, frozen=True):
    """Somebody has it, for `seconds` more at most."""

    seconds: float


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """Take over a transaction whose holder is gone; answers what was taken, `Held` where the
    holder is alive, or None where there is nothing to finish."""

    token: str
    lease: float

    @property
    def record_type(self) -> type[Kept]:
        return Kept

    def __call__(self, record: Kept | None, now: float) -> Step[Kept, Kept | Held | None]:
        if record is None or record.saga.phase is Phase.COMMITTED:
            return Step(record, None)
        if record.lease_ends > now and record.token != self.token:
            return Step(record, Held(record.lease_ends - now))
        ends = now + self.lease
        kept = msgspec.structs.replace(record, token=self.token, lease_ends=ends)
        return Step(kept, kept)


class Look(msgspec.Struct, frozen=True):
    """Change nothing; answers the transaction."""

    @property
    def record_type(self) -> type[Kept]:
        return Kept

    def __call__(self, record: Kept | None, now: float) -> Step[Kept, Kept | None]:
        return Step(record, record)


class Forget(msgspec.Struct, frozen=True):
    """Drop a transaction whose to-do list is done; answers whether there was such a one."""

    @property
    def record_type(self) -> type[Kept]:
        return Kept

    def __call__(self, record: Kept | None, now: float) -> Step[Kept, bool]:
        is_left = record is not None and record.saga.phase is Phase.LEFT
        return Step(None if is_left else record, is_left)


class Index(msgspec.Struct, frozen=True):
    """The names of the transactions of a store that are not over, each with the time at which it
    was put down (the store's clock)."""

    names: dict[str, float]


class Enlist(msgspec.Struct, frozen=True):
    """Put a name down."""

    name: str

    @property
    def record_type(self) -> type[Index]:
        return Index

    def __call__(self, record: Index | None, now: float) -> Step[Index, None]:
        names = {} if record is None else record.names
        return Step(Index({**names, self.name: now}), None)


class Strike(msgspec.Struct, frozen=True):
    """Take a name off: "now", or only where it is "stale"."""

    name: str
    when: Literal["now", "stale"] = "now"

    @property
    def record_type(self) -> type[Index]:
        return Index

    def __call__(self, record: Index | None, now: float) -> Step[Index, None]:
        names = {} if record is None else record.names
        is_fresh = now - names.get(self.name, now) < STALE
        if self.name not in names or (self.when == "stale" and is_fresh):
            return Step(record, None)
        left = {name: at for name, at in names.items() if name != self.name}
        return Step(Index(left) if left else None, None)


class Names(msgspec.Struct, frozen=True):
    """Change nothing; answers the names, the oldest first."""

    @property
    def record_type(self) -> type[Index]:
        return Index

    def __call__(self, record: Index | None, now: float) -> Step[Index, tuple[str, ...]]:
        names = {} if record is None else record.names
        return Step(record, tuple(sorted(names, key=lambda name: names[name])))
