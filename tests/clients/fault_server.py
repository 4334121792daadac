"""A real HTTP/1.1 server on loopback that fails as it is told, and counts what it really did.

Per request the next `Act` of its script says whether the write is carried out and what the client
is then shown: an answer, a reset, half an answer, nothing at all, or one byte after another. What
it did is in `effects`, whatever anybody was told. Everything is bounded: by `SECONDS`, and by the
end of the `with` block.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from faults.truth.reading import read_body

SECONDS = 10.0
SAFE = {"GET", "HEAD", "OPTIONS", "QUERY"}
JSON = "application/json"
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"

How = Literal["answer", "reset", "close", "cut", "hang", "trickle_headers", "trickle_body"]


@dataclass(frozen=True)
class Seen:
    """One request as the server read it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    lines: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str | None:
        return self.headers.get("idempotency-key")


@dataclass(frozen=True)
class Act:
    """What the server does with one request.

    Without a `status` the answer is the honest one: of the record made, or of its replay.
    `reads` is False where it acts before it has read the body.
    """

    how: How = "answer"
    commit: bool = True
    status: int | None = None
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str | None = JSON
    reads: bool = True
    pause: float = 0.02


OK = Act()


def error(status: int, code: str, message: str = "It failed.", **more: Any) -> bytes:
    """The body of a failure, in the envelope that the tests' contract declares."""
    return json.dumps({"error": {"code": code, "message": message, **more}}).encode()


def refusal(status: int, code: str, *, commit: bool = False, **more: Any) -> Act:
    """An answer in the API's own envelope."""
    return Act(status=status, body=error(status, code), commit=commit, **more)


@dataclass
class Server:
    """The server; a context manager. `script` is played once, then every request goes well.

    With `honours_keys` a key that was carried out is answered again and done once.
    """

    script: Iterable[Act | Callable[[Seen], Act]] = ()
    honours_keys: bool = False
    listening: bool = True
    ssl: Any = None
    effects: Counter[str] = field(default_factory=Counter)
    requests: list[Seen] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._left = list(self.script)
        self._stored: dict[str, tuple[int, bytes]] = {}
        self._deleted: set[str] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http{'s' if self.ssl else ''}://127.0.0.1:{self.port}"

    def __enter__(self) -> Server:
        if self.listening:
            self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(SECONDS)

    @property
    def done(self) -> int:
        """How many effects there are."""
        return sum(self.effects.values())

    @property
    def keys(self) -> list[str | None]:
        """The key of each request, in order."""
        return [seen.key for seen in self.requests]

    def open(self) -> None:
        """Take connections from now on; before, they are refused."""
        self._listener.listen(64)
        self._listener.settimeout(0.5)
        self._spawn(self._accept)

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self.connections += 1
            self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            connection.settimeout(SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.ssl is not None:
                connection = self.ssl.wrap_socket(connection, server_side=True)
            while self._exchange(connection):
                pass
        except (OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            with suppress(OSError):
                connection.close()

    def _exchange(self, connection: socket.socket) -> bool:
        head = _read_head(connection)
        if head is None:
            return False
        seen, rest = head
        told = self._next()
        if not isinstance(told, Act) or told.reads:
            seen = replace(seen, body=read_body(connection, seen.headers, rest))
        act = told if isinstance(told, Act) else told(seen)
        with self._lock:
            self.requests.append(seen)
        status, body, extra = self._carry_out(seen) if act.commit else (200, b"{}", ())
        if act.status is not None:
            status, body, extra = act.status, b"", ()
        if act.body is not None:
            body = act.body
        return self._show(connection, seen, act, status, body, (*extra, *act.headers))

    def _next(self) -> Act | Callable[[Seen], Act]:
        with self._lock:
            return self._left.pop(0) if self._left else OK

    def _carry_out(self, seen: Seen) -> tuple[int, bytes, tuple[tuple[str, str], ...]]:
        with self._lock:
            if seen.method in SAFE:
                return 200, b'{"read": true}', ()
            if self.honours_keys and seen.key in self._stored:
                status, body = self._stored[seen.key]
                return status, body, (("Idempotent-Replayed", "true"),)
            if seen.method == "DELETE" and seen.path in self._deleted:
                return 404, error(404, "not_found", "There is no such record."), ()
            self._deleted.add(seen.path)
            self.effects[seen.key or seen.path] += 1
            answer = 201, json.dumps({"id": f"rec_{self.done}"}).encode()
            if seen.key is not None:
                self._stored[seen.key] = answer
            return *answer, ()

    def _show(
        self,
        connection: socket.socket,
        seen: Seen,
        act: Act,
        status: int,
        body: bytes,
        headers: tuple[tuple[str, str], ...],
    ) -> bool:
        if act.how == "reset":
            _reset(connection)
            return False
        if act.how == "close":
            return False
        if act.how == "hang":
            self._stopping.wait(SECONDS)
            return False
        shown = b"" if seen.method == "HEAD" or status in (204, 304) else body
        sized = () if status == 204 else (("Content-Length", str(len(body))),)
        typed = (
            ()
            if act.content_type is None or status == 204
            else (("Content-Type", act.content_type),)
        )
        named = {name.lower() for name, _ in headers}
        fields = [f for f in (*typed, *sized) if f[0].lower() not in named]
        head = f"HTTP/1.1 {status} Said\r\n".encode() + b"".join(
            f"{name}: {value}\r\n".encode("latin-1") for name, value in (*fields, *headers)
        )
        if act.how == "trickle_headers":
            self._trickle(connection, b"HTTP/1.1 200 OK\r\nX-Long: ", act)
            return False
        connection.sendall(head + b"\r\n")
        if act.how == "trickle_body":
            self._trickle(connection, b"", act)
            return False
        if act.how == "cut":
            connection.sendall(shown[: max(len(shown) // 2, 1)])
            return False
        connection.sendall(shown)
        return "close" not in "".join(v for n, v in headers if n.lower() == "connection")

    def _trickle(self, connection: socket.socket, first: bytes, act: Act) -> None:
        connection.sendall(first)
        for _ in range(int(SECONDS / act.pause)):
            if self._stopping.wait(act.pause):
                return
            connection.sendall(b" ")


def _read_head(connection: socket.socket) -> tuple[Seen, bytes] | None:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    pairs = tuple((n.strip(), v.strip()) for n, _, v in (line.partition(":") for line in lines))
    return Seen(method, path, {n.lower(): v for n, v in pairs}, b"", pairs), rest


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
