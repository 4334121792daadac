"""The server half for ASGI: `wrap` goes around everything, `idempotent` around a route.

No failure, from whichever depth, leaves the building without the contract's envelope and a
request id, and none says a word of its cause.
"""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial

from failwell.contract import Contract
from failwell.journal import Journal
from failwell.server.asgi.keyed import idempotent
from failwell.server.asgi.quota import limited
from failwell.server.context import begin_serving, end_serving
from failwell.server.exchange import Answer, Exchange
from failwell.server.guard import single_tenant
from failwell.server.routing import template
from failwell.server.stray import unless_cancelled
from failwell.server.types import App, Fields, Message, Receive, Scope, SendMessage

__all__ = [
    "App",
    "Fields",
    "Message",
    "Receive",
    "Scope",
    "SendMessage",
    "idempotent",
    "limited",
    "single_tenant",
    "wrap",
]

_KNOWN = "failwell.request"
"""Where the scope of a request holds its context, for a wrapper inside another."""


def wrap(app: App, contract: Contract, *, journal: Journal | None = None) -> App:
    """The app, whose every error leaves in the contract's envelope, with a request id.

    Put it outermost, around the framework. A caller's request id is taken over where the contract
    allows it, and replaced by a new one otherwise. An exception that nobody handled becomes a 500
    without a word of its cause, is logged with its traceback under "failwell.server", and leaves
    the connection alive; one that comes after the answer has begun is raised on, but for a stream
    of server-sent events, which ends with an `error` event. `journal` is told of every failure.
    """

    async def wrapped(scope: Scope, receive: Receive, send: SendMessage) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        path, fields, known = scope.get("path", ""), scope["headers"], scope.get(_KNOWN)
        route = None if journal is None else partial(template, scope)
        exchange = Exchange(contract, scope["method"], path, fields, journal, known, route)
        scope[_KNOWN] = context = exchange.context
        answering = _Answering(exchange, send)
        token = begin_serving(context)
        try:
            await unless_cancelled(app(scope, receive, answering.send))
        except Exception as error:
            if not await answering.fail(error):
                raise
        else:
            await answering.end()
        finally:
            end_serving(token)

    return wrapped


class _Answering:
    """The answer of one request, held back only where it may have to be written anew."""

    __slots__ = ("_body", "_ended", "_exchange", "_fields", "_held", "_send", "_started")

    def __init__(self, exchange: Exchange, send: SendMessage) -> None:
        self._exchange = exchange
        self._send = send
        self._started = False
        self._ended = False
        self._fields: Fields = []
        self._held: Message | None = None
        self._body = bytearray()

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message of the app on, with the headers that every answer carries.

        It hands out what the server's own `send` gives: a coroutine of its own, for each message
        of each answer, would cost as much as the rest of it.
        """
        if message["type"] == "http.response.start":
            if message["status"] >= 400:
                self._held = message
                return _nothing()
            self._fields = self._exchange.signed(message.get("headers", ()))
            self._started = True
            message = {**message, "headers": self._fields}
        elif self._held is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False) and self._held["status"] != 500:
                return self._finish(self._held)
            return _nothing()
        elif not message.get("more_body", False):
            self._ended = message["type"] == "http.response.body"
        return self._send(message)

    async def end(self) -> None:
        """See to it that the app, which has returned, leaves an answer behind."""
        if self._held is not None:
            await self._finish(self._held)
        elif not self._started:
            await self._give(self._exchange.of_silence())

    async def fail(self, error: Exception) -> bool:
        """Answer for an exception of the app; False where nothing can be said any more."""
        if not self._started:
            fields = Fields(self._held.get("headers", ())) if self._held else Fields()
            self._held = None
            await self._give(self._exchange.of_exception(error, fields))
            return True
        if self._ended:
            self._exchange.failed_afterwards(error)
            return True
        last_words = self._exchange.broken_off(error)
        is_events = _is_events(self._fields)
        if is_events:
            said = b"event: error\ndata: %b\n\n" % last_words
            await self._send({"type": "http.response.body", "body": said})
        return is_events

    async def _finish(self, held: Message) -> None:
        self._held = None
        fields = Fields(held.get("headers", ()))
        await self._give(self._exchange.of_answer(held["status"], fields, bytes(self._body)))

    async def _give(self, answer: Answer) -> None:
        self._started = self._ended = True
        start = {"type": "http.response.start", "status": answer.status, "headers": answer.fields}
        await self._send(start)
        await self._send({"type": "http.response.body", "body": answer.body})


async def _nothing() -> None:
    """What is awaited where nothing is sent yet."""


def _is_events(fields: Fields) -> bool:
    return any(
        name.lower() == b"content-type" and value[:17].lower() == b"text/event-stream"
        for name, value in fields
    )
