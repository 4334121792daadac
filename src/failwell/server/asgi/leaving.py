"""The answer of an app behind a key, on its way out of ASGI."""

from __future__ import annotations

from failwell.flows.serve import Served
from failwell.model import Headers, Response
from failwell.server.guard import KEPT_ANSWER, fields_of
from failwell.server.types import Message, SendMessage


class Leaving:
    """The answer of an app behind a key. A whole answer leaves only when it is kept; a stream
    flows on, teed as far as answers are kept, and only its end waits."""

    def __init__(self, send: SendMessage) -> None:
        self._send = send
        self._held: list[Message] = []
        self._start: Message = {}
        self._length: int | None = None
        self._teed = bytearray()
        self._is_kept = True
        self._is_left = False
        self.flows = False
        self.ended = False

    def response(self) -> Response:
        """The answer, as far as it is to be kept. Raises `RuntimeError` where there is none."""
        if not self._start:
            raise RuntimeError("the app behind a keyed write returned without an answer")
        pairs = self._start.get("headers", ())
        native = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in pairs]
        return Response(
            status=self._start["status"],
            headers=Headers(dict(native)),
            body=bytes(self._teed) if self._is_kept and self._is_whole else None,
            native=native,
        )

    async def finish(self, lacking: list[tuple[str, str]]) -> None:
        """Let go what was held back, with the header fields that the answer is still lacking."""
        said = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in lacking]
        for message in self._held:
            if said and message is self._start:
                message = {**message, "headers": [*message.get("headers", ()), *said]}
            await self._send(message)

    @property
    def has_begun(self) -> bool:
        """Whether a success has begun to leave: what the app raises then says less."""
        return self.flows and self._start["status"] < 400

    @property
    def _is_whole(self) -> bool:
        """A stream that was told that its client is gone may have ended early, and yet have been
        ended properly by a middleware on its way."""
        is_cut = self._is_left and self.flows and len(self._teed) != self._length
        return self.ended and not is_cut

    def heard(self, message: Message) -> Message:
        """The message, which the app is told by its server."""
        gone = message["type"] == "http.disconnect" and not self.ended
        self._is_left = self._is_left or gone
        return message

    async def take(self, message: Message) -> None:
        """Take a message of the app, to be sent now or when the answer is kept."""
        self._held.append(message)
        if message["type"] == "http.response.start":
            self._begin(message)
        elif message["type"] == "http.response.body":
            self._tee(message.get("body", b""))
            if not message.get("more_body", False):
                self.ended = True
                return
        if self.flows:
            held, self._held = self._held, []
            for one in held:
                await self._send(one)

    def _begin(self, start: Message) -> None:
        fields = {k.lower(): v for k, v in start.get("headers", ())}
        length = fields.get(b"content-length", b"")
        self._start = start
        self._length = int(length) if length.isdigit() else None
        self.flows = fields.get(b"content-type", b"")[:17].lower() == b"text/event-stream"
        self._is_kept = not self.flows and (self._length or 0) <= KEPT_ANSWER

    def _tee(self, piece: bytes) -> None:
        is_whole = self._length is not None and len(self._held) <= _HELD_MESSAGES
        self.flows = self.flows or (bool(piece) and not is_whole)
        if self._is_kept:
            self._teed += piece
            if len(self._teed) > KEPT_ANSWER:
                self._is_kept = False
                self._teed.clear()


_HELD_MESSAGES = 2
"""A start and one piece of a body: middlewares send a whole answer so, with an empty end after."""


async def give(served: Served, send: SendMessage) -> None:
    """Send an answer out of the record."""
    fields = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in fields_of(served)]
    await send({"type": "http.response.start", "status": served.answer.status, "headers": fields})
    await send({"type": "http.response.body", "body": served.answer.body})
