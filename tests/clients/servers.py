"""Two more real servers on loopback: one that speaks HTTP/2, and a proxy."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import trustme

SECONDS = 10.0


class Certificates:
    """A certificate for 127.0.0.1, and the contexts that serve it and trust it."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        leaf = authority.issue_cert("127.0.0.1", "localhost")
        self.certificate, self.key = folder / "cert.pem", folder / "key.pem"
        leaf.private_key_pem.write_to_path(self.key)
        for blob in leaf.cert_chain_pems:
            blob.write_to_path(self.certificate, append=True)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(self.server)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def http2(app: Any, certificates: Certificates | None = None) -> Iterator[str]:
    """Serve an ASGI app by hypercorn, which speaks HTTP/2 (in clear text too); its URL."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config, port = Config(), free_port()
    config.bind = [f"127.0.0.1:{port}"]
    config.loglevel = "CRITICAL"
    config.graceful_timeout = 0.1
    if certificates is not None:
        config.certfile, config.keyfile = str(certificates.certificate), str(certificates.key)
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve(app, config, shutdown_trigger=over.wait))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    for _ in range(500):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            break
        threading.Event().wait(0.01)
    try:
        yield f"http{'s' if certificates else ''}://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(SECONDS)


@contextmanager
def proxy(refuse: Callable[[int], bool] = lambda n: False) -> Iterator[tuple[str, list[str]]]:
    """A proxy that forwards http and tunnels CONNECT; its URL, and the request lines it saw.

    `refuse(n)` says whether the nth CONNECT is answered by a 502.
    """
    seen: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.5)
    over = threading.Event()
    threads: list[threading.Thread] = []

    def spawn(target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        threads.append(thread)
        thread.start()

    def copy(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def handle(near: socket.socket) -> None:
        near.settimeout(SECONDS)
        with near, suppress(OSError, ValueError):
            head = b""
            while b"\r\n\r\n" not in head:
                chunk = near.recv(65536)
                if not chunk:
                    return
                head += chunk
            line = head.split(b"\r\n")[0].decode()
            seen.append(line)
            method, target, version = line.split(" ")
            if method == "CONNECT":
                if refuse(len(seen)):
                    near.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                    return
                host, _, port = target.rpartition(":")
            else:
                host, _, rest = target.removeprefix("http://").partition("/")
                host, _, port = host.rpartition(":")
                first = f"{method} /{rest} {version}".encode()
                head = head.replace(line.encode(), first, 1)
            with socket.create_connection((host, int(port)), timeout=SECONDS) as far:
                if method == "CONNECT":
                    near.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                else:
                    far.sendall(head)
                spawn(copy, far, near)
                copy(near, far)
                threads[-1].join(SECONDS)

    def accept() -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                try:
                    spawn(handle, listener.accept()[0])
                except TimeoutError:
                    continue
                except OSError:
                    return

    spawn(accept)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
    finally:
        over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in threads:
            thread.join(SECONDS)
