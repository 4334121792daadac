"""Keyed writes that run once, for ASGI."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import Literal

from failwell.actions import AsyncStore, Send, Store
from failwell.contract import Contract
from failwell.drive import Rim, adrive
from failwell.events import StoreFailed
from failwell.flows.serve import BrokenOffError, Served, Terms, serve
from failwell.model import Headers, Request, Response
from failwell.policy.idempotency import Renew
from failwell.server.context import writing
from failwell.server.guard import (
    KEPT_ANSWER,
    Asked,
    Guard,
    fields_of,
    outcome_of,
    single_tenant,
)
from failwell.server.kept import close_of, closing, kept
from failwell.server.outage import Outage
from failwell.server.types import App, Message, Receive, Scope, SendMessage
from failwell.stores.threaded import unblocked

logger = logging.getLogger("failwell.server")

__all__ = ["idempotent", "single_tenant"]


class idempotent:  # noqa: N801
    """Makes keyed writes run once: call it with the app (or use it as a Starlette middleware).

    `store` is an object or a URL. `caller(scope)` names who is asking: the same key of two callers
    is two keys (`single_tenant` where there is only one). `lease` is how long, in seconds, a
    running write holds its key without a sign of life (it is renewed while the handler runs),
    `wait` how long a second request waits for the first one's answer.

    `transactional=True` says that the handler commits its answer with its effects, by
    `context.idempotency().commit(...)`: then a claim without an answer is proof that nothing was
    left, and after a crash the request runs again. `on_error="release"` says, without that, that
    an exception undoes everything. `on_outage` is what happens while the store is down: "refuse"
    (503, and nothing was started) or "run" (without protection).

    A key that is missing where it is required, malformed, used with another body or still running
    raises the contract's own failure, for `wrap` to render.

    Raises `ValueError` for a setting that is out of range, and for a contract whose catalogue
    lacks the codes that its `idempotency` names.
    """

    def __init__(
        self,
        contract: Contract,
        store: Store | AsyncStore | str,
        *,
        caller: Callable[[Scope], str],
        lease: float = 30.0,
        wait: float = 10.0,
        transactional: bool = False,
        on_error: Literal["keep", "release"] = "keep",
        on_outage: Literal["refuse", "run"] = "refuse",
    ) -> None:
        self._guard = Guard(
            contract,
            lease=lease,
            wait=wait,
            transactional=transactional,
            on_error=on_error,
            on_outage=on_outage,
        )
        self._caller = caller
        self._outage = Outage(logger, "the store of idempotent writes")
        held = kept(store, self._outage)
        self._store = unblocked(held)
        self._close = close_of(held)
        self._rim = Rim(sleep=asyncio.sleep, store=self._store, hooks=(self._outage,))

    def __call__(self, app: App) -> App:
        """The app, whose keyed writes run once."""

        async def once(scope: Scope, receive: Receive, send: SendMessage) -> None:
            is_http = scope["type"] == "http"
            key = self._guard.key_of(scope["method"], scope["headers"]) if is_http else None
            if key is None:
                is_life = scope["type"] == "lifespan"
                await app(scope, receive, closing(send, self._close) if is_life else send)
                return
            await self._once(app, scope, receive, send, key)

        return once

    async def _once(
        self, app: App, scope: Scope, receive: Receive, send: SendMessage, key: str
    ) -> None:
        body = await _read(receive)
        if body is None:
            raise self._guard.cut_off()
        terms = self._guard.terms(self._asked(scope, key, body))
        handler = _Handler(app, scope, receive, send, body)

        async def run(action: Send) -> Response:
            if action.request.key is None:
                return await handler.run()
            write = self._guard.write(terms, action.request.key)
            async with _held(heartbeat(terms, self._store, self._outage)):
                with writing(write):
                    return await handler.run()

        request = Request(method=scope["method"], url=scope["path"], key=key)
        served = await adrive(serve(request, terms, time.monotonic()), run, self._rim)
        if served.from_record and not handler.answer.flows:
            await give(served, send)
        elif served.error is not None:
            raise served.error
        else:
            await handler.answer.finish(outcome_of(served))

    def _asked(self, scope: Scope, key: str, body: bytes) -> Asked:
        fields = {k.lower(): v.decode("latin-1") for k, v in scope["headers"]}
        return Asked(
            caller=self._caller(scope),
            method=scope["method"],
            path=scope["path"],
            query=scope.get("query_string", b"").decode("latin-1"),
            media=fields.get(b"content-type", ""),
            body=body,
            key=key,
        )


async def heartbeat(terms: Terms, store: Store | AsyncStore, outage: Outage) -> None:
    """Renew the lease of a running write, until it is cancelled."""
    renewal = Renew(token=terms.token, lease=terms.lease)
    while True:
        await asyncio.sleep(terms.lease / 3)
        try:
            held = store.update(terms.slot, renewal)
            if isinstance(held, Awaitable):
                await held
        except Exception as error:
            outage(StoreFailed(error, "the lease of a running write was not renewed"))


@contextlib.asynccontextmanager
async def _held(beating: Coroutine[None, None, None]) -> AsyncGenerator[None]:
    """Keep the key for as long as the handler inside runs."""
    beat = asyncio.create_task(beating)
    try:
        yield
    finally:
        beat.cancel()


async def give(served: Served, send: SendMessage) -> None:
    """Send an answer out of the record."""
    fields = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in fields_of(served)]
    await send({"type": "http.response.start", "status": served.answer.status, "headers": fields})
    await send({"type": "http.response.body", "body": served.answer.body})


class _Handler:
    """The app behind a key, and its answer on its way out."""

    def __init__(
        self, app: App, scope: Scope, receive: Receive, send: SendMessage, body: bytes
    ) -> None:
        self._app = app
        self._scope = scope
        self._receive = receive
        self._unread: bytes | None = body
        self.answer = OnItsWay(send)

    async def run(self) -> Response:
        """The app's answer, as far as it is to be kept."""
        try:
            await self._app(self._scope, self._next, self.answer.take)
        except Exception as error:
            if self.answer.has_begun:
                raise BrokenOffError(error) from error
            raise
        return self.answer.response()

    async def _next(self) -> Message:
        if self._unread is None:
            return self.answer.heard(await self._receive())
        body, self._unread = self._unread, None
        return {"type": "http.request", "body": body, "more_body": False}


class OnItsWay:
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


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None where the client has gone before it was whole."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)
