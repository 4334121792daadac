"""Bodies that end at a limit while they arrive."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from failwell.apis.bounded import bounded


def sent(*chunks: bytes, most: int) -> list[bytes]:
    """What an app behind the layer receives of a body in these chunks."""
    waiting, received = list(chunks), list[bytes]()

    async def receive() -> Any:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in chunks:
            received.append((await receive())["body"])

    def too_large(most: int, size: int) -> Exception:
        return ValueError(f"{size} over {most}")

    layer = bounded(lambda: most, too_large)(app)
    asyncio.run(layer({"type": "http"}, receive, lambda message: None))  # type: ignore[arg-type]
    return received


def test_a_body_at_the_limit_goes_through() -> None:
    """As many bytes as are allowed arrive as they were sent."""
    assert sent(b"ab", b"", b"cd", most=4) == [b"ab", b"", b"cd"]


def test_the_first_byte_past_the_limit_is_the_last_one_read() -> None:
    """The refusal tells the limit and the size so far; the rest of the body is never asked for."""
    with pytest.raises(ValueError, match="5 over 4"):
        sent(b"abc", b"de", b"never", most=4)
