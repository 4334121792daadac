"""The server half for ASGI, in two wrappers that know no framework.

`wrap` goes around everything: no failure, from whichever depth, leaves the building without the
contract's envelope and a request id, and none says a word of its cause. `idempotent` goes around
a route, just inside authentication: a keyed write runs once.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Literal

import msgspec

from failwell.actions import AsyncStore, Send, Store
from failwell.contract import Contract
from failwell.dialects import generic
from failwell.drive import Rim, adrive
from failwell.errors import FailwellError
from failwell.flows.serve import Terms, serve
from failwell.headers import OUTCOME, dump_retry_after, parse_idempotency_key
from failwell.model import Failure, Headers, Outcome, Request, Response, kind_of
from failwell.policy.idempotency import Renew, fingerprint
from failwell.server.context import RequestContext, serving
from failwell.stores.memory import MemoryStore
from failwell.stores.threaded import ThreadedStore

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
SendMessage = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, SendMessage], Awaitable[None]]
Fields = list[tuple[bytes, bytes]]

logger = logging.getLogger("failwell.server")

_REPLACED = frozenset({b"content-type", b"content-length", b"content-encoding"})


def wrap(app: App, contract: Contract) -> App:
    """The app, whose every error leaves in the contract's envelope, with a request id.

    Put it outermost, around the framework. A caller's request id is taken over where the contract
    allows it, and replaced by a new one otherwise. An exception that nobody handled becomes a 500
    without a word of its cause, is logged with its traceback under "failwell.server", and leaves
    the connection alive; one that comes after the answer has begun is raised on.
    """

    async def wrapped(scope: Scope, receive: Receive, send: SendMessage) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        exchange = _Exchange(contract, scope, send)
        try:
            with serving(exchange.context):
                await app(scope, receive, exchange.send)
        except Exception as error:
            if not await exchange.fail(error):
                raise
        else:
            await exchange.finish()

    return wrapped


class _Exchange:
    """One request and its answer, which is held back only where it may have to be written anew."""

    def __init__(self, contract: Contract, scope: Scope, send: SendMessage) -> None:
        self.contract = contract
        self.context = RequestContext(_request_id(contract, scope["headers"]))
        self._method: str = scope["method"]
        self._send = send
        self._started = False
        self._held: Message | None = None
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        """Pass a message of the app on, with the headers that every answer carries."""
        if message["type"] == "http.response.start":
            if message["status"] >= 400:
                self._held = message
                return
            self._started = True
            message = {**message, "headers": self._signed(message.get("headers", ()))}
        elif self._held is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False) and self._held["status"] != 500:
                await self.finish()
            return
        await self._send(message)

    async def finish(self) -> None:
        """Give the answer that was held back: as it is where it is in the envelope, else anew."""
        if self._held is None:
            return
        held, self._held = self._held, None
        status: int = held["status"]
        fields = Fields(held.get("headers", ()))
        plain = {k.decode("latin-1"): v.decode("latin-1") for k, v in fields}
        response = Response(status=status, headers=Headers(plain), body=bytes(self._body))
        own = self.contract.dialect.parse(response)
        if own is not None:
            entry = self.contract.find(own.code, status)
            proven = entry.proves if entry else None
            await self._answer(status, fields, response.body or b"", proven)
            return
        await self._render(self._failure_of(response), fields)

    async def fail(self, error: Exception) -> bool:
        """Answer for an exception of the app; False where an answer has begun already."""
        if self._started:
            return False
        fields = Fields(self._held.get("headers", ())) if self._held else Fields()
        self._held = None
        if isinstance(error, FailwellError) and error.status_code is not None:
            logger.info("request %s failed: %r", self.context.request_id, error)
            await self._render(error.failure, fields)
            return True
        logger.error("request %s failed", self.context.request_id, exc_info=error)
        await self._render(self._failure_of(Response(status=500)), fields)
        return True

    def _failure_of(self, response: Response) -> Failure:
        """What an error that is not in the envelope says: its own sentence, unless it is a 5xx or
        nothing more than the name of its status."""
        entry = self.contract.of_status(response.status)
        said = generic.read(response).message if response.status < 500 else ""
        if said in (_reason(response.status), f"HTTP {response.status}"):
            said = ""
        return Failure(
            kind=entry.kind or kind_of(response.status),
            status=response.status,
            code=entry.code,
            message=said or _PLAIN.get(response.status) or entry.means or entry.code,
            outcome=entry.proves,
        )

    async def _render(self, failure: Failure, fields: Fields) -> None:
        if failure.outcome is None and self._is_write():
            failure = msgspec.structs.replace(failure, outcome=Outcome.UNKNOWN)
        failure = msgspec.structs.replace(
            failure,
            request_id=self.context.request_id,
            timestamp=failure.timestamp or _timestamp(),
        )
        rendered = self.contract.dialect.render(failure)
        fields = [pair for pair in fields if pair[0].lower() not in _REPLACED]
        fields += [(k.encode(), v.encode()) for k, v in rendered.headers.items()]
        if failure.retry_after is not None:
            fields.append((b"retry-after", dump_retry_after(failure.retry_after).encode()))
        await self._answer(rendered.status, fields, rendered.body or b"", failure.outcome)

    async def _answer(
        self, status: int, fields: Fields, body: bytes, outcome: Outcome | None
    ) -> None:
        self._started = True
        if self._is_write() and OUTCOME.lower().encode() not in {k.lower() for k, _ in fields}:
            fields.append((OUTCOME.encode(), (outcome or Outcome.UNKNOWN).encode()))
        fields = [pair for pair in fields if pair[0].lower() != b"content-length"]
        fields.append((b"content-length", str(len(body)).encode()))
        start = {"type": "http.response.start", "status": status, "headers": self._signed(fields)}
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})

    def _is_write(self) -> bool:
        return self._method not in self.contract.safe

    def _signed(self, fields: Any) -> Fields:
        name = self.contract.request_ids.header.lower().encode("latin-1")
        ours = self.context.headers
        signed = [pair for pair in fields if pair[0].lower() != name]
        signed += [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in ours.items()]
        signed.append((name, self.context.request_id.encode("latin-1")))
        return signed


def _reason(status: int) -> str:
    with contextlib.suppress(ValueError):
        return HTTPStatus(status).phrase
    return ""


_PLAIN = {404: "No such route", 405: "This route does not take this method"}


def _timestamp() -> str:
    now = time.time()
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    return f"{seconds}.{int(now % 1 * 1000):03d}Z"


def _request_id(contract: Contract, fields: Fields) -> str:
    name = contract.request_ids.header.lower().encode("latin-1")
    given = [value.decode("latin-1") for key, value in fields if key.lower() == name]
    if len(given) == 1 and contract.request_ids.allows(given[0]):
        return given[0]
    return str(uuid.uuid4())


class idempotent:  # noqa: N801
    """Makes keyed writes run once: call it with the app (or use it as a Starlette middleware).

    `caller(scope)` names who is asking: the same key of two callers is two keys. `lease` is how
    long, in seconds, a running write holds its key without a sign of life (it is renewed while
    the handler runs), `wait` how long a second request waits for the first one's answer.
    `on_error="release"` says that an exception undoes everything: its key may be used again.

    A key that is missing where it is required, malformed, used with another body or still running
    raises the contract's own failure, for `wrap` to render.
    """

    def __init__(
        self,
        contract: Contract,
        store: Store | AsyncStore,
        *,
        caller: Callable[[Scope], str],
        lease: float = 30.0,
        wait: float = 10.0,
        on_error: Literal["keep", "release"] = "keep",
    ) -> None:
        if lease <= 0 or wait < 0:
            raise ValueError(f"lease={lease!r}, wait={wait!r}: lease above 0, wait 0 or more")
        blocks = not isinstance(store, MemoryStore) and not inspect.iscoroutinefunction(
            store.update
        )
        self._store = ThreadedStore(store) if blocks else store  # type: ignore[arg-type]
        self._contract = contract
        self._caller = caller
        self._lease = lease
        self._wait = wait
        self._on_error: Literal["keep", "release"] = on_error
        self._rim = Rim(sleep=asyncio.sleep, store=self._store)

    def __call__(self, app: App) -> App:
        """The app, whose keyed writes run once."""

        async def once(scope: Scope, receive: Receive, send: SendMessage) -> None:
            rules = self._contract.idempotency
            if scope["type"] != "http" or scope["method"] not in rules.methods:
                await app(scope, receive, send)
                return
            key = self._key(scope["headers"])
            if key is None:
                await app(scope, receive, send)
                return
            await self._once(app, scope, receive, send, key)

        return once

    def _key(self, fields: Fields) -> str | None:
        rules = self._contract.idempotency
        name = (rules.header or "Idempotency-Key").lower().encode()
        lines = [value.decode("latin-1") for field, value in fields if field.lower() == name]
        try:
            key = parse_idempotency_key(lines)
        except ValueError as error:
            raise self._contract.fail(*rules.missing, message=str(error)) from None
        if key is None and rules.keys == "required":
            message = f"The {rules.header} header is missing: every write needs one"
            raise self._contract.fail(*rules.missing, message=message)
        return key

    async def _once(
        self, app: App, scope: Scope, receive: Receive, send: SendMessage, key: str
    ) -> None:
        body = await _read(receive)
        terms = self._terms(scope, key, body)
        handler = _Handler(app, scope, receive, body)

        async def run(_: Send) -> Response:
            beat = asyncio.create_task(self._heartbeat(terms))
            try:
                return await handler.run()
            finally:
                beat.cancel()

        request = Request(method=scope["method"], url=scope["path"], key=key)
        served = await adrive(serve(request, terms, time.monotonic()), run, self._rim)
        fields = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in served.answer.headers]
        if not served.replayed:
            fields = handler.fields
        else:
            fields.append((b"idempotent-replayed", b"true"))
        start = {"type": "http.response.start", "status": served.answer.status, "headers": fields}
        await send(start)
        await send({"type": "http.response.body", "body": served.answer.body})

    def _terms(self, scope: Scope, key: str, body: bytes) -> Terms:
        method, path = scope["method"], scope["path"]
        query = scope.get("query_string", b"").decode("latin-1")
        fields = {k.lower(): v.decode("latin-1") for k, v in scope["headers"]}
        media = fields.get(b"content-type", "")
        return Terms(
            contract=self._contract,
            slot="\n".join(("idempotency", self._caller(scope), method, path, key)),
            fingerprint=fingerprint(method, path, query, media, body),
            token=uuid.uuid4().hex,
            lease=self._lease,
            wait=self._wait,
            on_error=self._on_error,
        )

    async def _heartbeat(self, terms: Terms) -> None:
        renewal = Renew(token=terms.token, lease=self._lease)
        while True:
            await asyncio.sleep(self._lease / 3)
            try:
                held = self._store.update(terms.slot, renewal)
                if isinstance(held, Awaitable):
                    await held
            except Exception:
                logger.exception("the lease of a running write could not be renewed")


class _Handler:
    """The app behind a key, run to its end before a byte of its answer leaves."""

    def __init__(self, app: App, scope: Scope, receive: Receive, body: bytes) -> None:
        self._app = app
        self._scope = scope
        self._receive = receive
        self._unread: bytes | None = body
        self._status = 500
        self._answer = bytearray()
        self.fields: Fields = []

    async def run(self) -> Response:
        """The app's whole answer."""
        await self._app(self._scope, self._next, self._collect)
        native = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in self.fields]
        return Response(
            status=self._status,
            headers=Headers(dict(native)),
            body=bytes(self._answer),
            native=native,
        )

    async def _next(self) -> Message:
        if self._unread is None:
            return await self._receive()
        body, self._unread = self._unread, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def _collect(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self.fields = Fields(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self._answer += message.get("body", b"")


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionAbortedError("the client went away before its request was whole")
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)
