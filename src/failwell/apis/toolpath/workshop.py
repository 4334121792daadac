"""The records and the Engine, kept in step: what is written down goes to the Engine, and what the
Engine finds is written down.

A write that needs the Engine is one transaction that commits only when the Engine has taken the
task: where the Engine is away, nothing is left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Iterator

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
)
from failwell.apis.toolpath.machining import Estimate, Program
from failwell.apis.toolpath.records import Records
from failwell.apis.toolpath.rows import PartRow, ProgramRow, Timings
from failwell.apis.toolpath.step import StepPart

TIMINGS: tuple[Timings, ...] = ("fast", "refined")

fail = TOOLPATH.fail
logger = logging.getLogger("failwell.sandbox")


class Workshop:
    """Where parts are measured, programs made and estimates given; `seconds_per_task` is the
    Engine's pace."""

    def __init__(self, records: Records, *, seconds_per_task: float) -> None:
        self.records = records
        self.engine = Engine(seconds_per_task=seconds_per_task, on_result=self._computed)
        self._background: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Stop the Engine, and let go of what it has found since."""
        await self.engine.stop()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def add_part(self, team: str, new: NewPart, step: str) -> PartRow:
        """A new part, in the Engine's hands. Raises the 503, and the 400 for a text that is none;
        then there is no part."""
        async with self.records.transaction():
            part = self.records.add_part(team, new.name, new.units, new.source_file, step)
            await self._hand_over(PartTask(id=part.id, step=step))
        return part

    async def add_program(self, part: PartRow, cut_config: str) -> ProgramRow:
        """A new program of a measured part, in the Engine's hands. Raises the 503; then there is
        no program."""
        async with self.records.transaction():
            program = self.records.add_program(part, cut_config)
            await self._hand_over(_program_task(program, part))
        return program

    async def catch_up(self) -> None:
        """Give the Engine all that waits for it, now that it or the store is back."""
        if not (self.records.running and self.engine.running):
            return
        for task in list(self._waiting()):
            if task.id not in self.engine.outstanding:
                await self._offer(task)

    def _waiting(self) -> Iterator[Task]:
        for part in self.records.processing_parts():
            yield PartTask(id=part.id, step=part.step)
        for program in self.records.processing_programs():
            yield _program_task(program, self.records.part(program.part))
        for timings in TIMINGS:
            for program in self.records.unestimated_programs(timings):
                plan = msgspec.json.decode(program.plan or b"", type=Program)
                yield _estimate_task(program.number, plan, timings)

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
        number = int(outcome.id[4:].partition(".")[0])
        try:
            async with self.records.transaction():
                self._write_down(number, outcome)
        except sqlite3.ProgrammingError:
            logger.warning("the store is stopped: %s will be computed again", outcome.id)
            return
        if isinstance(outcome.value, Program):
            for timings in TIMINGS:
                await self._offer(_estimate_task(number, outcome.value, timings))

    def _write_down(self, number: int, outcome: Outcome) -> None:
        value = outcome.value
        if outcome.id.startswith("part") and isinstance(value, (StepPart, Failure)):
            self.records.keep_part(number, value)
        elif outcome.id.startswith("prog") and isinstance(value, (Program, Failure)):
            self.records.keep_program(number, value)
        elif isinstance(value, Estimate):
            self.records.keep_estimate(number, value)


def _program_task(program: ProgramRow, part: PartRow) -> ProgramTask:
    geometry = msgspec.json.decode(part.geometry or b"", type=StepPart)
    return ProgramTask(id=program.id, part=geometry, units=part.units)


def _estimate_task(number: int, program: Program, timings: Timings) -> EstimateTask:
    return EstimateTask(id=f"prog{number:04d}.{timings}", program=program, timings=timings)
