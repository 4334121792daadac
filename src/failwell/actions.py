"""The vocabulary between thought and deed: what a flow may ask a driver to do.

A flow is a generator that yields actions. The driver performs each one and sends back its
answer with the time beside it (monotonic seconds). `reply, now = yield from Send(...)` is typed
end to end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from failwell.model import Reply, Request

if TYPE_CHECKING:
    from failwell.events import Event
    from failwell.tokens import RefreshError

T = TypeVar("T")
R = TypeVar("R")
A = TypeVar("A")


class Step(msgspec.Struct, Generic[R, A], frozen=True):
    """What a change makes of a record: the `record` to keep for `ttl` seconds (None deletes it;
    a `ttl` of None keeps it), and the `answer` for whoever asked.

    `lull` says for whom, from when until when (by the store's clock) the same change would have the
    same answer and only be counted, as long as no other one comes: a store of this process may then
    answer it at a glance, and asks the record for `marked(count)`, the same with so many more.
    """

    record: R | None
    answer: A
    ttl: float | None = None
    lull: tuple[object, float, float] | None = None


class Change(Protocol[R, A]):
    """A pure, named, frozen function of one record; it may run twice.

    `record_type` says what a store must decode a kept record into.
    """

    @property
    def record_type(self) -> type[R]: ...

    def __call__(self, record: R | None, now: float) -> Step[R, A]: ...


class StoreError(Exception):
    """A store cannot be opened, read or written; the message says which one and why."""


class Store(Protocol):
    """Where shared state lives."""

    def update(self, key: str, change: Change[R, A]) -> A:
        """Read the record, apply `change` with the store's own clock, write: atomically.

        Raises `StoreError` where that cannot be done; the record is then as it was.
        """
        ...


class AsyncStore(Protocol):
    """The same, for a store that must be awaited."""

    async def update(self, key: str, change: Change[R, A]) -> A:
        """Read the record, apply `change` with the store's own clock, write: atomically."""
        ...


class Send(msgspec.Struct, frozen=True):
    """Send the request once, as attempt `number`, ending `within` seconds where that is set."""

    request: Request
    number: int
    within: float | None = None

    def __iter__(self) -> Generator[Action, tuple[Any, float], tuple[Reply, float]]:
        answer: tuple[Reply, float] = yield self
        return answer


class Wait(msgspec.Struct, frozen=True):
    """Sleep for `seconds`."""

    seconds: float

    def __iter__(self) -> Generator[Action, tuple[Any, float], tuple[None, float]]:
        answer: tuple[None, float] = yield self
        return answer


class Renew(msgspec.Struct, frozen=True):
    """Get a fresh credential in place of the one in these header fields (`asked`), once for all
    who need it, `within` seconds where that is set; None, or why there is none."""

    asked: Mapping[str, str]
    within: float | None = None

    def __iter__(self) -> Generator[Action, tuple[Any, float], tuple[RefreshError | None, float]]:
        answer: tuple[RefreshError | None, float] = yield self
        return answer


class Emit(msgspec.Struct, frozen=True):
    """Tell the hooks."""

    event: Event

    def __iter__(self) -> Generator[Action, tuple[Any, float], tuple[None, float]]:
        answer: tuple[None, float] = yield self
        return answer


class Update(msgspec.Struct, Generic[A], frozen=True):
    """Apply a change to the record under `key`, atomically, in the store; where it is `durable`,
    in the one that outlives this process, and nowhere else."""

    key: str
    change: Change[Any, A]
    durable: bool = False

    def __iter__(self) -> Generator[Action, tuple[Any, float], tuple[A, float]]:
        answer: tuple[A, float] = yield self
        return answer


Action: TypeAlias = "Send | Wait | Emit | Update[Any] | Renew"
Flow = Generator["Action", tuple[Any, float], T]

Sender = Callable[[Send], Reply]
AsyncSender = Callable[[Send], Awaitable[Reply]]
