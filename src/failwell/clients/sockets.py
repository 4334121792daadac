"""A total deadline inside one attempt over httpcore, in sync code.

httpcore bounds each single socket operation, so a server that trickles bytes outlasts any
time-out. Here every connect, read and write is given no more than the time that the call has
left. The seam is httpcore's own `NetworkBackend`; httpx stands on the module `httpcore`, httpx2 on
`httpcore2`, and whoever binds says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ssl import SSLContext
from types import ModuleType
from typing import Any

from failwell.clients import addresses, limits, multiplexed

PIECE = 64 * 1024
"""Bytes that are written under one time-out: httpcore gives it to each part that the socket takes,
so a reader that takes a little at a time would outlast it."""

_DEPTH = 4
"""How many transports that wrap others are looked into."""


def bind(transport: object, httpcore: ModuleType) -> None:
    """Make the transport's new connections keep to `limits.within`, and those of the transports
    that it wraps; what has no sockets of httpcore's is left as it is."""
    for pool in _pools(transport, httpcore.ConnectionPool, _DEPTH):
        backend = getattr(pool, "_network_backend", None)
        if isinstance(backend, httpcore.NetworkBackend):
            pool._network_backend = _Backend(backend, httpcore)
            multiplexed.bind(pool, httpcore)


def _pools(holder: object, kind: type, depth: int) -> Iterator[Any]:
    for held in _held(holder):
        if issubclass(type(held), kind):  # a proxy may raise when it is asked what it is
            yield held
        elif depth and hasattr(type(held), "handle_request"):
            yield from _pools(held, kind, depth - 1)


def _held(holder: object) -> Iterator[object]:
    """What an object has as attributes, also where they are lists or dictionaries of it."""
    for value in list(getattr(holder, "__dict__", {}).values()):
        if isinstance(value, dict):
            yield from value.values()
        elif isinstance(value, (list, tuple)):
            yield from value
        else:
            yield value


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
        more = {"local_address": local_address, "socket_options": socket_options}
        if limits.left() is None or type(self._inner) is not self._httpcore.SyncBackend:
            timeout = _left(timeout, self._httpcore.ConnectTimeout)
            connected = self._inner.connect_tcp(host, port, timeout=timeout, **more)
        else:
            connected = self._connect_in_turn(host, port, timeout, more)
        return _Stream(connected, self._httpcore)

    def _connect_in_turn(
        self, host: str, port: int, timeout: float | None, more: dict[str, Any]
    ) -> Any:
        late = self._httpcore.ConnectTimeout
        try:
            found = addresses.resolved(host, port)
        except OSError as error:
            raise self._httpcore.ConnectError(error) from error

        def connect(address: addresses.Address, seconds: float | None) -> Any:
            return self._inner.connect_tcp(*address, timeout=_left(seconds, late), **more)

        return addresses.in_turn(found, timeout, connect, (late, self._httpcore.ConnectError))

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
        """The wait before another connect, of a transport with `retries`."""
        self._inner.sleep(_left(seconds, self._httpcore.ConnectTimeout))


class _Stream:
    def __init__(self, inner: Any, httpcore: ModuleType) -> None:
        self._inner = inner
        self._httpcore = httpcore

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        read: bytes = self._inner.read(max_bytes, _left(timeout, self._httpcore.ReadTimeout))
        return read

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        late = self._httpcore.WriteTimeout
        if len(buffer) <= PIECE or limits.left() is None:
            self._inner.write(buffer, _left(timeout, late))
            return
        for start in range(0, len(buffer), PIECE):
            self._inner.write(buffer[start : start + PIECE], _left(timeout, late))

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
