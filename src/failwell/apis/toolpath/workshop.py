"""The records and the Engine, kept in step: what is written down goes to the Engine, and what the
Engine finds is written down.

A write that needs the Engine hands its task over first, and is then one transaction, its answer
included. Where the Engine is away, or the process is killed before that is committed, nothing is
left behind; afterwards, a task that the Engine has lost is given to it again. Tasks have ids of
their own, which never come again: what is found for a write that was rolled back is nobody's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager

import msgspec

from failwell.apis.toolpath.bodies import NewPart
from failwell.apis.toolpath.contract import TOOLPATH
from failwell.apis.toolpath.engine import (
    Engine,
    EngineUnavailableError,
    EstimateTask,
    Failure,
    Outcome,
    PartTask,
    ProgramTask,
    Task,
    Value,
)
from failwell.apis.toolpath.machining import Estimate, Program
from failwell.apis.toolpath.records import Records
from failwell.apis.toolpath.rows import PartRow, ProgramRow, Timings
from failwell.apis.toolpath.step import StepPart
from failwell.ids import minted

TIMINGS: tuple[Timings, ...] = ("fast", "refined")

fail = TOOLPATH.fail
logger = logging.getLogger("failwell.sandbox")


class Workshop:
    """Where parts are measured, programs made and estimates given; `seconds_per_task` is the
    Engine's pace."""

    def __init__(self, records: Records, *, seconds_per_task: float) -> None:
        self.records = records
        self.engine = Engine(seconds_per_task=seconds_per_task, on_result=self._computed)
        self._writing = asyncio.Lock()
        self._background: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Stop the Engine, and let go of what it has found since."""
        await self.engine.stop()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    @asynccontextmanager
    async def new_part(self, team: str, new: NewPart, step: str) -> AsyncGenerator[PartRow]:
        """A new part, in the Engine's hands; what the block writes stands or falls with it. Raises
        the 503, and the 400 for a text that is none; then there is no part."""
        task = PartTask(id=f"part-{minted()}", step=step)
        async with self._taken(task):
            yield self.records.add_part(task, team, new.name, new.units, new.source_file)

    @asynccontextmanager
    async def new_program(self, part: PartRow, cut_config: str) -> AsyncGenerator[ProgramRow]:
        """A new program of a measured part, in the Engine's hands; what the block writes stands or
        falls with it. Raises the 503; then there is no program."""
        task = _program_task(f"prog-{minted()}", part)
        async with self._taken(task):
            yield self.records.add_program(task.id, part, cut_config)

    @asynccontextmanager
    async def _taken(self, task: Task) -> AsyncGenerator[None]:
        """A transaction about a task that the Engine has taken. Nothing is awaited while it is
        open, and what the Engine finds is written down after it."""
        async with self._writing:
            await self._hand_over(task)
            with self.records.transaction():
                yield

    async def catch_up(self) -> None:
        """Give the Engine all that waits for it, now that it or the store is back."""
        if not (self.records.running and self.engine.running):
            return
        for task in list(self._waiting()):
            if task.id not in self.engine.outstanding:
                await self._offer(task)

    def _waiting(self) -> Iterator[Task]:
        for part in self.records.processing_parts():
            yield PartTask(id=part.task, step=part.step)
        for program in self.records.processing_programs():
            yield _program_task(program.task, self.records.part(program.part))
        for timings in TIMINGS:
            for program in self.records.unestimated_programs(timings):
                plan = msgspec.json.decode(program.plan or b"", type=Program)
                yield _estimate_task(program.task, plan, timings)

    async def _hand_over(self, task: Task) -> None:
        try:
            await self.engine.accept(task)
        except EngineUnavailableError:
            message = "The Engine is unavailable. The write was rolled back; retry later."
            raise fail("internal_error", 503, message=message, retry_after=1.0) from None
        except ValueError:
            raise fail("invalid_request", 400, message="The STEP text is not Unicode") from None

    async def _offer(self, task: Task) -> None:
        """Give the Engine a task that it will be given again where it cannot take it now."""
        with contextlib.suppress(EngineUnavailableError, ValueError):
            await self.engine.accept(task)

    def _computed(self, outcome: Outcome) -> None:
        task = asyncio.get_running_loop().create_task(self._keep(outcome))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _keep(self, outcome: Outcome) -> None:
        """Write down what the Engine found, and hand it the next step."""
        task, value = outcome.id.partition(".")[0], outcome.value
        try:
            async with self._writing:
                self._write_down(task, value)
        except sqlite3.ProgrammingError:
            logger.warning("the store is stopped: %s will be computed again", outcome.id)
            return
        if isinstance(value, Program):
            for timings in TIMINGS:
                await self._offer(_estimate_task(task, value, timings))

    def _write_down(self, task: str, value: Value) -> None:
        """Nothing is written where the task's own write did not come to pass."""
        with self.records.transaction():
            if task.startswith("part") and isinstance(value, (StepPart, Failure)):
                self.records.keep_part(task, value)
            elif task.startswith("prog") and isinstance(value, (Program, Failure)):
                self.records.keep_program(task, value)
            elif isinstance(value, Estimate):
                self.records.keep_estimate(task, value)


def _program_task(task: str, part: PartRow) -> ProgramTask:
    geometry = msgspec.json.decode(part.geometry or b"", type=StepPart)
    return ProgramTask(id=task, part=geometry, units=part.units)


def _estimate_task(task: str, program: Program, timings: Timings) -> EstimateTask:
    """The next step of a program's task, under an id of its own."""
    return EstimateTask(id=f"{task}.{timings}", program=program, timings=timings)
