"""Several waits in one thread: whoever's pause is over is looked after next.

Pure: it says whose action is to be performed, and when to sleep; who drives it has one sender
for each of them.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Sequence
from itertools import count
from typing import Any, Generic, TypeVar

import msgspec

from failwell.actions import Action, Flow, Wait
from failwell.errors import FailwellError

T = TypeVar("T")


class Turn(msgspec.Struct, frozen=True):
    """Perform this action, which is no `Wait`, for the flow with this number."""

    index: int
    action: Action


class Over(msgspec.Struct, Generic[T], frozen=True):
    """The flow with this number has ended, with a result or an error."""

    index: int
    result: T | None = None
    error: FailwellError | None = None


Interleaved = Generator[Turn | Wait | Over[T], tuple[Any, float], None]


def interleave(flows: Sequence[Flow[T]], now: float) -> Interleaved[T]:
    """Each flow's actions in its turn, and each flow's end as it comes, until all have ended.

    What an action raises, if it is a `FailwellError`, is thrown into its flow alone. `now` is in
    monotonic seconds.
    """
    order = count()
    due = [(now, next(order), index) for index in range(len(flows))]
    begun: set[int] = set()
    try:
        while due:
            at, _, index = heapq.heappop(due)
            if at > now:
                _, now = yield Wait(at - now)
            pause, now = yield from _turn(flows[index], index, index not in begun, now)
            begun.add(index)
            if pause is not None:
                heapq.heappush(due, (now + pause, next(order), index))
    finally:
        for flow in flows:
            flow.close()


def _turn(
    flow: Flow[T], index: int, is_new: bool, now: float
) -> Generator[Turn | Wait | Over[T], tuple[Any, float], tuple[float | None, float]]:
    """One flow's actions until it pauses, and for how long; None where it has ended."""
    answer: Any = None if is_new else (None, now)
    error: FailwellError | None = None
    try:
        while True:
            action = flow.send(answer) if error is None else flow.throw(error)
            if isinstance(action, Wait):
                return action.seconds, now
            error = None
            try:
                answer = yield Turn(index, action)
                now = answer[1]
            except FailwellError as raised:
                error = raised
    except StopIteration as end:
        over: Over[T] = Over(index, end.value)
    except FailwellError as raised:
        over = Over(index, error=raised)
    _, now = yield over
    return None, now
