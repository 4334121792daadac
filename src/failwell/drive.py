"""The drivers: they perform a flow's actions, in the sync world and in the async one, and step by
step for a rim that is called back.

This is the only file that knows both worlds and the only one that reads the clock for a flow. A
driver throws whatever goes wrong into the flow, so that the flow may speak to it, and always
closes the flow.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar, cast

import msgspec

from failwell.actions import (
    Action,
    AsyncSender,
    AsyncStore,
    Emit,
    Flow,
    Renew,
    Send,
    Sender,
    Store,
    Update,
    Wait,
)
from failwell.model import Reply

if TYPE_CHECKING:
    from failwell.events import Hook
    from failwell.tokens import RefreshError

T = TypeVar("T")

logger = logging.getLogger("failwell")


Renewal: TypeAlias = "Callable[[Renew], RefreshError | Awaitable[RefreshError | None] | None]"
"""Performs a `Renew`."""


class Rim(msgspec.Struct, frozen=True, kw_only=True):
    """Where a flow touches the world; tests put a hand-moved clock in the place of the real one.
    `store` may forget, `durable` must not."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    hooks: Sequence[Hook] = ()
    store: Store | AsyncStore | None = None
    durable: Store | AsyncStore | None = None
    renew: Renewal | None = None


async def asleep(seconds: float) -> None:
    """`time.sleep` in the async world, by asyncio or by trio."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        import anyio

        await anyio.sleep(seconds)
    else:
        await asyncio.sleep(seconds)


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


class Stepped(Generic[T]):
    """A flow, performed as far as its first `Send`, and on from there when the answer is there:
    for a rim that is called, and cannot call.

    `sends` is the request that waits for its answer; None where the flow has come to its end,
    and `result` is what it returned. Raises what the flow raises.
    """

    def __init__(self, flow: Flow[T], rim: Rim) -> None:
        self._flow = flow
        self._rim = rim
        self.sends: Send | None = None
        self.result: T | None = None
        self._go_on(lambda: flow.send(None))  # type: ignore[arg-type]

    def answer(self, reply: Reply) -> T:
        """Perform the rest of the flow, now that the request is answered; its return value."""
        now = self._rim.clock()
        return self._ended(lambda: self._flow.send((reply, now)))

    def fail(self, error: Exception) -> T:
        """Perform the rest of the flow, now that the request has failed; its return value."""
        return self._ended(lambda: self._flow.throw(error))

    def _ended(self, step: Callable[[], Action]) -> T:
        self._go_on(step)
        if self.sends is not None:
            self._flow.close()
            raise RuntimeError("the flow sends more than once: it cannot be performed in steps")
        return cast("T", self.result)

    def _go_on(self, step: Callable[[], Action]) -> None:
        self.sends = None
        try:
            while type(action := step()) is not Send:
                step = self._performed(action)
        except StopIteration as end:
            self.result = end.value
        else:
            self.sends = action

    def _performed(self, action: Action) -> Callable[[], Action]:
        try:
            answer = _perform(action, self._rim)
        except BaseException as error:
            thrown = error
            return lambda: self._flow.throw(thrown)
        now = self._rim.clock()
        return lambda: self._flow.send((answer, now))


class AsyncStepped(Generic[T]):
    """The same for a rim that awaits; `begin` performs the flow as far as its first `Send`."""

    def __init__(self, flow: Flow[T], rim: Rim) -> None:
        self._flow = flow
        self._rim = rim
        self.sends: Send | None = None
        self.result: T | None = None

    async def begin(self) -> None:
        """Perform the flow as far as its first `Send`. Raises what the flow raises."""
        await self._go_on(lambda: self._flow.send(None))  # type: ignore[arg-type]

    async def answer(self, reply: Reply) -> T:
        """Perform the rest of the flow, now that the request is answered; its return value."""
        now = self._rim.clock()
        return await self._ended(lambda: self._flow.send((reply, now)))

    async def fail(self, error: Exception) -> T:
        """Perform the rest of the flow, now that the request has failed; its return value."""
        return await self._ended(lambda: self._flow.throw(error))

    async def _ended(self, step: Callable[[], Action]) -> T:
        await self._go_on(step)
        if self.sends is not None:
            self._flow.close()
            raise RuntimeError("the flow sends more than once: it cannot be performed in steps")
        return cast("T", self.result)

    async def _go_on(self, step: Callable[[], Action]) -> None:
        self.sends = None
        try:
            while type(action := step()) is not Send:
                step = await self._performed(action)
        except StopIteration as end:
            self.result = end.value
        else:
            self.sends = action

    async def _performed(self, action: Action) -> Callable[[], Action]:
        try:
            answer = _perform(action, self._rim)
            if inspect.isawaitable(answer):
                answer = await answer
        except BaseException as error:
            thrown = error
            return lambda: self._flow.throw(thrown)
        now = self._rim.clock()
        return lambda: self._flow.send((answer, now))


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
        case Update(key, change, durable):
            store = rim.durable if durable else rim.store
            assert store is not None
            return store.update(key, change)
        case Renew():
            assert rim.renew is not None
            return rim.renew(action)
        case Send():
            raise TypeError("a driver is given its own sender")
