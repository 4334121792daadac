"""Performs faults on real connections: a reset is an RST, a cut body is half a body and a FIN.

`Server` runs an ASGI app so that each HTTP request's scope carries a `Wire`; `FaultMiddleware`
uses it to break that request's connection on purpose.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from failwell.sandbox.faults import Fault, FaultList

WIRE = "failwell.wire"
HOST = "127.0.0.1"
KEEP_ALIVE_SECONDS = 600
LINGER_SECONDS = 5.0
GRACE_SECONDS = 0.5
THREAD_SECONDS = 30.0

_HARD_CLOSE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
_PROXY_PAGE = (
    b"<!DOCTYPE html>\n<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n"
    b"<h1>Bad Gateway</h1>\n<p>The proxy got no valid answer from the server behind it.</p>\n"
    b"</body>\n</html>\n"
)

Headers = Sequence[tuple[bytes, bytes]]
Render = Callable[[int, str | None, Scope], tuple[Headers, bytes]]
OnFault = Callable[[Fault, Scope], None]


class Wire:
    """Ends the TCP connection under one request, in a way that the client can tell apart."""

    def __init__(self, protocol: WireProtocol) -> None:
        self._protocol = protocol

    async def reset(self) -> None:
        """Send an RST at once, throwing away whatever was not sent yet."""
        transport = self._protocol.transport
        if not transport.is_closing():
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _HARD_CLOSE)
            transport.abort()
        await self._protocol.closed.wait()

    async def finish(self) -> None:
        """Send what was written and then a FIN; return when the connection is gone.

        What the client still sends is read and dropped, since closing a socket with unread data
        would send an RST, which can overtake the data on its way to the client.
        """
        self._protocol.deafen()
        transport = self._protocol.transport
        if not transport.is_closing():
            transport.write_eof()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._protocol.closed.wait(), LINGER_SECONDS)
        transport.abort()
        await self._protocol.closed.wait()


class WireProtocol(H11Protocol):
    """Speaks HTTP as uvicorn does and gives every request's scope a `Wire`, under `WIRE`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.closed = asyncio.Event()
        self._deaf = False
        self._served = self.app
        self.app = self._serve_wired

    def deafen(self) -> None:
        """Drop whatever the client sends from now on."""
        self._deaf = True
        self.flow.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Hand data to the HTTP parser, unless the connection is already on its way out."""
        if not self._deaf:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone, after uvicorn has noted it."""
        super().connection_lost(exc)
        self.closed.set()

    async def _serve_wired(self, scope: Any, receive: Any, send: Any) -> None:
        scope.setdefault("extensions", {})[WIRE] = Wire(self)
        try:
            await self._served(scope, receive, send)
        except asyncio.CancelledError:
            if not self.closed.is_set():
                raise


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
        wire = _wire(scope) if fault.breaks_connection else None
        exchange = _Exchange(receive)
        if fault.runs_app:
            await self.app(scope, exchange.receive, exchange.send)
        await exchange.drain()
        if fault.fault in ("cut_body", "truncate"):
            await _send_half(exchange.answer, wire, send)
        elif wire is not None:
            await wire.reset()
        else:
            await _send(self._answer(fault, scope), send)

    def _answer(self, fault: Fault, scope: Scope) -> _Answer:
        if fault.fault == "html_502":
            answer = _Answer(502, [(b"content-type", b"text/html")], _PROXY_PAGE)
        else:
            rendered = self._render(fault.status, fault.retry_after, scope)
            answer = _Answer(fault.status, *rendered)
        return _completed(answer, fault.retry_after)


class Server:
    """Serves one ASGI app on this machine, over connections that faults can break."""

    def __init__(self, app: ASGIApp, *, port: int = 0) -> None:
        self._port = port
        self._uvicorn = _Uvicorn(_config(app))

    async def serve(self, ready: Callable[[str], None] | None = None) -> None:
        """Serve until `stop`; call `ready` with the URL once requests are answered.

        A port in use raises OSError, an app whose startup fails RuntimeError.
        """
        with _listener(self._port) as listener:
            url = f"http://{HOST}:{listener.getsockname()[1]}"
            self._uvicorn.announce = lambda: ready(url) if ready else None
            await self._uvicorn.serve(sockets=[listener])

    def stop(self) -> None:
        """Ask the server to end, from any thread; requests in flight get a moment to finish."""
        self._uvicorn.should_exit = True


@contextmanager
def running(app: ASGIApp, *, port: int = 0) -> Generator[str, None, None]:
    """Serve the app from a thread of its own for as long as the block runs; gives the URL."""
    server, url = Server(app, port=port), Future[str]()
    thread = threading.Thread(target=_run, args=(server, url), name="sandbox", daemon=True)
    thread.start()
    try:
        yield url.result(THREAD_SECONDS)
    finally:
        server.stop()
        thread.join(THREAD_SECONDS)


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.announce: Callable[[], None] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        with suppress(SystemExit):
            await super().startup(sockets)
        if not self.started:
            raise RuntimeError("the app failed to start; its own error was logged")
        self.announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in self.servers:
            listener.close()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=GRACE_SECONDS)
        self._cut_off_the_rest()
        await super().shutdown(sockets)

    def _cut_off_the_rest(self) -> None:
        if self.server_state.tasks:
            for connection in list(self.server_state.connections):
                connection.transport.abort()
        for task in self.server_state.tasks:
            task.cancel()


class _Answer(NamedTuple):
    status: int
    headers: Headers
    body: bytes


class _Exchange:
    """Holds back the app's answer and knows how much of the request was read."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read = False
        self._answered = False
        self._start: Message | None = None
        self._body = bytearray()

    @property
    def answer(self) -> _Answer | None:
        """The app's whole answer; None when it gave none."""
        if self._start is None:
            return None
        headers = list(self._start.get("headers", ()))
        return _Answer(self._start["status"], headers, bytes(self._body))

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


def _run(server: Server, url: Future[str]) -> None:
    try:
        asyncio.run(server.serve(url.set_result))
    except BaseException as error:
        if url.done():
            raise
        url.set_exception(error)


def _listener(port: int) -> socket.socket:
    """Bind a socket that says it is TCP: asyncio turns Nagle's delay off only for such."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except BaseException:
        listener.close()
        raise
    return listener


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=WireProtocol,
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )


def _wire(scope: Scope) -> Wire:
    wire = scope.get("extensions", {}).get(WIRE)
    if not isinstance(wire, Wire):
        raise RuntimeError(
            "this fault breaks a TCP connection: serve the app with failwell.sandbox.wire.Server"
        )
    return wire


async def _send_half(answer: _Answer | None, wire: Wire | None, send: Send) -> None:
    if answer is None:
        return
    half = answer.body[: len(answer.body) // 2]
    length = len(half if wire is None else answer.body)
    headers = _sized(answer.headers, length) if answer.body else answer.headers
    await _send(_Answer(answer.status, headers, half), send, more_body=wire is not None)
    if wire is not None:
        await wire.finish()


async def _send(answer: _Answer, send: Send, *, more_body: bool = False) -> None:
    status, headers, body = answer
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body, "more_body": more_body})


def _sized(headers: Headers, length: int) -> Headers:
    framing = (b"content-length", b"transfer-encoding")
    kept = [(name, value) for name, value in headers if name.lower() not in framing]
    return [*kept, (b"content-length", b"%d" % length)]


def _completed(answer: _Answer, retry_after: str | None) -> _Answer:
    headers = _defaulted(answer.headers, b"content-length", b"%d" % len(answer.body))
    if retry_after is not None:
        headers = _defaulted(headers, b"retry-after", retry_after.encode())
    return answer._replace(headers=headers)


def _defaulted(headers: Headers, name: bytes, value: bytes) -> Headers:
    if any(given.lower() == name for given, _ in headers):
        return headers
    return [*headers, (name, value)]
