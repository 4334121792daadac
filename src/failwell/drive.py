"""The two drivers: they perform a flow's actions, in the sync world and in the async one.

This is the only file that knows both worlds and the only one that reads the clock for a flow. A
driver throws whatever goes wrong into the flow, so that the flow may speak to it, and always
closes the flow.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from failwell.actions import (
    Action,
    AsyncSender,
    AsyncStore,
    Emit,
    Flow,
    Send,
    Sender,
    Store,
    Update,
    Wait,
)
from failwell.events import Hook

T = TypeVar("T")

logger = logging.getLogger("failwell")


class Rim(msgspec.Struct, frozen=True, kw_only=True):
    """Where a flow touches the world; tests put a hand-moved clock in the place of the real one."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    hooks: Sequence[Hook] = ()
    store: Store | AsyncStore | None = None


def drive(flow: Flow[T], send: Sender, rim: Rim) -> T:
    """Perform the flow's actions one after another; its return value."""
    clock = rim.clock
    try:
        action = flow.send(None)  # type: ignore[arg-type]
        while True:
            try:
                answer = send(action) if type(action) is Send else _perform(action, rim)
            except BaseException as error:
                action = flow.throw(error)
            else:
                action = flow.send((answer, clock()))
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        flow.close()


async def adrive(flow: Flow[T], send: AsyncSender, rim: Rim) -> T:
    """Perform the flow's actions one after another; its return value."""
    clock = rim.clock
    try:
        action = flow.send(None)  # type: ignore[arg-type]
        while True:
            try:
                if type(action) is Send:
                    answer: object = await send(action)
                else:
                    answer = _perform(action, rim)
                    if inspect.isawaitable(answer):
                        answer = await answer
            except BaseException as error:
                action = flow.throw(error)
            else:
                action = flow.send((answer, clock()))
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        flow.close()


def _perform(action: Action, rim: Rim) -> object:
    match action:
        case Wait(seconds):
            return rim.sleep(seconds)
        case Emit(event):
            for hook in rim.hooks:
                try:
                    hook(event)
                except Exception:
                    logger.exception("failwell: hook %r failed; the call goes on", hook)
            return None
        case Update(key, change):
            assert rim.store is not None
            return rim.store.update(key, change)
        case Send():
            raise TypeError("a driver is given its own sender")
