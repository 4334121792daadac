"""A real HTTP/1.1 server on loopback, of raw sockets, that plays what the books' script says.

Everything is bounded: by `SECONDS`, and by the end of the `with` block.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from contextlib import suppress

from faults.truth.acts import Act
from faults.truth.apis import APIS, WELL
from faults.truth.books import Books, Entry, record
from faults.truth.reading import Asked, read_body, read_head, read_more
from faults.truth.repertoire import OK

SECONDS = 5.0
UNREAD = Act("unread", "reset", reads="part")
"""A request that its sender gave up."""

PAUSE = 0.02
TRICKLED = 60
"""Bytes that are trickled at most, one each `PAUSE` seconds."""

PAGE = b"<html><head><title>Bad Gateway</title></head><body><h1>Try again</h1></body></html>"
JSON = "application/json"


def own(status: int, code: str, **more: object) -> bytes:
    """The body of a failure in the APIs' own envelope."""
    return json.dumps({"error": {"code": code, "message": f"It is {code}.", **more}}).encode()


class CrookedServer:
    """The server; a context manager. `open(books)` begins another tale."""

    def __init__(self) -> None:
        self._place = self._socket()  # keeps the port while nobody listens
        self.port: int = self._place.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.books = Books(APIS[0], (), ())
        self._listener: socket.socket | None = None
        self._released = threading.Event()
        self._threads: list[threading.Thread] = []
        self.connections: set[socket.socket] = set()

    def _socket(self) -> socket.socket:
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(("127.0.0.1", getattr(self, "port", 0)))
        return made

    def __enter__(self) -> CrookedServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._shut()
        self._place.close()
        for connection in tuple(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(SECONDS)

    def open(self, books: Books) -> None:
        """Serve these books."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._released = threading.Event()
        self.books = books
        self.attend()

    def release(self) -> None:
        """End whatever still hangs or trickles."""
        self._released.set()

    def attend(self) -> None:
        """Listen, or do not, as the script wants it for the next attempt."""
        if self.books.refuses:
            self._shut()
        elif self._listener is None:
            self._listener = self._socket()
            self._listener.listen(64)
            self._spawn(self._accept, self._listener)

    def _shut(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _spawn(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self._spawn(_Exchange(self, connection, self.books, self._released).serve)


class _Exchange:
    """One connection."""

    def __init__(
        self,
        server: CrookedServer,
        connection: socket.socket,
        books: Books,
        released: threading.Event,
    ) -> None:
        self._server, self._books, self._released = server, books, released
        self._socket = connection

    def serve(self) -> None:
        self._server.connections.add(self._socket)
        self._socket.settimeout(SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError, ValueError):
            while (asked := read_head(self._socket)) is not None and self._one(asked):
                pass
        self._server.connections.discard(self._socket)
        with suppress(OSError):
            self._socket.close()

    def _one(self, asked: Asked) -> bool:
        if asked.path.startswith(("/look", "/records")):
            return self._look(asked)
        if asked.method == "GET":
            with self._books.lock:
                self._books.log.append(Entry("aside", OK, method="GET"))
            return self._plain(404, own(404, "not_found"))
        return self._write(asked)

    def _write(self, asked: Asked) -> bool:
        books, act = self._books, self._books.next()
        body: bytes | None = None
        try:
            if act.reads == "all":
                body = read_body(self._socket, asked.headers, asked.rest)
            elif act.reads == "part" and asked.has_body:
                read_more(self._socket, asked.rest, 1)
        except (OSError, ValueError):
            act = UNREAD
        entry = Entry(
            "write", act, asked.headers.get("idempotency-key"), body, asked.method,
            "hop=" in asked.path, credential=asked.headers.get("authorization"),
        )  # fmt: skip
        act = books.write(act, entry)
        if books.refuses:
            self._server.attend()
        return self._show(act, asked)

    # --- What it says ----------------------------------------------------------------------------

    def _show(self, act: Act, asked: Asked) -> bool:
        if act.interim:
            self._socket.sendall(act.interim)
        if act.how == "reset":
            return self._reset()
        if act.how == "close":
            return False
        if act.how == "hang":
            self._released.wait(SECONDS)
            return False
        if act.how == "trickle_head":
            return self._trickle(b"HTTP/1.1 201 Created\r\nX-Long: ")
        body, media = self._content(act, asked)
        head, sized = self._head_of(act, media, body, asked)
        if act.how == "trickle_body":
            return self._trickle(head + body[:3])
        if act.how in ("cut", "cut_reset", "chunks_cut"):
            half = body[: max(len(body) // 2, 1)]
            self._socket.sendall(head + (b"%x\r\n%b" % (len(half), half) if sized else half))
            return self._reset() if act.how == "cut_reset" else False
        self._socket.sendall(head + body)
        return act.how == "whole" and act.reads == "all" and not self._books.refuses

    def _content(self, act: Act, asked: Asked) -> tuple[bytes, str | None]:
        if act.shape == "page":
            return PAGE, "text/html"
        if act.shape == "empty" or act.status == 204:
            return b"", None
        if act.states == WELL:
            shown = {"result": record(asked.name, None, "")}
            return own(409, "key_used")[:-1] + b", " + json.dumps(shown).encode()[1:], JSON
        if act.shape in ("record", "plain") or (act.status or 0) < 300:
            body = json.dumps(record(asked.name, None, self._books.taken)).encode()
            if act.shape == "plain":
                return body, "text/plain"
        else:
            body = own(act.status or 0, act.code or "", **self._more_of(act, asked))
        return (body[:-9] if act.shape == "part" else body), JSON

    def _more_of(self, act: Act, asked: Asked) -> dict[str, object]:
        if act.code == "exists":
            return {"details": {"existing_id": "rec_1"}}
        if act.echoes:
            fields = {n: asked.headers.get(n, "") for n in ("authorization", "x-api-key", "cookie")}
            said = " ".join((*fields.values(), asked.path))
            return {"details": {**fields, "path": asked.path}, "message": f"You sent {said}"}
        return {}

    def _head_of(
        self, act: Act, media: str | None, body: bytes, asked: Asked
    ) -> tuple[bytes, bool]:
        length = len(body) + (10 if act.how in ("overlong", "trickle_body") else 0)
        fields = [("X-Request-Id", "req-1"), *act.headers]
        fields += [("Content-Type", media)] if media else []
        is_chunked = act.how == "chunks_cut"
        if is_chunked:
            fields += [("Transfer-Encoding", "chunked")]
        elif act.status != 204 and act.how != "until_close":
            fields += [("Content-Length", str(length))]
        if act.how == "doubled":
            fields += [("Content-Length", str(length - 4))]
        if act.how == "garbled":
            fields += [("Content-Encoding", "gzip")]
        if act.states not in (None, WELL):
            fields += [("Failwell-Outcome", act.states or "")]
        if act.status in (303, 307, 308):
            hop = asked.path + ("&" if "?" in asked.path else "?") + "hop=1"
            fields += [("Location", hop)]
        if self._books.refuses or act.how != "whole" or act.reads != "all":
            fields += [("Connection", "close")]
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        return f"HTTP/1.1 {act.status} Said\r\n{lines}\r\n".encode("latin-1"), is_chunked

    def _look(self, asked: Asked) -> bool:
        how, is_there = self._books.look(asked.path.partition("tag=")[2])
        if how == "reset":
            return self._reset()
        if how == "page":
            return self._plain(404, PAGE, "text/html")
        if how == "down":
            return self._plain(503, own(503, "unavailable"))
        if how == "missing" and not is_there:
            return self._plain(404, own(404, "not_found"))
        shown = record(asked.name, None, self._books.taken)
        if asked.path.startswith("/records"):
            return self._plain(200, json.dumps(shown).encode())
        told = {"found": is_there, "record": shown if is_there else None}
        return self._plain(200, json.dumps(told).encode())

    def _plain(self, status: int, body: bytes, media: str = JSON) -> bool:
        head = f"HTTP/1.1 {status} Said\r\nContent-Type: {media}\r\nConnection: close\r\n"
        self._socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return False

    def _trickle(self, first: bytes) -> bool:
        self._socket.sendall(first)
        for _ in range(TRICKLED):
            if self._released.wait(PAUSE):
                break
            self._socket.sendall(b" ")
        return False

    def _reset(self) -> bool:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()
        return False
