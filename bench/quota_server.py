"""A real HTTP/1.1 server in a process of its own, with a quota or an outage; it ends by itself.

It speaks just enough of HTTP to be cheaper than any client: one event loop, no framework.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Literal

import httpx2

SECONDS = 90.0
"""After so long it goes, whatever becomes of whoever started it."""

Mode = Literal["quota", "outage", "dead"]
DOWN_FOR = 4.0
RATE, BURST = 100.0, 20


class _Service(asyncio.Protocol):
    def __init__(self, state: _State) -> None:
        self.state = state
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            self.transport.write(self.state.told() if path == b"/told" else self.state.answer())


class _State:
    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.tokens, self.at = float(BURST), time.monotonic()
        self.began: float | None = None
        self.counts = {"served": 0, "refused": 0, "down": 0}

    def told(self) -> bytes:
        return _answer(200, json.dumps(self.counts).encode())

    def answer(self) -> bytes:
        now = time.monotonic()
        self.began = self.began or now
        if self.mode == "dead" or (self.mode == "outage" and now < self.began + DOWN_FOR):
            self.counts["down"] += 1
            return _answer(503, b'{"message":"down"}')
        if self.mode == "outage":
            self.counts["served"] += 1
            return _answer(200, b"{}")
        self.tokens = min(BURST, self.tokens + RATE * (now - self.at))
        self.at = now
        if self.tokens < 1:
            self.counts["refused"] += 1
            return _answer(429, b'{"message":"slow down"}', self._fields() + "Retry-After: 1\r\n")
        self.tokens -= 1
        self.counts["served"] += 1
        return _answer(200, b"{}", self._fields())

    def _fields(self) -> str:
        reset = max(1 - self.tokens, 0.0) / RATE
        return (
            f"X-RateLimit-Limit: {BURST}\r\nX-RateLimit-Remaining: {int(self.tokens)}\r\n"
            f"X-RateLimit-Reset: {reset:.3f}\r\n"
        )


def _answer(status: int, body: bytes, fields: str = "") -> bytes:
    words = {200: "OK", 429: "Too Many Requests", 503: "Service Unavailable"}[status]
    head = (
        f"HTTP/1.1 {status} {words}\r\nContent-Type: application/json\r\n{fields}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _serve(mode: Mode, port: Connection) -> None:
    async def main() -> None:
        state = _State(mode)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Service(state), "127.0.0.1", 0, backlog=256)
        port.send(server.sockets[0].getsockname()[1])
        await asyncio.sleep(SECONDS)

    asyncio.run(main())


@contextmanager
def serving(mode: Mode) -> Iterator[str]:
    """The URL of a server in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(mode, there), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


def told(url: str) -> dict[str, int]:
    """What the server at that URL has counted: `served`, `refused`, `down`."""
    counts: dict[str, int] = httpx2.get(f"{url}/told", trust_env=False).json()
    return counts
