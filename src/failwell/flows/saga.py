"""The way back of a transaction, told once for sync and async.

A generator that yields deeds: `Undo` and `Settle` a step, `Keep` the saga as it is now, `Pause`.
Whoever performs them throws in what went wrong. Each state is kept before the deed that it
announces, so that a process that dies leaves behind what may have been under way.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

import msgspec

from failwell.model import Outcome
from failwell.policy import saga as policy
from failwell.policy.saga import Phase, Saga
from failwell.policy.setback import judge
from failwell.settings import Retry

T = TypeVar("T")


class Undo(msgspec.Struct, frozen=True):
    """Make the compensation of step `number`."""

    number: int

    def __iter__(self) -> Generator[Deed, Any, None]:
        yield self


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about a step, and how."""

    outcome: Outcome
    why: str


class Settle(msgspec.Struct, frozen=True):
    """Find out what became of step `number`."""

    number: int

    def __iter__(self) -> Generator[Deed, Any, Finding]:
        found: Finding = yield self
        return found


class Keep(msgspec.Struct, frozen=True):
    """Keep the saga as it is now, where it is kept at all."""

    saga: Saga

    def __iter__(self) -> Generator[Deed, Any, None]:
        yield self


class Pause(msgspec.Struct, frozen=True):
    """Sleep for `seconds`."""

    seconds: float

    def __iter__(self) -> Generator[Deed, Any, None]:
        yield self


Deed = Undo | Settle | Keep | Pause
Way = Generator[Deed, Any, T]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How patient the way back is; `roll` throws the dice, in [0, 1)."""

    retry: Retry
    roll: Callable[[], float]


class Ended(msgspec.Struct, frozen=True):
    """The saga at the end of its way back, and the last error of each step that is left."""

    saga: Saga
    errors: tuple[Exception, ...] = ()


def roll_back(saga: Saga, terms: Terms) -> Way[Ended]:
    """Undo what took effect, the newest first; one that cannot be undone stops no other."""
    saga = policy.turn(saga)
    yield from Keep(saga)
    errors: list[Exception] = []
    while (following := policy.decide(saga)) is not None:
        number, way = following
        match way:
            case "settle":
                saga, error = yield from _settle(saga, number, terms)
            case "undo":
                saga, error = yield from _undo(saga, number, terms)
            case "leave":
                saga, error = policy.leave(saga, number), None
        errors += [] if error is None else [error]
        yield from Keep(saga)
    saga = policy.finish(saga)
    yield from Keep(saga)
    return Ended(saga, tuple(errors))


def recover(saga: Saga, terms: Terms) -> Way[Ended]:
    """Bring a transaction to its end whose process is gone: committed where its last step cannot
    be undone and turns out to have been done, else rolled back."""
    if saga.phase.is_over:
        return Ended(saga)
    saga = policy.reopen(saga)
    number = policy.pivot(saga)
    if number is None:
        return (yield from roll_back(saga, terms))
    asked, error = yield from _settle(saga, number, terms)
    if asked.steps[number].hopeful:
        return Ended(saga, () if error is None else (error,))  # to go back would be a guess
    yield from Keep(asked)
    if asked.phase is Phase.COMMITTED:
        return Ended(asked)
    return (yield from roll_back(asked, terms))


def _undo(saga: Saga, number: int, terms: Terms) -> Way[tuple[Saga, Exception | None]]:
    saga = policy.undoing(saga, number)
    yield from Keep(saga)
    while True:
        try:
            yield from Undo(number)
            return policy.undone(saga, number), None
        except Exception as error:
            setback, failed = judge(error, keyed=saga.steps[number].keyed), error
        if setback.made:
            return policy.undone(saga, number), None
        saga, wait = policy.stumble(saga, number, setback, terms.retry, terms.roll())
        if wait is None:
            return saga, failed
        yield from Pause(wait)


def _settle(saga: Saga, number: int, terms: Terms) -> Way[tuple[Saga, Exception | None]]:
    while True:
        try:
            found = yield from Settle(number)
            return policy.settled(saga, number, found.outcome, found.why), None
        except Exception as error:
            setback, failed = judge(error, keyed=True), error
        saga, wait = policy.stumble(saga, number, setback, terms.retry, terms.roll())
        if wait is None:
            return saga, failed
        yield from Pause(wait)
