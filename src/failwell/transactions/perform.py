"""The deeds of the way back, performed: in the sync world and in the async one."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from failwell.actions import StoreError
from failwell.deeds import acarry_out, carry_out
from failwell.errors import InvalidRequestError
from failwell.flows.saga import Deed, Finding, Keep, Pause, Settle, Undo, Way
from failwell.transactions.course import Course
from failwell.transactions.ledger import TakenOverError

T = TypeVar("T")

logger = logging.getLogger("failwell")


def plain(answer: Any) -> Any:
    """The answer of sync code. Raises `InvalidRequestError` for one that would have to be awaited;
    it has then not begun."""
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        raise InvalidRequestError.of(
            "A step that must be awaited was given to a sync transaction: write "
            "`async with failwell.transaction()` and `await tx.do(...)`"
        )
    return answer


def perform(
    way: Way[T],
    course: Course,
    *,
    sleep: Callable[[float], object] = time.sleep,
    wait_for: Callable[[Any], Any] = plain,
) -> T:
    """Perform the deeds one after another; what the flow returns."""
    return carry_out(way, lambda deed: _done(deed, course, sleep, wait_for))


def _done(
    deed: Deed,
    course: Course,
    sleep: Callable[[float], object],
    wait_for: Callable[[Any], Any],
) -> Finding | None:
    match deed:
        case Undo(number):
            wait_for(course.works[number].undo())
        case Settle(number):
            work = course.works[number]
            return work.find(wait_for(work.ask()))
        case Keep(saga):
            course.saga = saga
            _kept(course)
        case Pause(seconds):
            sleep(seconds)
    return None


async def aperform(way: Way[T], course: Course) -> T:
    """Perform the deeds one after another; what the flow returns."""
    return await acarry_out(way, lambda deed: _adone(deed, course))


async def _adone(deed: Deed, course: Course) -> Finding | None:
    import anyio

    match deed:
        case Undo(number):
            await awaited(course.works[number].undo())
        case Settle(number):
            work = course.works[number]
            return work.find(await awaited(work.ask()))
        case Keep(saga):
            course.saga = saga
            await unblocked(course.is_kept, _kept, course)
        case Pause(seconds):
            await anyio.sleep(seconds)
    return None


async def awaited(answer: Any) -> Any:
    """The answer, of sync or of async code."""
    return await answer if inspect.isawaitable(answer) else answer


async def unblocked(blocks: bool, function: Callable[..., T], *args: Any) -> T:
    """What the function returns; it is called in a thread where it `blocks`."""
    import anyio.to_thread

    return await anyio.to_thread.run_sync(function, *args) if blocks else function(*args)


def _kept(course: Course) -> None:
    """A store that fails must not stop the way back; one that says that another process is on it,
    must."""
    try:
        course.keep()
    except TakenOverError:
        raise
    except StoreError as error:
        logger.warning("failwell: a rollback goes on, but cannot be written down: %s", error)
