"""The connection under one request: reset it, end it, or find it in the request's scope."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from contextlib import suppress
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

WIRE = "failwell.wire"
LINGER_SECONDS = 5.0

_HARD_CLOSE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


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


def wire_of(scope: Scope) -> Wire:
    """The wire of a request; raises `RuntimeError` where another server serves it."""
    wire = scope.get("extensions", {}).get(WIRE)
    if not isinstance(wire, Wire):
        raise RuntimeError(
            "this fault breaks a TCP connection: serve the app with failwell.sandbox.wire.Server"
        )
    return wire
