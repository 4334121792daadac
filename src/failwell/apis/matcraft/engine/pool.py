"""The service's side: as many workers as are needed, and the campaigns that wait for one."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from failwell.apis.matcraft.engine.messages import Ended, Event, Run
from failwell.apis.matcraft.engine.session import Session

logger = logging.getLogger("failwell.sandbox")


class WorkerUnavailableError(Exception):
    """There is no worker, and none can be started."""


class Pool:
    """Starts up to `size` worker processes when they are first needed, and hands them runs.

    `deliver` is called with the name of the worker and each of its events; `lost` with the id of a
    run whose worker ended before it did. Use it on one event loop.
    """

    def __init__(
        self,
        deliver: Callable[[str, Event], None],
        lost: Callable[[str], None],
        size: int = 2,
    ) -> None:
        self._deliver = deliver
        self._lost = lost
        self._size = size
        self._is_open = True
        self._sessions: list[Session] = []
        self._waiting: deque[Run] = deque()
        self._opening = asyncio.Lock()
        self._background: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> bool:
        """Whether there are workers, or would be if they were needed."""
        return self._is_open

    @property
    def pids(self) -> list[int]:
        """The worker processes."""
        return [session.pid for session in self._sessions]

    async def start(self) -> None:
        """Let workers be started again."""
        self._is_open = True

    async def stop(self) -> None:
        """Kill the workers; their runs and those that wait are forgotten."""
        self._is_open = False
        self._waiting.clear()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        async with self._opening:
            await asyncio.gather(*(session.close() for session in self._sessions))

    async def ready(self) -> None:
        """Return when there is a worker. Raises `WorkerUnavailableError`."""
        if not self._sessions:
            await self._open(1)

    def holds(self, run: str) -> bool:
        """Whether this run waits or is under way."""
        under_way = (session.run for session in self._sessions)
        return any(one is not None and one.id == run for one in (*self._waiting, *under_way))

    def submit(self, run: Run) -> None:
        """Carry out a run as soon as a worker is free."""
        self._waiting.append(run)
        self._hand_out()

    def cancel(self, run: str) -> None:
        """Leave off a run: one that waits at once, one under way after its batch."""
        self._waiting = deque(one for one in self._waiting if one.id != run)
        for session in self._sessions:
            if session.run is not None and session.run.id == run:
                session.give_up()

    def _hand_out(self) -> None:
        for session in self._sessions:
            if self._waiting and session.run is None:
                session.take(self._waiting.popleft())
        if self._waiting and len(self._sessions) < self._size:
            task = asyncio.get_running_loop().create_task(self._reinforce())
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def _reinforce(self) -> None:
        try:
            await self._open(self._size)
        except WorkerUnavailableError as error:
            logger.warning("%s: %d campaigns wait", error, len(self._waiting))

    async def _open(self, most: int) -> None:
        """Start one more worker, unless there are so many by now."""
        async with self._opening:
            if not self._is_open:
                raise WorkerUnavailableError("The workers are stopped")
            if len(self._sessions) >= most:
                return
            try:
                self._sessions.append(await Session.open(self._heard, self._over))
            except (OSError, TimeoutError) as error:
                raise WorkerUnavailableError(f"A worker does not start: {error}") from error
        self._hand_out()

    def _heard(self, session: Session, event: Event) -> None:
        self._deliver(session.name, event)
        if isinstance(event, Ended):
            self._hand_out()

    def _over(self, session: Session) -> None:
        if session in self._sessions:
            self._sessions.remove(session)
        if session.run is not None:
            self._lost(session.run.id)
        if self._is_open and self._waiting:
            self._hand_out()
