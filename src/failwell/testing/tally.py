"""A record that counts, and the changes that can befall it: what a store is tried with."""

from __future__ import annotations

import msgspec

from failwell.actions import Step


class Tally(msgspec.Struct, frozen=True):
    """The record that `StoreTests` keeps: a count and some bytes."""

    count: int
    payload: bytes = b""


class Add(msgspec.Struct, frozen=True):
    """Count on by `by`, keep it for `ttl` seconds; answers the new count."""

    by: int = 1
    ttl: float | None = None
    payload: bytes = b""

    @property
    def record_type(self) -> type[Tally]:
        return Tally

    def __call__(self, record: Tally | None, now: float) -> Step[Tally, int]:
        count = self.by + (record.count if record else 0)
        return Step(Tally(count, self.payload), count, self.ttl)


class Look(msgspec.Struct, frozen=True):
    """Change nothing; answers the record and the store's time."""

    @property
    def record_type(self) -> type[Tally]:
        return Tally

    def __call__(self, record: Tally | None, now: float) -> Step[Tally, tuple[Tally | None, float]]:
        return Step(record, (record, now))


class Drop(msgspec.Struct, frozen=True):
    """Forget the record; answers whether there was one."""

    @property
    def record_type(self) -> type[Tally]:
        return Tally

    def __call__(self, record: Tally | None, now: float) -> Step[Tally, bool]:
        return Step(None, record is not None)


class Break(msgspec.Struct, frozen=True):
    """Raise in the middle of a change."""

    @property
    def record_type(self) -> type[Tally]:
        return Tally

    def __call__(self, record: Tally | None, now: float) -> Step[Tally, None]:
        raise ZeroDivisionError("the change itself fails")
