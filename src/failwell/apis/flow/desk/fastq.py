"""Is this file FASTQ? Every record is read: four lines, as many qualities as bases.

Source: Cock et al., Nucleic Acids Research 38 (2010) 1767, for the format (Sanger variant).
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

EXPECTED = ("fastq", "fastq.gz")
LONGEST_LINE = 1 << 20
"""Bytes of one line: longer than any read, and little enough to hold."""

_NAME = r"(?i).*\.(?:fastq|fq)(\.gz)?"
_BASES = rb"[ACGTUNacgtunRYKMSWBDHVrykmswbdhv.]+"
_QUALITIES = rb"[!-~]+"
_SIGNATURES = {
    b"\x1f\x8b": "gzip",
    b"%PDF": "pdf",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\x89PNG": "png",
    b">": "fasta",
    b"@HD\t": "sam",
    b"@SQ\t": "sam",
}


class NotFastqError(ValueError):
    """It is not FASTQ: `received` says what it is instead, the message where and why."""

    def __init__(self, received: str, message: str) -> None:
        super().__init__(message)
        self.received = received


class Read(NamedTuple):
    """One record: name without the @, bases, qualities as characters from ``!`` (0) up."""

    name: bytes
    bases: bytes
    qualities: bytes


def is_compressed(name: str) -> bool:
    """Whether a file of reads with this name is gzip. Raises `NotFastqError` for another suffix."""
    found = re.fullmatch(_NAME, name, re.DOTALL)
    if found is None:
        suffix = Path(name).suffix.lstrip(".").lower()[:20] or "no suffix"
        raise NotFastqError(suffix, "Invalid file format. Expected FASTQ or FASTQ.gz")
    return found[1] is not None


def check_start(name: str, start: bytes) -> None:
    """Look at the first bytes of a file. Raises `NotFastqError` for what cannot be FASTQ."""
    compressed = is_compressed(name)
    is_fine = start.startswith(b"\x1f\x8b" if compressed else b"@") or not start
    what = _what_is(start)
    if not is_fine or (what == "sam" and not compressed):
        raise NotFastqError(what, f"The content is {what}, whatever the name says")


def count(path: Path, name: str) -> int:
    """The number of reads of a whole file. Raises `NotFastqError`; an empty file is none."""
    number = sum(1 for _ in reads(path, name))
    if number == 0:
        raise NotFastqError("nothing", "The file holds no reads")
    return number


def reads(path: Path, name: str) -> Iterator[Read]:
    """The records of a file, one by one. Raises `NotFastqError` at the first that is none."""
    with _opened(path, is_compressed(name)) as file:
        number = 0
        try:
            while header := _line(file):
                number += 1
                yield _record(number, header, _line(file), _line(file), _line(file))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise NotFastqError("broken gzip", f"After read {number}: {error}") from None


@contextmanager
def _opened(path: Path, compressed: bool) -> Generator[BinaryIO]:
    with path.open("rb") as raw:
        if not compressed:
            yield raw
            return
        with gzip.open(raw) as unpacked:
            yield unpacked  # type: ignore[misc]


def _line(file: BinaryIO) -> bytes:
    line = file.readline(LONGEST_LINE)
    if len(line) == LONGEST_LINE:
        raise NotFastqError("binary", f"A line is longer than {LONGEST_LINE} bytes")
    return line


def _record(number: int, header: bytes, bases: bytes, plus: bytes, qualities: bytes) -> Read:
    read = Read(header[1:].strip(), bases.rstrip(b"\r\n"), qualities.rstrip(b"\r\n"))
    why = _fault(header, read, plus)
    if why is not None:
        line = 4 * number - 3
        what = _what_is(header) if number == 1 else "broken FASTQ"
        raise NotFastqError(what, f"Read {number} (from line {line}): {why}")
    return read


def _fault(header: bytes, read: Read, plus: bytes) -> str | None:
    if not header.startswith(b"@"):
        return "it does not begin with @"
    if not plus.startswith(b"+"):
        return "its third line does not begin with +"
    if not re.fullmatch(_BASES, read.bases):
        return "its second line holds something else than bases"
    if len(read.qualities) != len(read.bases):
        return f"it has {len(read.bases)} bases and {len(read.qualities)} qualities"
    if not re.fullmatch(_QUALITIES, read.qualities):
        return "its fourth line holds something else than qualities"
    return None


def _what_is(start: bytes) -> str:
    for signature, what in _SIGNATURES.items():
        if start.startswith(signature):
            return what
    return "text" if all(byte >= 32 or byte in b"\t\r\n" for byte in start[:512]) else "binary"
