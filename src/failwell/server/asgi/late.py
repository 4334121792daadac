"""Keyed writes of ASGI that are claimed late: in the middle of the app, where it is certain who
asks and that they may, and kept at its edge, where the answer leaves.

An adapter puts `edge` around its framework and calls `claim` right before a handler runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal, Unpack

import msgspec

from failwell.actions import AsyncStore, Store
from failwell.contract import Contract
from failwell.drive import AsyncStepped, Rim
from failwell.flows.serve import BrokenOffError, Served, serve
from failwell.model import Request
from failwell.server.asgi.lease import heartbeat
from failwell.server.asgi.leaving import Leaving, give
from failwell.server.guard import Asked, Guard, Settings, logger, outcome_of
from failwell.server.kept import close_of, closing, kept
from failwell.server.outage import Outage
from failwell.server.stray import unless_cancelled
from failwell.server.types import App, Message, Receive, Scope, SendMessage
from failwell.server.write import Write
from failwell.stores.threaded import unblocked

_CLAIM = "failwell.claim"
"""Where the scope of a request holds the claim that it may come to."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What one route promises beside what all of them do: see `Settings`."""

    transactional: bool = False
    on_error: Literal["keep", "release"] = "keep"


class Claims:
    """The keyed writes of one app; `store` is an object or a URL. `caller(request)` names who is
    asking; what a request is, and whether the name is awaited, is the adapter's business.

    Raises `ValueError` where `Guard` does.
    """

    def __init__(
        self,
        contract: Contract,
        store: Store | AsyncStore | str,
        caller: Callable[[Any], str | Awaitable[str]],
        **settings: Unpack[Settings],
    ) -> None:
        self.caller = caller
        self.guard = Guard(contract, **settings)
        self.outage = Outage(logger, "the store of idempotent writes")
        held = kept(store, self.outage)
        self.store = unblocked(held)
        self.close = close_of(held)
        self.rim = Rim(sleep=asyncio.sleep, store=self.store, hooks=(self.outage,))

    def edge(self, app: App) -> App:
        """The app, inside of which writes can be claimed."""

        async def edged(scope: Scope, receive: Receive, send: SendMessage) -> None:
            if scope["type"] != "http":
                is_life = scope["type"] == "lifespan"
                await app(scope, receive, closing(send, self.close) if is_life else send)
                return
            claim = scope[_CLAIM] = Claim(self, send)
            try:
                await unless_cancelled(app(scope, claim.hearing(receive), claim.send))
            except Exception as error:
                await claim.fail(error)
            else:
                await claim.end()
            finally:
                claim.let_go()

        return edged


def claim_of(scope: Scope) -> Claim:
    """The claim of the request with this scope. Raises `RuntimeError` outside of an `edge`."""
    claim: Claim | None = scope.get(_CLAIM)
    if claim is None:
        raise RuntimeError("a keyed write needs a store: install(app, contract, store=..., ...)")
    return claim


class Claim:
    """One request, which may come to be a keyed write.

    `leaves_early` lets the answer go as soon as it is kept, and not when the app is done: for what
    the app does after its answer, such as background tasks.
    """

    def __init__(self, claims: Claims, send: SendMessage) -> None:
        self._claims = claims
        self._send = send
        self._flow: AsyncStepped[Served] | None = None
        self._beat: asyncio.Task[None] | None = None
        self._answer = Leaving(send)
        self.write = Write(None)
        self.leaves_early = False

    async def caller_of(self, request: object) -> str:
        """Who asks, by the function that the author has given."""
        caller = self._claims.caller(request)
        return caller if isinstance(caller, str) else await caller

    def key_of(self, scope: Scope) -> str | None:
        """The key of the request; None where it has none and needs none."""
        return self._claims.guard.key_of(scope["method"], scope["headers"])

    async def take(self, asked: Asked, terms: Terms) -> Served | None:
        """Claim the key: None where the handler is to run now, inside `writing(claim.write)`,
        else the answer to give. Raises the contract's own failure where there is neither."""
        guard = self._claims.guard
        full = guard.terms(asked)
        changes = {
            k: v for k, v in msgspec.structs.asdict(terms).items() if v != getattr(_USUAL, k)
        }
        full = msgspec.structs.replace(full, **changes)
        request = Request(method=asked.method, url=asked.path, key=asked.key)
        flow = AsyncStepped(serve(request, full, time.monotonic()), self._claims.rim)
        await flow.begin()
        if flow.sends is None:
            return flow.result
        self._flow = flow
        if flow.sends.request.key is not None:
            self.write = guard.write(full, asked.key)
            beating = heartbeat(full, self._claims.store, self._claims.outage)
            self._beat = asyncio.create_task(beating)
        return None

    def hearing(self, receive: Receive) -> Receive:
        """What the app is told, overheard."""

        async def heard() -> Message:
            return self._answer.heard(await receive())

        return heard

    async def send(self, message: Message) -> None:
        """Take a message of the app: on its way, or held until the answer is kept."""
        if self._flow is None:
            await self._send(message)
            return
        await self._answer.take(message)
        if self._answer.ended and self.leaves_early:
            await self.end()

    async def end(self) -> None:
        """The answer is whole: keep it and let it go."""
        if self._flow is not None:
            flow, self._flow = self._flow, None
            await self._give(await flow.answer(self._answer.response()))

    async def fail(self, error: Exception) -> None:
        """The app has failed: give what it had committed. Raises where there is nothing to give."""
        if self._flow is None:
            raise error
        flow, self._flow = self._flow, None
        await self._give(
            await flow.fail(BrokenOffError(error) if self._answer.has_begun else error)
        )

    def let_go(self) -> None:
        """Let the lease run out."""
        if self._beat is not None:
            self._beat.cancel()

    async def _give(self, served: Served) -> None:
        self.let_go()
        if served.from_record and not self._answer.flows:
            if served.error is not None:
                logger.error("a keyed write failed after its commit", exc_info=served.error)
            await give(served, self._send)
        elif served.error is not None:
            raise served.error
        else:
            await self._answer.finish(outcome_of(served))


_USUAL = Terms()
