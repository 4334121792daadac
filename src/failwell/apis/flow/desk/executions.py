"""Executions: pipelines that run over samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from failwell.apis.flow.desk.fields import Fields, number_of
from failwell.apis.flow.desk.runs import Runs
from failwell.apis.flow.desk.sharing import Sharing
from failwell.apis.flow.desk.uploads import Uploads
from failwell.apis.flow.records import (
    Database,
    DataRow,
    ExecutionRow,
    ProcessRow,
    SampleRow,
    UserRow,
    timestamp,
)
from failwell.apis.flow.refusals import fail, invalid, no_pipeline, unavailable, wrong
from failwell.apis.flow.runner.host import Runner, RunnerStoppedError
from failwell.apis.flow.runner.pipelines import Version, found


class Executions:
    """The executions of the service: started, looked at, cancelled."""

    def __init__(
        self,
        database: Database,
        sharing: Sharing,
        uploads: Uploads,
        runner: Runner,
        runs: Runs,
    ) -> None:
        self._database = database
        self._sharing = sharing
        self._uploads = uploads
        self._runner = runner
        self._runs = runs

    def start(self, user: UserRow, name: str, values: Mapping[str, Any]) -> ExecutionRow:
        """A new execution of the version with this id, or of the pipeline with this name.

        Raises NO_PIPELINE_PERMISSION, PIPELINE_NOT_FOUND, VALIDATION_ERROR, INCOMPATIBLE_SAMPLES,
        NOT_FOUND or FORBIDDEN for what it is to work on, or 503 where the runner is away.
        """
        if not user.can_run_pipelines:
            raise fail("NO_PIPELINE_PERMISSION")
        known = found(name)
        if known is None:
            raise no_pipeline(name)
        version = known[1]
        ordered = self._ordered(user, version, Fields(values))
        with self._database.transaction():
            row = self._database.add(
                ExecutionRow,
                owner=user.number,
                version=version.number,
                status="",
                created=timestamp(),
                **ordered,
            )
            self._hand_over(row.number)
        return row

    def _ordered(self, user: UserRow, version: Version, fields: Fields) -> dict[str, str]:
        """What an execution is to do, as the columns of its row."""
        params = fields.object("params")
        data_params, csv_params = fields.object("data_params"), fields.object("csv_params")
        nextflow = fields.text("nextflow_version", most=50) or ""
        listed = fields.numbers("samples") + _samples_in(csv_params)
        fields.check()
        settings = version.settings(params)
        samples = self._samples(user, version, list(dict.fromkeys(listed)))
        data = self._data(user, data_params)
        if not samples and not data:
            raise invalid(wrong("samples", "Give a sample, or a file in data_params"))
        return {
            "params": _json(settings),
            "data_params": _json(data_params),
            "sample_params": _json(csv_params),
            "samples": _json(samples),
            "data": _json(data),
            "nextflow_version": nextflow,
        }

    def found(self, number: int | None, user: UserRow, level: str = "read") -> ExecutionRow:
        """The execution, for a user who has this level. Raises NOT_FOUND or FORBIDDEN."""
        return self._sharing.found(ExecutionRow, number, user, level)

    def processes(self, number: int) -> list[ProcessRow]:
        """The processes of an execution, in the order in which they ran."""
        return self._database.all(ProcessRow, "execution = ? ORDER BY number", number)

    def outputs(self, row: ExecutionRow) -> list[DataRow]:
        """The files that an execution has made. Raises EXECUTION_FAILED where it failed."""
        if row.status == "ERROR":
            details = {
                "execution_id": row.number,
                "failed_process": row.failed_process,
                "error": row.error,
            }
            raise fail("EXECUTION_FAILED", details=details)
        return [file for one in self.processes(row.number) for file in self.made_by(one.number)]

    def made_by(self, process: int) -> list[DataRow]:
        """The files that a process has made."""
        return self._database.all(DataRow, "process = ? AND complete ORDER BY number", process)

    async def cancel(self, row: ExecutionRow) -> ExecutionRow:
        """End an execution that has not ended."""
        if not row.status:
            await self._runner.drop(_job(row.number))
            self._database.run(
                "UPDATE executions SET status = 'CANCELED', finished = ? WHERE number = ?"
                " AND status = ''",
                timestamp(),
                row.number,
            )
        return self._database.get(ExecutionRow, row.number)

    def catch_up(self) -> None:
        """Give the runner all that has not ended, now that it or the database is back."""
        for row in self._database.all(ExecutionRow, "status = '' ORDER BY number"):
            self._hand_over(row.number)

    def _samples(self, user: UserRow, version: Version, numbers: list[int]) -> list[int]:
        rows = [self._sharing.found(SampleRow, number, user) for number in numbers]
        for reason, fits in _fitness(version, self._uploads.of_sample):
            unfit = [row.number for row in rows if not fits(row)]
            if unfit:
                details = {"incompatible_samples": unfit, "reason": reason}
                raise fail("INCOMPATIBLE_SAMPLES", details=details)
        return numbers

    def _data(self, user: UserRow, params: Mapping[str, Any]) -> list[int]:
        numbers: list[int] = []
        for name, value in params.items():
            number = number_of(value)
            if number is None:
                raise invalid(wrong(f"data_params.{name[:50]}", "Give the id of a file"))
            row = self._sharing.found(DataRow, number, user)
            if not row.complete:
                raise invalid(wrong(f"data_params.{name[:50]}", "This file is not whole yet"))
            numbers.append(number)
        return numbers

    def _hand_over(self, number: int) -> None:
        try:
            self._runner.submit(_job(number), lambda: self._runs.run(number))
        except RunnerStoppedError:
            raise unavailable("The pipeline runner is unavailable") from None


def _fitness(
    version: Version, files: Callable[[int], list[DataRow]]
) -> tuple[tuple[str, Callable[[SampleRow], bool]], ...]:
    """What a sample must be for this version, each with what is said where it is not."""
    organisms = version.organisms
    return (
        ("Wrong sample type", lambda row: row.sample_type in version.sample_types),
        ("Wrong organism", lambda row: not organisms or row.organism in organisms),
        ("No reads", lambda row: bool(files(row.number))),
    )


def _samples_in(csv_params: Mapping[str, Any]) -> list[int]:
    """The samples that tables name: a list of ids, or rows with a `sample` each."""
    found: list[int] = []
    for name, table in csv_params.items():
        rows: Any = cast("dict[str, Any]", table).get("rows") if isinstance(table, dict) else table
        listed = cast("list[Any]", rows) if isinstance(rows, list) else [rows]
        for row in listed:
            said: Any = cast("dict[str, Any]", row).get("sample") if isinstance(row, dict) else row
            number = number_of(said)
            if number is None:
                raise invalid(wrong(f"csv_params.{name[:50]}", "Give ids of samples"))
            found.append(number)
    return found


def _job(number: int) -> str:
    return f"execution {number}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
