"""Serves an ASGI app on this machine, over connections that faults can break."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from failwell.sandbox.wire.connection import WireProtocol

HOST = "127.0.0.1"
KEEP_ALIVE_SECONDS = 600
GRACE_SECONDS = 0.5
THREAD_SECONDS = 30.0


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

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:  # a second signal must not end the app in the middle of its end
            super().handle_exit(sig, frame)

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
