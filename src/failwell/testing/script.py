"""Answers from a script, in place of an API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from failwell.actions import Send
from failwell.model import Headers, Reply, Response
from failwell.testing.clock import Clock

Line = Reply | BaseException | Callable[[Send], Reply]


class Script:
    """A sender that answers from a list and records what it was asked to send, in `sends`.

    A line is a reply, an exception to raise, or a function of the `Send`. Each one moves `clock`
    on by `takes` seconds. Raises `AssertionError` where there are no lines left.
    """

    def __init__(self, *lines: Line, clock: Clock | None = None, takes: float = 0.0) -> None:
        self._lines = list(lines)
        self._clock = clock
        self._takes = takes
        self.sends: list[Send] = []

    @property
    def left(self) -> int:
        """Lines that have not been asked for."""
        return len(self._lines)

    def __call__(self, send: Send) -> Reply:
        self.sends.append(send)
        if not self._lines:
            raise AssertionError(f"the script has no line for send {len(self.sends)}: {send}")
        if self._clock is not None:
            self._clock.advance(self._takes)
        line = self._lines.pop(0)
        if isinstance(line, BaseException):
            raise line
        return line(send) if callable(line) else line

    async def later(self, send: Send) -> Reply:
        """The same, to be awaited."""
        return self(send)


def answer(
    status: int = 200,
    body: bytes | str | dict[str, Any] | Sequence[Any] = b"",
    /,
    at: float = 0.0,
    **headers: str,
) -> Response:
    """An answer as an API sends it: a dictionary or list is JSON; `retry_after` is a header."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = msgspec.json.encode(body)
        fields.setdefault("content-type", "application/json")
    return Response(status=status, headers=Headers(fields), body=body, at=at)
