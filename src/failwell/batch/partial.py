"""A file that is being downloaded: what is there of it, and what the server said it belongs to.

It grows beside its place as `<path>.part`, with `<path>.part.json` telling of which version, and
takes its place only when it is whole.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from failwell.errors import BadResponseError
from failwell.model import Failure, Kind


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """Which file at which URL: `etag` is a strong one (RFC 9110 section 8.8.3), `total` its bytes,
    where the server said so."""

    url: str
    etag: str
    total: int | None = None


Check = Callable[[Path], None]
"""Raises where a file that has come whole is not what it should be."""

_CONTENT_RANGE = r"bytes (\d+)-\d+/(\d+|\*)"


class Partial:
    """The part of the file at `url` that is there, for `path`. `has_begun` says whether an answer
    to the last question has."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.total: int | None = None
        self.has_begun = False
        self._url = url
        self._part = path.with_name(path.name + ".part")
        self._facts = path.with_name(path.name + ".part.json")
        self._version = self._known()

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self._part.stat().st_size if self._part.exists() else 0

    def asks(self) -> dict[str, str]:
        """The header fields that ask for the rest, if it is still the same file (RFC 9110 sections
        13.1.2, 13.1.5 and 14.2); as it is on the disk, for ranges of a compressed form mean
        others."""
        self.has_begun = False
        plain, version = {"Accept-Encoding": "identity"}, self._version
        if version is None or not self.size:
            return plain
        if self.size == version.total:
            return {**plain, "If-None-Match": version.etag}
        return {**plain, "Range": f"bytes={self.size}-", "If-Range": version.etag}

    def begin(self, status: int, fields: Mapping[str, str]) -> bool:
        """Get ready for the body of this answer; whether there is one that is needed.

        Raises `BadResponseError` for a part that does not fit to what is there.
        """
        self.has_begun = True
        if status == 304:
            return False
        if status == 206:
            self._go_on(fields)
        else:
            self.drop()
            self.total = _length_of(fields)
            self._know(fields.get("etag") if _is_plain(fields) else None)
        return True

    def _go_on(self, fields: Mapping[str, str]) -> None:
        start, self.total = _range_of(fields.get("content-range", ""))
        known = None if self._version is None else self._version.etag
        is_same = fields.get("etag", known) == known and _is_plain(fields)
        if start != self.size or not is_same:
            size = self.size
            self.drop()
            raise _misfit(
                f"Bytes from {size} on were asked for, and those from {start} on came, "
                "or those of another version"
            )

    def write(self, chunk: bytes) -> None:
        """Add bytes at the end."""
        with self._part.open("ab") as file:
            file.write(chunk)

    def finish(self, check: Check | None = None) -> None:
        """Put the whole file into its place, at once. Raises `BadResponseError` where it is not as
        long as the server said, and what `check` raises; then nothing is kept of it."""
        self._part.touch()
        if self.total is not None and self.size != self.total:
            size = self.size
            self.drop()
            raise _misfit(f"The file has {size} bytes, and the server spoke of {self.total}")
        self._pass(check)
        with self._part.open("rb+") as file:
            os.fsync(file.fileno())
        self._part.replace(self.path)
        self._facts.unlink(missing_ok=True)

    def _pass(self, check: Check | None) -> None:
        try:
            if check is not None:
                check(self._part)
        except Exception:
            self.drop()
            raise

    def drop(self) -> None:
        """Forget what is there: it belongs to another version."""
        self._part.unlink(missing_ok=True)
        self._facts.unlink(missing_ok=True)
        self._version = None

    def _known(self) -> Version | None:
        try:
            version = msgspec.json.decode(self._facts.read_bytes(), type=Version)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None
        return version if version.url == self._url else None

    def _know(self, etag: str | None) -> None:
        """A weak tag does not promise the same bytes: such a file cannot be resumed."""
        if etag is None or etag.startswith("W/"):
            return
        self._version = Version(url=self._url, etag=etag, total=self.total)
        self._facts.write_bytes(msgspec.json.encode(self._version))


def _range_of(field: str) -> tuple[int | None, int | None]:
    """The start and the total of `Content-Range` (RFC 9110 section 14.4)."""
    found = re.fullmatch(_CONTENT_RANGE, field.strip())
    if found is None:
        return None, None
    start, total = found.groups()
    return int(start), None if total == "*" else int(total)


def _length_of(fields: Mapping[str, str]) -> int | None:
    length = fields.get("content-length", "")
    return int(length) if length.isdecimal() and _is_plain(fields) else None


def _is_plain(fields: Mapping[str, str]) -> bool:
    """Whether the bytes come as they are on the disk; ranges of a compressed form mean others."""
    return fields.get("content-encoding", "identity") == "identity"


def _misfit(message: str) -> BadResponseError:
    return BadResponseError(Failure(kind=Kind.BAD_RESPONSE, message=message, method="GET"))
