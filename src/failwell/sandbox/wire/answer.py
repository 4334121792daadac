"""An app's answer, held back: to be dropped, halved or sent after all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from starlette.types import Message, Receive, Send

Headers = Sequence[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """A whole answer, as it goes over the wire."""

    status: int
    headers: Headers
    body: bytes

    def half(self, *, is_cut: bool) -> Answer:
        """The first half of its body: of a cut answer the headers still announce all of it."""
        half = self.body[: len(self.body) // 2]
        length = len(self.body if is_cut else half)
        headers = _sized(self.headers, length) if self.body else self.headers
        return Answer(self.status, headers, half)

    def completed(self, retry_after: str | None) -> Answer:
        """The same with Content-Length and Retry-After, where its headers leave them out."""
        headers = _defaulted(self.headers, b"content-length", b"%d" % len(self.body))
        if retry_after is not None:
            headers = _defaulted(headers, b"retry-after", retry_after.encode())
        return self._replace(headers=headers)

    async def send(self, send: Send, *, more_body: bool = False) -> None:
        """Send it; with `more_body` the connection waits for what is left."""
        status, headers, body = self
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": body, "more_body": more_body})


class Exchange:
    """Holds back the app's answer and knows how much of the request was read."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read = False
        self._answered = False
        self._start: Message | None = None
        self._body = bytearray()

    @property
    def answer(self) -> Answer | None:
        """The app's whole answer; None when it gave none."""
        if self._start is None:
            return None
        headers = list(self._start.get("headers", ()))
        return Answer(self._start["status"], headers, bytes(self._body))

    async def receive(self) -> Message:
        """Give the app its request; after its answer, tell it that the client went away."""
        if self._answered:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._read = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Keep a part of the answer."""
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            self._answered = not message.get("more_body", False)

    async def drain(self) -> None:
        """Read what is left of the request, so that the client has finished sending."""
        while not self._read:
            message = await self._receive()
            self._read = not message.get("more_body", False)


def _sized(headers: Headers, length: int) -> Headers:
    framing = (b"content-length", b"transfer-encoding")
    kept = [(name, value) for name, value in headers if name.lower() not in framing]
    return [*kept, (b"content-length", b"%d" % length)]


def _defaulted(headers: Headers, name: bytes, value: bytes) -> Headers:
    if any(given.lower() == name for given, _ in headers):
        return headers
    return [*headers, (name, value)]
