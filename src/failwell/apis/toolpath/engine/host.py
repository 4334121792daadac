"""The service's side: starts the worker, hands it tasks and hears its outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from failwell.apis.toolpath.engine.messages import DEFAULT_SECONDS_PER_TASK, Outcome, Task
from failwell.apis.toolpath.engine.session import EngineUnavailableError, Session


class Engine:
    """Runs the worker process and hands it tasks.

    Use it on one event loop at a time. ``seconds_per_task`` is a pace setting for the sandbox: the
    worker rests that long over each task, on top of the real computing, so that there is something
    to watch and to interrupt. ``acknowledge_within`` is how many seconds :meth:`accept` waits.

    ``on_result`` is called with each outcome as it arrives, ``on_lost`` with the ids of the tasks
    that were accepted and unfinished when the process ended. With ``on_result``, outcomes are not
    kept for :meth:`result` once delivered.
    """

    def __init__(
        self,
        *,
        seconds_per_task: float = DEFAULT_SECONDS_PER_TASK,
        acknowledge_within: float = 2.0,
        on_result: Callable[[Outcome], None] | None = None,
        on_lost: Callable[[tuple[str, ...]], None] | None = None,
    ) -> None:
        self._seconds_per_task = seconds_per_task
        self._acknowledge_within = acknowledge_within
        self._on_result = on_result
        self._on_lost = on_lost
        self._session: Session | None = None
        self._changing = asyncio.Lock()

    @property
    def running(self) -> bool:
        """Whether the process is there; it may still be busy or stuck."""
        return self._session is not None and self._session.is_alive

    @property
    def pid(self) -> int | None:
        """The id of the worker process, or ``None`` if it is not running."""
        return self._session.process.pid if self._session and self.running else None

    @property
    def outstanding(self) -> tuple[str, ...]:
        """The ids of the tasks that were accepted and are not finished."""
        return tuple(self._session.unfinished) if self._session else ()

    async def start(self) -> None:
        """Start the process and wait until it is ready; do nothing if it is running.

        Raises :class:`EngineUnavailableError` if it does not get ready.
        """
        async with self._changing:
            if self.running:
                return
            await self._close()
            self._session = await Session.open(self._seconds_per_task, self._deliver, self._lose)

    async def stop(self) -> None:
        """Kill the process and wait until it is gone; do nothing if it is not running."""
        async with self._changing:
            await self._close()

    async def accept(self, task: Task) -> None:
        """Return when the Engine has taken the task.

        Raises :class:`EngineUnavailableError` if the process is not there or does not acknowledge
        in time; the task is then forgotten, and an outcome that still comes is dropped. Raises
        :class:`ValueError` if a task of this id is outstanding, or if its text holds surrogates.
        """
        session = self._alive()
        if session.has(task.id):
            raise ValueError(f"task {task.id} is outstanding already")
        line = msgspec.json.encode(task) + b"\n"
        try:
            async with asyncio.timeout(self._acknowledge_within):
                await session.submit(task.id, line)
        except TimeoutError:
            raise EngineUnavailableError("the Engine does not acknowledge") from None

    async def result(self, task_id: str) -> Outcome:
        """Return the outcome of an accepted task, once.

        Raises :class:`EngineUnavailableError` if the Engine does not have the task: it was never
        accepted, its outcome was delivered already, or the process ended before it was finished.
        """
        outcome = await self._session.outcome(task_id) if self._session else None
        if outcome is None:
            raise EngineUnavailableError(f"the Engine does not have task {task_id}")
        return outcome

    def _alive(self) -> Session:
        if self._session is None or not self._session.is_alive:
            raise EngineUnavailableError("the Engine is not running")
        return self._session

    def _deliver(self, outcome: Outcome) -> bool:
        if self._on_result is None:
            return False
        asyncio.get_running_loop().call_soon(self._on_result, outcome)
        return True

    def _lose(self, task_ids: tuple[str, ...]) -> None:
        if self._on_lost is not None and task_ids:
            asyncio.get_running_loop().call_soon(self._on_lost, task_ids)

    async def _close(self) -> None:
        if self._session is not None:
            await self._session.close()
