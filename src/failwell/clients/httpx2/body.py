"""Request bodies that know how far they got, and whether they can be sent again.

A body is never sent half-read or empty: a second reading starts where the first one did, or is
refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import httpx2

Rewind = Callable[[], object]

PIECE = 64 * 1024
"""Bytes of a body that are handed over at once: of a large one that was cut, less is in doubt."""


class Tracked:
    """What is known of one body, across all attempts of one call.

    `exhausted` says that it was read to its end and every byte was taken off our hands;
    `handed_over` that all of its `length` was given away, of which the last may still be on its
    way out: an event loop goes on writing after a time-out.
    """

    def __init__(
        self,
        stream: httpx2.SyncByteStream | httpx2.AsyncByteStream,
        length: str | None = None,
    ) -> None:
        self.stream: Any = _Pieces(stream) if isinstance(stream, httpx2.ByteStream) else stream
        self.started = False
        self.exhausted = False
        self.handed_over = False
        self.rewind = _rewinder(stream)
        self._length = int(length) if length and length.isdecimal() else None
        self._given = 0

    def is_rewindable(self) -> bool:
        """Whether the body can be sent from its beginning (once more)."""
        return not self.started or self.rewind is not None

    def begin(self) -> None:
        """Start a reading, from the beginning. Raises `StreamConsumed` where that cannot be."""
        if self.started:
            if self.rewind is None:
                raise httpx2.StreamConsumed
            self.rewind()
        self.started, self.exhausted, self.handed_over, self._given = True, False, False, 0

    def hand_over(self, chunk: bytes) -> bytes:
        """The chunk, counted."""
        self._given += len(chunk)
        self.handed_over = self._length is not None and self._given >= self._length
        return chunk


class _Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body that is in memory, a piece at a time."""

    def __init__(self, stream: httpx2.ByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        for body in self._stream:
            for start in range(0, len(body), PIECE):
                yield body[start : start + PIECE]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


class SyncBody(httpx2.SyncByteStream):
    """A tracked body for a sync client."""

    def __init__(self, tracked: Tracked) -> None:
        self._tracked = tracked

    def __iter__(self) -> Iterator[bytes]:
        self._tracked.begin()
        for chunk in self._tracked.stream:
            yield self._tracked.hand_over(chunk)
        self._tracked.exhausted = True


class AsyncBody(httpx2.AsyncByteStream):
    """A tracked body for an async client."""

    def __init__(self, tracked: Tracked) -> None:
        self._tracked = tracked

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._tracked.begin()
        async for chunk in self._tracked.stream:
            yield self._tracked.hand_over(chunk)
        self._tracked.exhausted = True


def _rewinder(stream: object) -> Rewind | None:
    """How to begin again, for the bodies of which that is certain.

    Of an iterable of the caller's own nobody knows whether a second reading starts anew, goes on
    where the first stopped, or finds nothing.
    """
    if isinstance(stream, httpx2.ByteStream):
        return _stay
    if not isinstance(stream, httpx2.SyncByteStream) or not _is_httpx2s(stream):
        return None
    fields = getattr(stream, "fields", None)
    if fields is not None:
        files = [field.file for field in fields if hasattr(field, "file")]
        return _stay if all(map(_is_repeatable, files)) else None
    source = getattr(stream, "_stream", None)
    if source is None:
        return None
    if hasattr(source, "read"):
        start = _position(source)
        return None if start is None else lambda: source.seek(start)
    return _stay if isinstance(source, Sequence) else None


def _is_httpx2s(stream: object) -> bool:
    return type(stream).__module__.partition(".")[0] == "httpx2"


def _stay() -> None:
    """Each reading of such a body begins at its beginning by itself."""


def _is_repeatable(file: object) -> bool:
    return isinstance(file, (str, bytes)) or _position(file) is not None


def _position(file: Any) -> int | None:
    try:
        position: int = file.tell()
        file.seek(position)
    except (AttributeError, OSError, ValueError):
        return None
    return position
