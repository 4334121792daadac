"""Makes requests of an ASGI app go wrong."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from failwell.sandbox.faults import Fault, FaultList
from failwell.sandbox.wire.answer import Answer, Exchange, Headers
from failwell.sandbox.wire.connection import Wire, wire_of

_PROXY_PAGE = (
    b"<!DOCTYPE html>\n<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n"
    b"<h1>Bad Gateway</h1>\n<p>The proxy got no valid answer from the server behind it.</p>\n"
    b"</body>\n</html>\n"
)

Render = Callable[[int, str | None, Scope], tuple[Headers, bytes]]
OnFault = Callable[[Fault, Scope], None]


class FaultMiddleware:
    """Makes requests below `base_path` go wrong as `faults` says, and leaves all others alone.

    `render(status, retry_after, scope)` gives the headers and body of a `status` fault; headers
    it leaves out (Retry-After, Content-Length) are added. `rng` decides faults that have a
    `probability`. `on_fault` is told of each fault as it is taken.
    """

    def __init__(
        self,
        app: ASGIApp,
        faults: FaultList,
        base_path: str,
        render: Render,
        rng: random.Random | None = None,
        on_fault: OnFault | None = None,
    ) -> None:
        self.app = app
        self.faults = faults
        self._base = base_path.rstrip("/")
        self._render = render
        self._rng = rng
        self._on_fault = on_fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, well or badly."""
        fault = self._take(scope) if self.faults and scope["type"] == "http" else None
        if fault is None:
            await self.app(scope, receive, send)
        elif fault.fault == "delay":
            await asyncio.sleep(fault.seconds)
            await self.app(scope, receive, send)
        else:
            await self._spoil(fault, scope, receive, send)

    def _take(self, scope: Scope) -> Fault | None:
        base, below = self._base, scope["path"].removeprefix(self._base)
        if not scope["path"].startswith(base) or below[:1] not in ("", "/"):
            return None
        fault = self.faults.take(scope["method"], below or "/", self._rng)
        if fault and self._on_fault:
            self._on_fault(fault, scope)
        return fault

    async def _spoil(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        wire = wire_of(scope) if fault.breaks_connection else None
        exchange = Exchange(receive)
        if fault.runs_app:
            await self.app(scope, exchange.receive, exchange.send)
        await exchange.drain()
        if fault.fault in ("cut_body", "truncate"):
            await _send_half(exchange.answer, wire, send)
        elif wire is not None:
            await wire.reset()
        else:
            await self._answer(fault, scope).send(send)

    def _answer(self, fault: Fault, scope: Scope) -> Answer:
        if fault.fault == "html_502":
            answer = Answer(502, [(b"content-type", b"text/html")], _PROXY_PAGE)
        else:
            rendered = self._render(fault.status, fault.retry_after, scope)
            answer = Answer(fault.status, *rendered)
        return answer.completed(fault.retry_after)


async def _send_half(answer: Answer | None, wire: Wire | None, send: Send) -> None:
    if answer is None:
        return
    await answer.half(is_cut=wire is not None).send(send, more_body=wire is not None)
    if wire is not None:
        await wire.finish()
