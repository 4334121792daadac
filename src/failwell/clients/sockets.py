"""A total deadline inside one attempt over httpcore, in sync code.

httpcore bounds each single socket operation, so a server that trickles bytes outlasts any
time-out. Here every connect, read and write is given no more than the time that the call has
left. The seam is httpcore's own `NetworkBackend`; httpx stands on the module `httpcore`, httpx2 on
`httpcore2`, and whoever binds says which.
"""

from __future__ import annotations

from collections.abc import Iterable
from ssl import SSLContext
from types import ModuleType
from typing import Any

from failwell.clients import limits


def bind(transport: object, httpcore: ModuleType) -> None:
    """Make the transport's new connections keep to `limits.within`; one without sockets of
    httpcore's is left as it is."""
    pool: Any = getattr(transport, "_pool", None)
    backend = getattr(pool, "_network_backend", None)
    if isinstance(backend, httpcore.NetworkBackend):
        pool._network_backend = _Backend(backend, httpcore)


def _left(timeout: float | None, late: type[Exception]) -> float | None:
    left = limits.left()
    if left is None:
        return timeout
    if left <= 0:
        raise late("the call's deadline ran out")
    return left if timeout is None else min(timeout, left)


class _Backend:
    """A backend of httpcore's that is none by class, and so is not bound a second time."""

    def __init__(self, inner: Any, httpcore: ModuleType) -> None:
        self._inner = inner
        self._httpcore = httpcore

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Stream:
        timeout = _left(timeout, self._httpcore.ConnectTimeout)
        connected = self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(connected, self._httpcore)

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Stream:
        timeout = _left(timeout, self._httpcore.ConnectTimeout)
        connected = self._inner.connect_unix_socket(path, timeout, socket_options)
        return _Stream(connected, self._httpcore)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream:
    def __init__(self, inner: Any, httpcore: ModuleType) -> None:
        self._inner = inner
        self._httpcore = httpcore

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        read: bytes = self._inner.read(max_bytes, _left(timeout, self._httpcore.ReadTimeout))
        return read

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout, self._httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> _Stream:
        timeout = _left(timeout, self._httpcore.ConnectTimeout)
        secured = self._inner.start_tls(ssl_context, server_hostname, timeout)
        return _Stream(secured, self._httpcore)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
