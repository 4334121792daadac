"""Request bodies that know how far they got, and whether they can be sent again.

A body is never sent half-read or empty: a second reading starts where the first one did, or is
refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2

Rewind = Callable[[], object]


class Tracked:
    """What is known of one body, across all attempts of one call."""

    def __init__(self, stream: httpx2.SyncByteStream | httpx2.AsyncByteStream) -> None:
        self.stream: Any = stream
        self.started = False
        self.exhausted = False
        self.rewind = _rewinder(stream)

    def is_rewindable(self) -> bool:
        """Whether the body can be sent from its beginning (once more)."""
        return not self.started or self.rewind is not None

    def begin(self) -> None:
        """Start a reading, from the beginning. Raises `StreamConsumed` where that cannot be."""
        if self.started:
            if self.rewind is None:
                raise httpx2.StreamConsumed
            self.rewind()
        self.started, self.exhausted = True, False


class SyncBody(httpx2.SyncByteStream):
    """A tracked body for a sync client."""

    def __init__(self, tracked: Tracked) -> None:
        self._tracked = tracked

    def __iter__(self) -> Iterator[bytes]:
        self._tracked.begin()
        yield from self._tracked.stream
        self._tracked.exhausted = True


class AsyncBody(httpx2.AsyncByteStream):
    """A tracked body for an async client."""

    def __init__(self, tracked: Tracked) -> None:
        self._tracked = tracked

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._tracked.begin()
        async for chunk in self._tracked.stream:
            yield chunk
        self._tracked.exhausted = True


def _rewinder(stream: object) -> Rewind | None:
    if isinstance(stream, httpx2.ByteStream):
        return _stay
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
    return None if hasattr(source, "__next__") or hasattr(source, "__anext__") else _stay


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
