"""Files that come in chunks, each at its offset.

A chunk that comes again, because its answer was lost, is taken as the one that it is; any other
that does not begin where the file ends is refused. What is refused at its end leaves nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from failwell.apis.flow.desk import fastq
from failwell.apis.flow.desk.catalogue import DATA_TYPES
from failwell.apis.flow.desk.content import Chunk, Whole, checked, reads, write
from failwell.apis.flow.limits import Limits
from failwell.apis.flow.records import Database, DataRow, UserRow, timestamp
from failwell.apis.flow.refusals import invalid, not_found, too_large, wrong, wrong_offset

_NAME = r"[^\s/\\\x00-\x1f\x7f]{1,200}"


class Uploads:
    """The files of the service; `folder()` is where they are, each under its number."""

    def __init__(
        self, database: Database, folder: Callable[[], Path], limits: Callable[[], Limits]
    ) -> None:
        self._database = database
        self._folder = folder
        self._limits = limits
        self._one_at_a_time = asyncio.Lock()

    def path(self, number: int) -> Path:
        """Where the content of a file is."""
        return self._folder() / str(number)

    def of_sample(self, number: int) -> list[DataRow]:
        """The whole files of a sample, in the order in which they came."""
        return self._database.all(DataRow, "sample = ? AND complete ORDER BY number", number)

    async def take(
        self, user: UserRow, chunk: Chunk, with_it: Callable[[DataRow], None] | None = None
    ) -> DataRow:
        """The file after this chunk. `with_it` is called, once, in the transaction that makes the
        file whole.

        Raises VALIDATION_ERROR, FILE_TOO_LARGE, INVALID_FORMAT, UPLOAD_FAILED or NOT_FOUND.
        """
        self._check(chunk)
        async with self._one_at_a_time:
            row = self._row(user, chunk)
            if row.last_offset == chunk.offset and row.last_md5 == _md5(chunk.blob):
                if row.complete or not chunk.is_last:
                    return row
            elif row.complete or chunk.offset != row.size:
                raise wrong_offset(row.size, chunk.offset)
            return await self._written(row, chunk, with_it)

    def add(self, user: int, filename: str, content: Path, md5: str, **columns: object) -> DataRow:
        """A whole file that the service itself has made; it is moved here from `content`."""
        size = content.stat().st_size
        fields = {"data_type": _type_of(filename), "md5": md5, **columns}
        row = self._database.add(DataRow, **(_new(user, filename) | fields))
        content.replace(self.path(row.number))
        self._database.change(DataRow, row.number, size=size, complete=1)
        return self._database.get(DataRow, row.number)

    def discard(self, number: int) -> None:
        """Forget a file and its content."""
        self._database.remove(DataRow, number)
        self.path(number).unlink(missing_ok=True)

    def _check(self, chunk: Chunk) -> None:
        if not re.fullmatch(_NAME, chunk.filename):
            why = "Give a name of 1 to 200 characters, without spaces or slashes"
            raise invalid(wrong("filename", why))
        if chunk.data_type not in (None, *DATA_TYPES):
            raise invalid(wrong("data_type", f"Use one of {', '.join(DATA_TYPES)}"))
        most = self._limits().max_upload_bytes
        size = max(chunk.offset + len(chunk.blob), chunk.file_size or 0)
        if size > most:
            raise too_large(most, size)
        if chunk.is_reads:
            start = chunk.blob[:512] if chunk.offset == 0 else b""
            reads(lambda: fastq.check_start(chunk.filename, start))

    def _row(self, user: UserRow, chunk: Chunk) -> DataRow:
        if chunk.data is not None:
            row = self._database.one(
                DataRow, "number = ? AND owner = ? AND process IS NULL", chunk.data, user.number
            )
            if row is None:
                raise not_found("data", chunk.data)
            return row
        if chunk.offset != 0:
            raise wrong_offset(0, chunk.offset)
        kind = chunk.data_type or _type_of(chunk.filename)
        fields = {"data_type": kind, "is_directory": int(chunk.is_directory)}
        return self._database.add(DataRow, **(_new(user.number, chunk.filename) | fields))

    async def _written(
        self, row: DataRow, chunk: Chunk, with_it: Callable[[DataRow], None] | None
    ) -> DataRow:
        path = self.path(row.number)
        try:
            await run_in_threadpool(write, path, chunk.offset, chunk.blob)
            whole = await run_in_threadpool(checked, path, chunk) if chunk.is_last else Whole()
        except Exception:
            if chunk.is_last or chunk.offset == 0:
                self.discard(row.number)
            raise
        with self._database.transaction():
            self._database.change(
                DataRow,
                row.number,
                size=chunk.offset + len(chunk.blob),
                last_offset=chunk.offset,
                last_md5=_md5(chunk.blob),
                complete=int(chunk.is_last),
                md5=whole.md5,
                reads=whole.reads,
            )
            row = self._database.get(DataRow, row.number)
            if chunk.is_last and with_it is not None:
                with_it(row)
        return self._database.get(DataRow, row.number)


def _new(owner: int, filename: str) -> dict[str, object]:
    return {
        "owner": owner,
        "filename": filename,
        "is_directory": 0,
        "created": timestamp(),
        "size": 0,
        "last_offset": -1,
        "last_md5": "",
        "complete": 0,
        "md5": None,
        "reads": 0,
        "given": 0,
    }


def _type_of(filename: str) -> str:
    suffixes = [suffix.lower().lstrip(".") for suffix in Path(filename).suffixes]
    named = {"fq": "fastq", "fa": "fasta"}
    found = [named.get(suffix, suffix) for suffix in suffixes if suffix != "gz"]
    return found[-1] if found and found[-1] in DATA_TYPES else "generic"


def _md5(blob: bytes) -> str:
    return hashlib.md5(blob, usedforsecurity=False).hexdigest()
