"""One life of a worker process, as the service sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from typing import Final

import msgspec

from failwell.apis.matcraft.engine.messages import Ended, Event, Message, Order, Ready, Run, Stop

_START_SECONDS: Final = 30.0
_LINE_LIMIT: Final = 16 * 1024 * 1024
_COMMAND = (sys.executable, "-P", "-m", "failwell.apis.matcraft.engine")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

Deliver = Callable[["Session", Event], None]
Over = Callable[["Session"], None]


class Session:
    """A worker process: it has at most one run at a time, `run`.

    `deliver` is called with each event, `over` once, when the process has ended.
    """

    def __init__(self, process: Process, deliver: Deliver, over: Over) -> None:
        self.run: Run | None = None
        self._process = process
        self._deliver = deliver
        self._over = over
        self._ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._watching = asyncio.create_task(self._watch())

    @classmethod
    async def open(cls, deliver: Deliver, over: Over) -> Session:
        """Start a process and wait until it reads. Raises `OSError` or `TimeoutError`."""
        process = await asyncio.create_subprocess_exec(
            *_COMMAND, stdin=PIPE, stdout=PIPE, limit=_LINE_LIMIT, env=os.environ | _ONE_THREAD
        )
        session = cls(process, deliver, over)
        try:
            async with asyncio.timeout(_START_SECONDS):
                is_ready = await session._ready
        except BaseException:
            await session.close()
            raise
        if not is_ready:
            raise OSError("the worker ended before it was ready")
        return session

    @property
    def name(self) -> str:
        """What the worker is called, in jobs and logs."""
        return f"worker-{self._process.pid}"

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def take(self, run: Run) -> None:
        """Hand it a run; it must have none."""
        self.run = run
        self._order(run)

    def give_up(self) -> None:
        """Have it leave off its run, after the batch that is under way."""
        if self.run is not None:
            self._order(Stop(self.run.id))

    async def close(self) -> None:
        """Kill the process and wait until it and its pipes are gone."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await asyncio.shield(self._watching)

    def _order(self, order: Order) -> None:
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(msgspec.json.encode(order) + b"\n")

    async def _watch(self) -> None:
        """Hear events until the process ends, and then see to it that nothing is left of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        decoder = msgspec.json.Decoder[Message](Message)
        async for line in self._process.stdout:
            self._hear(decoder.decode(line))
        self._process.stdin.close()
        with contextlib.suppress(ConnectionError):
            await self._process.stdin.wait_closed()
        await self._process.wait()
        if not self._ready.done():
            self._ready.set_result(False)
        self._over(self)

    def _hear(self, message: Message) -> None:
        if isinstance(message, Ready):
            self._ready.set_result(True)
        elif self.run is not None and self.run.id == message.id:
            if isinstance(message, Ended):
                self.run = None
            self._deliver(self, message)
