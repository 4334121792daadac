"""What is in a file: the pieces that it comes in, and what a whole one is checked for."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from failwell.apis.flow.desk import fastq
from failwell.apis.flow.refusals import bad_format, upload_failed

ARCHIVES = ("zip", "tar", "tar.gz")


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of a file, at `offset` bytes; `data` is the file's number from its second chunk on.

    `md5` and `file_size` are what the whole file is said to have. `is_reads` asks for FASTQ.
    """

    filename: str
    offset: int
    is_last: bool
    blob: bytes
    data: int | None = None
    md5: str | None = None
    file_size: int | None = None
    data_type: str | None = None
    is_directory: bool = False
    is_reads: bool = False


def write(path: Path, offset: int, blob: bytes) -> None:
    """Put a chunk at its place; what an attempt before has left after it is cut off."""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.seek(offset)
        file.write(blob)
        file.truncate()


class Whole(NamedTuple):
    """What is known of a file that is whole: its checksum, and how many reads it must hold."""

    md5: str | None = None
    reads: int = 0


def checked(path: Path, chunk: Chunk) -> Whole:
    """What is known of the file that this chunk has made whole.

    Raises UPLOAD_FAILED or INVALID_FORMAT where it is not what it is said to be.
    """
    size = path.stat().st_size
    if chunk.file_size not in (None, size):
        raise upload_failed("Size mismatch", expected_size=chunk.file_size, received_size=size)
    found, said = sum_of(path), chunk.md5 or ""
    if said and said.lower() != found:
        raise upload_failed("Checksum mismatch", expected_md5=said[:64], received_md5=found)
    if chunk.is_directory:
        _check_archive(path, chunk.filename)
    if not chunk.is_reads:
        return Whole(found)
    return Whole(found, reads(lambda: fastq.count(path, chunk.filename)))


def sum_of(path: Path) -> str:
    """The MD5 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _check_archive(path: Path, filename: str) -> None:
    if not (zipfile.is_zipfile(path) or tarfile.is_tarfile(path)):
        suffix = Path(filename).suffix.lstrip(".")[:20] or "no suffix"
        raise bad_format(ARCHIVES, suffix, "A directory is uploaded as an archive")


def reads(look: Callable[[], int | None]) -> int:
    """The reads that a look at a FASTQ file finds. Raises INVALID_FORMAT for what is none."""
    try:
        return look() or 0
    except fastq.NotFastqError as error:
        raise bad_format(fastq.EXPECTED, error.received, str(error)) from None
