"""What the Toolpath service keeps: keys, parts, programs, projects and estimates, in SQLite."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from failwell.apis.database import SQLiteFile, opened, records, timestamp, transaction
from failwell.apis.toolpath.engine import Failure
from failwell.apis.toolpath.machining import Estimate, Program
from failwell.apis.toolpath.rows import Key, PartRow, ProgramRow, Timings
from failwell.apis.toolpath.step import StepPart

R = TypeVar("R")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    token TEXT PRIMARY KEY, team TEXT NOT NULL, scope TEXT NOT NULL,
    expires REAL, revoked REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
    number INTEGER PRIMARY KEY, team TEXT NOT NULL, name TEXT NOT NULL, units TEXT NOT NULL,
    source_file TEXT, step TEXT NOT NULL, created TEXT NOT NULL, status TEXT NOT NULL,
    failure_code TEXT, failure_reason TEXT, geometry BLOB, project TEXT
);
CREATE TABLE IF NOT EXISTS programs (
    number INTEGER PRIMARY KEY, part INTEGER NOT NULL REFERENCES parts, team TEXT NOT NULL,
    cut_config TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL, status TEXT NOT NULL,
    failure_code TEXT, failure_reason TEXT, plan BLOB
);
CREATE TABLE IF NOT EXISTS estimates (
    program INTEGER NOT NULL REFERENCES programs, timings TEXT NOT NULL, estimate BLOB,
    PRIMARY KEY (program, timings)
) WITHOUT ROWID;
"""


class Records(SQLiteFile):
    """The service's database, in a folder: one writer, and readers that see what is committed.

    Raises `sqlite3.ProgrammingError` for what it is asked while it is stopped.
    """

    file = "toolpath.db"
    schema = _SCHEMA

    def __init__(self, folder: Callable[[], Path]) -> None:
        super().__init__(folder)
        self._read: sqlite3.Connection | None = None
        self._writing = asyncio.Lock()

    async def start(self) -> None:
        """Open the database; the first time, make its tables."""
        async with self._writing:
            await super().start()
            if self._read is None:
                self._read = self._connect()

    async def stop(self) -> None:
        """Close the database, between two transactions."""
        async with self._writing:
            await super().stop()
            if self._read is not None:
                self._read.close()
                self._read = None

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[None]:
        """What is written inside stands or falls together, and nobody else writes meanwhile."""
        async with self._writing:
            with transaction(self._open):
                yield

    @property
    def _reader(self) -> sqlite3.Connection:
        return opened(self._read)

    def add_key(self, key: Key) -> None:
        """Keep an API key."""
        self._open.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?)", msgspec.structs.astuple(key))

    def key(self, token: str) -> Key | None:
        """The API key with this token."""
        row = self._reader.execute("SELECT * FROM keys WHERE token = ?", (token,)).fetchone()
        return None if row is None else Key(*row)

    def add_part(self, team: str, name: str, units: str, source: str | None, step: str) -> PartRow:
        """A new part, processing."""
        cursor = self._open.execute(
            "INSERT INTO parts (team, name, units, source_file, step, created, status)"
            " VALUES (?, ?, ?, ?, ?, ?, 'processing')",
            (team, name, units, source, step, timestamp()),
        )
        return _row(self._open, PartRow, "parts", cursor.lastrowid)

    def part(self, number: int) -> PartRow:
        """The part with this number. Raises `LookupError`."""
        return _row(self._reader, PartRow, "parts", number)

    def keep_part(self, number: int, value: StepPart | Failure) -> None:
        """The Engine has measured the part, or says why it could not."""
        code, reason = _why(value)
        self._open.execute(
            "UPDATE parts SET status = ?, failure_code = ?, failure_reason = ?, geometry = ?"
            " WHERE number = ?",
            ("failed" if code else "ready", code, reason, _json(value), number),
        )

    def add_program(self, part: PartRow, cut_config: str) -> ProgramRow:
        """A new program of a part, processing; a part's first one also makes its project."""
        now = timestamp()
        if part.project is None:
            project = f"API: {part.name} ({now})"
            self._open.execute(
                "UPDATE parts SET project = ? WHERE number = ? AND project IS NULL",
                (project, part.number),
            )
        cursor = self._open.execute(
            "INSERT INTO programs (part, team, cut_config, created, updated, status)"
            " VALUES (?, ?, ?, ?, ?, 'processing')",
            (part.number, part.team, cut_config, now, now),
        )
        return _row(self._open, ProgramRow, "programs", cursor.lastrowid)

    def program(self, number: int) -> ProgramRow:
        """The program with this number. Raises `LookupError`."""
        return _row(self._reader, ProgramRow, "programs", number)

    def program_of(self, part: int) -> str | None:
        """The id of the newest program of a part."""
        row = self._reader.execute(
            "SELECT max(number) FROM programs WHERE part = ?", (part,)
        ).fetchone()
        return None if row[0] is None else f"prog{row[0]:04d}"

    def keep_program(self, number: int, value: Program | Failure) -> None:
        """The Engine has planned the program, or says why it could not."""
        code, reason = _why(value)
        self._open.execute(
            "UPDATE programs SET status = ?, failure_code = ?, failure_reason = ?, plan = ?,"
            " updated = ? WHERE number = ?",
            ("failed" if code else "ready", code, reason, _json(value), timestamp(), number),
        )

    def estimate(self, program: int, timings: Timings) -> Estimate | None:
        """The estimate of a program; None while it is not there."""
        row = self._reader.execute(
            "SELECT estimate FROM estimates WHERE program = ? AND timings = ?", (program, timings)
        ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Estimate)

    def keep_estimate(self, program: int, estimate: Estimate) -> None:
        """The Engine has estimated the program."""
        self._open.execute(
            "INSERT OR REPLACE INTO estimates VALUES (?, ?, ?)",
            (program, estimate.timings, msgspec.json.encode(estimate)),
        )

    def processing_parts(self) -> list[PartRow]:
        """The parts that wait for the Engine."""
        return _rows(self._reader, PartRow, "parts WHERE status = 'processing'")

    def processing_programs(self) -> list[ProgramRow]:
        """The programs that wait for the Engine."""
        return _rows(self._reader, ProgramRow, "programs WHERE status = 'processing'")

    def unestimated_programs(self, timings: Timings) -> list[ProgramRow]:
        """The programs that are ready and wait for this estimate."""
        return _rows(
            self._reader,
            ProgramRow,
            "programs WHERE status = 'ready' AND number NOT IN"
            f" (SELECT program FROM estimates WHERE timings = '{timings}')",
        )

    def created(self) -> dict[str, int]:
        """How many of each were really created; it can be asked while the database is
        stopped."""
        tables = ("parts", "programs")
        return self.counts({table: f"SELECT count(*) FROM {table}" for table in tables})


def _row(connection: sqlite3.Connection, cls: type[R], table: str, number: int | None) -> R:
    found = _rows(connection, cls, f"{table} WHERE number = {int(number or 0)}")
    if not found:
        raise LookupError(f"no {table} {number}")
    return found[0]


def _rows(connection: sqlite3.Connection, cls: type[R], where: str) -> list[R]:
    return records(connection.execute(f"SELECT * FROM {where}"), cls)


def _why(value: StepPart | Program | Failure) -> tuple[str | None, str | None]:
    return (value.code, value.reason) if isinstance(value, Failure) else (None, None)


def _json(value: StepPart | Program | Failure) -> bytes | None:
    return None if isinstance(value, Failure) else msgspec.json.encode(value)
