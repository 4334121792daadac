"""An execution is carried out: one real process after another, each with the same inputs."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from failwell.apis.flow.desk.content import sum_of
from failwell.apis.flow.desk.uploads import Uploads
from failwell.apis.flow.limits import MIB, Limits
from failwell.apis.flow.records import Database, DataRow, ExecutionRow, ProcessRow, timestamp
from failwell.apis.flow.runner.host import command, run
from failwell.apis.flow.runner.messages import Ended, Input, Job
from failwell.apis.flow.runner.pipelines import VERSIONS


class Runs:
    """Carries executions out; `folder()` is where their processes work."""

    def __init__(
        self,
        database: Database,
        uploads: Uploads,
        folder: Callable[[], Path],
        limits: Callable[[], Limits],
    ) -> None:
        self._database = database
        self._uploads = uploads
        self._folder = folder
        self._limits = limits

    async def run(self, number: int) -> None:
        """Run the processes of an execution; what an attempt before has left is forgotten.

        Raises `sqlite3.ProgrammingError` where the database goes away: it is to be run again.
        """
        try:
            await self._run(self._database.get(ExecutionRow, number))
        except sqlite3.ProgrammingError:
            raise
        except Exception as error:
            self._end(number, "ERROR", error=f"The runner failed: {type(error).__name__}")
            raise

    async def _run(self, row: ExecutionRow) -> None:
        number = row.number
        self._forget_processes(number)
        self._database.change(ExecutionRow, number, started=timestamp())
        folder = self._folder() / str(number)
        inputs = self._inputs(row)
        try:
            for name in VERSIONS[row.version][1].processes:
                ended = await self._process(row, name, inputs, folder / name)
                if ended.exit_code:
                    self._end(number, "ERROR", failed_process=name, error=ended.error)
                    return
            self._end(number, "OK")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _process(
        self, row: ExecutionRow, name: str, inputs: list[Input], folder: Path
    ) -> Ended:
        job = Job(
            process=name,
            inputs=inputs,
            params=msgspec.json.decode(row.params),
            memory=self._limits().process_memory_mb * MIB,
        )
        process = self._begun(row.number, name)
        ended = await run(job, folder)
        outputs = [] if ended.exit_code else sorted(folder.iterdir())
        sums = [await asyncio.to_thread(sum_of, made) for made in outputs]
        with self._database.transaction():
            self._database.change(
                ProcessRow,
                process.number,
                status="ERROR" if ended.exit_code else "COMPLETED",
                finished=timestamp(),
                **msgspec.structs.asdict(ended),
            )
            for made, md5 in zip(outputs, sums, strict=True):
                self._uploads.add(row.owner, made.name, made, md5, process=process.number)
        return ended

    def _begun(self, execution: int, name: str) -> ProcessRow:
        return self._database.add(
            ProcessRow,
            execution=execution,
            name=name,
            status="RUNNING",
            started=timestamp(),
            stdout="",
            stderr="",
            command=" ".join(command(Path(f"{name}.json"))[1:]),
        )

    def _end(self, number: int, status: str, **columns: Any) -> None:
        finished = timestamp()
        self._database.change(ExecutionRow, number, status=status, finished=finished, **columns)

    def _forget_processes(self, number: int) -> None:
        for process in self._database.all(ProcessRow, "execution = ?", number):
            for file in self._database.all(DataRow, "process = ?", process.number):
                self._uploads.discard(file.number)
            self._database.remove(ProcessRow, process.number)

    def _inputs(self, row: ExecutionRow) -> list[Input]:
        files = [file for number in row.sample_numbers for file in self._uploads.of_sample(number)]
        files += [self._database.get(DataRow, number) for number in row.data_numbers]
        return [Input(file.filename, str(self._uploads.path(file.number))) for file in files]
