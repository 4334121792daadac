"""What the Toolpath service keeps, in one SQLite file: keys, parts, programs, projects, estimates,
and the answers to keyed writes, so that a write and its answer are one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from failwell.actions import Change, StoreError
from failwell.apis.database import Database, opened, records, timestamp
from failwell.apis.toolpath.engine import Failure, PartTask
from failwell.apis.toolpath.machining import Estimate, Program
from failwell.apis.toolpath.rows import Key, PartRow, ProgramRow, Timings
from failwell.apis.toolpath.step import StepPart
from failwell.server import context
from failwell.stores.sqlite import SQLiteStore

R = TypeVar("R")
A = TypeVar("A")

_SCHEMA = """
BEGIN;
CREATE TABLE keys (
    name TEXT PRIMARY KEY, token TEXT NOT NULL UNIQUE, team TEXT NOT NULL, scope TEXT NOT NULL,
    expires REAL, revoked REAL
) WITHOUT ROWID;
CREATE TABLE parts (
    number INTEGER PRIMARY KEY, task TEXT NOT NULL UNIQUE, team TEXT NOT NULL, name TEXT NOT NULL,
    units TEXT NOT NULL, source_file TEXT, step TEXT NOT NULL, created TEXT NOT NULL,
    status TEXT NOT NULL, failure_code TEXT, failure_reason TEXT, geometry BLOB, project TEXT
);
CREATE TABLE programs (
    number INTEGER PRIMARY KEY, task TEXT NOT NULL UNIQUE, part INTEGER NOT NULL REFERENCES parts,
    team TEXT NOT NULL, cut_config TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL,
    status TEXT NOT NULL, failure_code TEXT, failure_reason TEXT, plan BLOB
);
CREATE TABLE estimates (
    program INTEGER NOT NULL REFERENCES programs, timings TEXT NOT NULL, estimate BLOB,
    PRIMARY KEY (program, timings)
) WITHOUT ROWID;
COMMIT;
"""


class Records(Database):
    """The service's database, in a folder: one writer, and readers that see what is committed. It
    is the store of the service's keyed writes, too.

    Raises `sqlite3.ProgrammingError` for what it is asked while it is stopped; `update`, as every
    store's, raises `StoreError`.
    """

    file = "toolpath.db"
    schema = _SCHEMA

    def __init__(self, folder: Callable[[], Path]) -> None:
        super().__init__(folder)
        self._read: sqlite3.Connection | None = None
        self._answers: SQLiteStore | None = None

    async def start(self) -> None:
        """Open the database; the first time, make its tables, and the store's after them."""
        if not self.running:
            await super().start()
            self._read = self._connect()
            self._answers = SQLiteStore(str(self._folder() / self.file))

    async def stop(self) -> None:
        """Close the database, between two transactions."""
        await super().stop()
        for further in (self._read, self._answers):
            if further is not None:
                further.close()
        self._read = self._answers = None

    @property
    def _reader(self) -> sqlite3.Connection:
        return opened(self._read)

    def update(self, key: str, change: Change[R, A]) -> A:
        """Apply `change` to the record of a keyed write, atomically; its answer."""
        answers = self._answers
        if answers is None:
            raise StoreError("the database is stopped")
        return answers.update(key, change)

    def keep_answer(self, status: int, body: bytes, headers: Iterable[tuple[str, str]]) -> None:
        """The answer to the write that is served now, in the transaction that is open: both stand,
        or neither. Raises what rolls both back where the write came too late."""
        context.idempotency().commit(self._open, status, body, headers)

    def keys(self, fresh: Iterable[Key]) -> list[Key]:
        """The API keys that are kept; the fresh ones, from now on, where there are none yet."""
        with self.transaction():
            if not self._kept_keys():
                self._open.executemany(
                    "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?)",
                    map(msgspec.structs.astuple, fresh),
                )
            return self._kept_keys()

    def _kept_keys(self) -> list[Key]:
        return _rows(self._open, Key, "keys")

    def key(self, token: str) -> Key | None:
        """The API key with this token."""
        found = self._reader.execute("SELECT * FROM keys WHERE token = ?", (token,)).fetchone()
        return None if found is None else Key(*found)

    def add_part(
        self, task: PartTask, team: str, name: str, units: str, source: str | None
    ) -> PartRow:
        """A new part, processing: the Engine has this task."""
        cursor = self._open.execute(
            "INSERT INTO parts (task, team, name, units, source_file, step, created, status)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 'processing')",
            (task.id, team, name, units, source, task.step, timestamp()),
        )
        return _row(self._open, PartRow, "parts", cursor.lastrowid)

    def part(self, number: int) -> PartRow:
        """The part with this number. Raises `LookupError`."""
        return _row(self._reader, PartRow, "parts", number)

    def keep_part(self, task: str, value: StepPart | Failure) -> None:
        """The Engine has measured the part of this task, or says why it could not."""
        code, reason = _why(value)
        self._open.execute(
            "UPDATE parts SET status = ?, failure_code = ?, failure_reason = ?, geometry = ?"
            " WHERE task = ?",
            ("failed" if code else "ready", code, reason, _json(value), task),
        )

    def add_program(self, task: str, part: PartRow, cut_config: str) -> ProgramRow:
        """A new program of a part, processing: the Engine has this task. A part's first one also
        makes its project."""
        now = timestamp()
        if part.project is None:
            project = f"API: {part.name} ({now})"
            self._open.execute(
                "UPDATE parts SET project = ? WHERE number = ? AND project IS NULL",
                (project, part.number),
            )
        cursor = self._open.execute(
            "INSERT INTO programs (task, part, team, cut_config, created, updated, status)"
            " VALUES (?, ?, ?, ?, ?, ?, 'processing')",
            (task, part.number, part.team, cut_config, now, now),
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

    def keep_program(self, task: str, value: Program | Failure) -> None:
        """The Engine has planned the program of this task, or says why it could not."""
        code, reason = _why(value)
        self._open.execute(
            "UPDATE programs SET status = ?, failure_code = ?, failure_reason = ?, plan = ?,"
            " updated = ? WHERE task = ?",
            ("failed" if code else "ready", code, reason, _json(value), timestamp(), task),
        )

    def estimate(self, program: int, timings: Timings) -> Estimate | None:
        """The estimate of a program; None while it is not there."""
        row = self._reader.execute(
            "SELECT estimate FROM estimates WHERE program = ? AND timings = ?", (program, timings)
        ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Estimate)

    def keep_estimate(self, task: str, estimate: Estimate) -> None:
        """The Engine has estimated the program of this task."""
        self._open.execute(
            "INSERT OR REPLACE INTO estimates SELECT number, ?, ? FROM programs WHERE task = ?",
            (estimate.timings, msgspec.json.encode(estimate), task),
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
