"""Request bodies over requests that know how far they got, and whether they can be sent again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from failwell.clients import rewinding
from failwell.clients.rewinding import Rewind

PIECE = 64 * 1024
"""Bytes of a body that are handed over at once."""


class Body:
    """One body, across all attempts of one call; never sent half-read or empty.

    `exhausted` says that it was read to its end and every byte was taken off our hands.
    """

    def __init__(self, body: Any) -> None:
        self.source = body
        self._rewind = _rewinder(body)
        self._started = False
        self.exhausted = False

    def is_rewindable(self) -> bool:
        """Whether the body can be sent from its beginning (once more)."""
        return not self._started or self._rewind is not None

    def __iter__(self) -> Iterator[bytes]:
        if self._started and self._rewind is not None:
            self._rewind()
        self._started, self.exhausted = True, False
        for piece in _pieces(self.source):
            yield piece.encode() if isinstance(piece, str) else piece
        self.exhausted = True


def whole(body: Any) -> bytes | None:
    """The body where it is in memory; None where it is a file or an iterator."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, (bytes, bytearray)) else None


def _rewinder(body: Any) -> Rewind | None:
    if whole(body) is not None:
        return rewinding.stay
    return rewinding.of_file(body) if hasattr(body, "read") else None


def _pieces(body: Any) -> Iterator[Any]:
    held = whole(body)
    if held is not None:
        yield from (held[start : start + PIECE] for start in range(0, len(held), PIECE))
    elif hasattr(body, "read"):
        yield from iter(lambda: body.read(PIECE) or None, None)
    else:
        yield from body
