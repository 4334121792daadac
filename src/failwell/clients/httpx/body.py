"""Request bodies over httpx that know how far they got, and whether they can be sent again.

The rules are those of `failwell.clients.httpx2.body`; the classes that they are told by are
httpx's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx

from failwell.clients import rewinding

Stream = httpx.SyncByteStream | httpx.AsyncByteStream

PIECE = 64 * 1024
"""Bytes of a body that are handed over at once: of a large one that was cut, less is in doubt."""


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """One body, across all attempts of one call; never sent half-read or empty.

    `exhausted` says that it was read to its end and every byte was taken off our hands.
    """

    def __init__(self, stream: Stream) -> None:
        self.source: Any = stream
        self._rewind = rewinding.of_stream(stream, httpx)
        self._started = False
        self.exhausted = False

    def is_rewindable(self) -> bool:
        """Whether the body can be sent from its beginning (once more)."""
        return not self._started or self._rewind is not None

    def __iter__(self) -> Iterator[bytes]:
        self._begin()
        for chunk in self.source:
            yield from _pieces(chunk)
        self.exhausted = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._begin()
        async for chunk in self.source:
            for piece in _pieces(chunk):
                yield piece
        self.exhausted = True

    def _begin(self) -> None:
        if self._started:
            if self._rewind is None:
                raise httpx.StreamConsumed
            self._rewind()
        self._started, self.exhausted = True, False


def _pieces(chunk: bytes) -> Iterator[bytes]:
    return (chunk[start : start + PIECE] for start in range(0, len(chunk), PIECE))
