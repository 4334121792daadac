"""Request bodies that know how far they got, and whether they can be sent again.

A body is never sent half-read or empty: a second reading starts where the first one did, or is
refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from io import TextIOBase
from typing import Any, cast

import httpx2

from failwell.errors import InvalidRequestError

PIECE = 64 * 1024
"""Bytes of a body that are handed over at once: of a large one that was cut, less is in doubt."""


_TEXT = "the body is text, which is sent as bytes: open the file in binary mode ('rb'), or encode"


_SPENT = "the body is a generator that was sent before: make another, or give bytes or a file"


class TextError(httpx2.StreamError):
    """A body of bytes, as far as could be told before it was read, has yielded text."""

    def __init__(self) -> None:
        super().__init__(_TEXT)


class Tracked:
    """What is known of one body, across all attempts of one call. Raises `InvalidRequestError` for
    one that is text, or a generator that has run.

    `exhausted` says that it was read to its end and every byte was taken off our hands;
    `handed_over` that all of its `length` was given away, of which the last may still be on its
    way out: an event loop goes on writing after a time-out.
    """

    def __init__(
        self,
        stream: httpx2.SyncByteStream | httpx2.AsyncByteStream,
        length: str | None = None,
    ) -> None:
        if _is_text(getattr(stream, "_stream", None)):
            raise InvalidRequestError.of(_TEXT)
        if _is_spent(stream):
            raise InvalidRequestError.of(_SPENT)
        self.stream: Any = _Pieces(stream) if isinstance(stream, httpx2.ByteStream) else stream
        self.started = False
        self.exhausted = False
        self.handed_over = False
        from failwell.clients import rewinding

        self.rewind = rewinding.of_stream(stream, httpx2)
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
        """The chunk, counted. Raises `TextError` for one of text."""
        if isinstance(chunk, str):
            raise TextError
        self._given += len(chunk)
        self.handed_over = self._length is not None and self._given >= self._length
        return chunk


def _is_text(source: object) -> bool:
    if isinstance(source, (list, tuple)):
        return any(isinstance(chunk, str) for chunk in cast("Sequence[object]", source))
    return isinstance(source, TextIOBase) or isinstance(getattr(source, "encoding", None), str)


def _is_spent(stream: object) -> bool:
    runs_once = getattr(stream, "_is_generator", False)
    return bool(runs_once and getattr(stream, "_is_stream_consumed", False))


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


class _Body:
    """What both bodies are: a tracked one, of which those of a form of parts have `fields`."""

    def __init__(self, tracked: Tracked) -> None:
        self._tracked = tracked

    @property
    def fields(self) -> Any:
        return getattr(self._tracked.stream, "fields", None)


class SyncBody(_Body, httpx2.SyncByteStream):
    """A tracked body for a sync client."""

    def __iter__(self) -> Iterator[bytes]:
        self._tracked.begin()
        for chunk in self._tracked.stream:
            yield self._tracked.hand_over(chunk)
        self._tracked.exhausted = True


class AsyncBody(_Body, httpx2.AsyncByteStream):
    """A tracked body for an async client."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._tracked.begin()
        async for chunk in self._tracked.stream:
            yield self._tracked.hand_over(chunk)
        self._tracked.exhausted = True
