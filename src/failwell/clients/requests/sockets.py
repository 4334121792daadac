"""A total deadline inside one attempt over requests.

urllib3 bounds each single socket operation, so a server that trickles bytes outlasts any time-out,
and so does a name with many addresses. Here each of them is given no more than the time that the
call has left. The seam is the connection
class of urllib3's pools.
"""

from __future__ import annotations

import io
import socket
from typing import Any, cast

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.poolmanager import pool_classes_by_scheme
from urllib3.util.connection import allowed_gai_family

from failwell.clients import addresses, limits


class _Socket:
    """A connected socket that keeps to `limits.within`; all else is the socket's own."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner: Any = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """What answers are read from; it keeps the socket open, as the socket's own would."""
        self._inner._io_refs += 1
        return io.BufferedReader(socket.SocketIO(self, "r"))  # type: ignore[arg-type]

    def recv_into(self, *args: Any) -> int:
        self._hurry()
        read: int = self._inner.recv_into(*args)
        return read

    def sendall(self, *args: Any) -> None:
        self._hurry()
        self._inner.sendall(*args)

    def _hurry(self) -> None:
        left = limits.left()
        if left is None:
            return
        if left <= 0:
            raise TimeoutError("the call's deadline ran out")
        limit = self._inner.gettimeout()
        self._inner.settimeout(left if limit is None else min(left, limit))


class _InTurn:
    """A connection that gives each address of its host a share of the time that is left."""

    _dns_host: str
    port: int
    timeout: Any

    def _new_conn(self) -> socket.socket:
        connect: Any = super()._new_conn  # type: ignore[misc]
        host, timeout = self._dns_host, self.timeout
        if limits.left() is None:
            return cast("socket.socket", connect())

        def attempt(address: addresses.Address, seconds: float | None) -> socket.socket:
            self._dns_host, self.timeout = address[0], seconds
            return cast("socket.socket", connect())

        try:
            found = addresses.resolved(host, self.port, allowed_gai_family())
        except OSError:
            return cast("socket.socket", connect())
        try:
            failures = (ConnectTimeoutError, NewConnectionError)
            return addresses.in_turn(found, timeout, attempt, failures)
        finally:
            self._dns_host, self.timeout = host, timeout


class _Connection(_InTurn, HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = _bound(self.sock)


class _SecureConnection(_InTurn, HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = _bound(self.sock)


def _bound(connected: Any) -> Any:
    return _Socket(connected) if isinstance(connected, socket.socket) else connected


class _Pool(HTTPConnectionPool):
    ConnectionCls: Any = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls: Any = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


def bind(adapter: HTTPAdapter) -> None:
    """Make the adapter's new connections keep to `limits.within`; one with connections of its own
    kind is left as it is, and so are those by way of a proxy."""
    manager: Any = adapter.poolmanager
    if manager.pool_classes_by_scheme is pool_classes_by_scheme:
        manager.pool_classes_by_scheme = _POOLS
