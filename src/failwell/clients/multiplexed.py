"""A total deadline over a connection of HTTP/2 that several threads share, in sync code.

httpcore reads for all of them in whichever thread holds the connection's lock, and lets the others
wait for that lock, and for their turn on the connection, without a limit. Here each waits no longer
than its own call has left. The seam is the pool's `create_connection`; the locks behind it are
private names, and where they are missing, httpcore's own waits go on: `docs/decisions/0001`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any
from weakref import ref

from failwell.clients import limits

_CONNECTING = ("_request_lock", "_connect_lock")
"""What one thread holds while it connects, directly or through a proxy."""


def bind(pool: Any, httpcore: ModuleType) -> None:
    """Make those who share a new connection of the pool keep to `limits.within`."""
    if getattr(pool, "_http2", False):
        pool.create_connection = partial(_create, ref(pool), httpcore)


def _create(pool_of: Callable[[], Any], httpcore: ModuleType, origin: Any) -> Any:
    """What the pool creates; it is told by a weak reference, or it would be garbage of a circle."""
    pool = pool_of()
    connection = _class_of(pool).create_connection(pool, origin)
    itself = ref(connection)
    for name in _CONNECTING:
        _replace(connection, name, httpcore.ConnectTimeout, partial(_share, itself, httpcore))
        if hasattr(connection, name):
            connection.handle_request = partial(_handle, itself, name)
    return connection


def _handle(connection_of: Callable[[], Any], lock: str, request: Any) -> Any:
    """httpcore's own, once nobody else is connecting: it would take whoever ran out of time while
    another connects for the end of the connection."""
    connection = connection_of()
    with getattr(connection, lock):
        pass
    return _class_of(connection).handle_request(connection, request)


def _share(connection_of: Callable[[], Any], httpcore: ModuleType, _: object) -> None:
    """Bind what the connection turned out to be, before anyone has used it; each call comes by."""
    shared = getattr(connection_of(), "_connection", None)
    lock = getattr(shared, "_read_lock", None)
    if lock is None or isinstance(lock, _Lock):
        return
    itself = ref(shared)
    _replace(shared, "_init_lock", httpcore.ConnectTimeout, partial(_queue, itself, httpcore))
    _replace(shared, "_read_lock", httpcore.ReadTimeout, partial(_read_on, itself, httpcore))
    _replace(shared, "_write_lock", httpcore.WriteTimeout)


def _queue(shared_of: Callable[[], Any], httpcore: ModuleType, _: object) -> None:
    """Bind the queue for a stream, once it is there."""
    shared = shared_of()
    queue = getattr(shared, "_max_streams_semaphore", None)
    if queue is not None and not isinstance(queue, _Queue):
        shared._max_streams_semaphore = _Queue(queue, httpcore.PoolTimeout)


def _read_on(shared_of: Callable[[], Any], httpcore: ModuleType, raised: object) -> None:
    """Let the others read on where a call's own deadline has ended its reading: httpcore would end
    them all, and of a write among them nobody would know what became."""
    left = limits.left()
    if raised is httpcore.ReadTimeout and left is not None and left <= 0:
        shared_of()._read_exception = None


def _class_of(bound: object) -> Any:
    """Where what was replaced at the object itself is still to be had."""
    return type(bound)


def _replace(
    owner: Any, name: str, late: type[Exception], after: Callable[[object], None] | None = None
) -> None:
    primitive = getattr(getattr(owner, name, None), "_lock", None)
    if primitive is not None:
        setattr(owner, name, _Lock(primitive, late, after))


class _Lock:
    """A lock of httpcore's, for which nobody waits longer than the call has left.

    What comes `after` is done before the next one is let in, and is told what was raised.
    """

    def __init__(
        self, primitive: Any, late: type[Exception], after: Callable[[object], None] | None
    ) -> None:
        self._primitive = primitive
        self._late = late
        self._after = after

    def __enter__(self) -> None:
        _acquire(self._primitive, self._late)

    def __exit__(self, raised: object, *_: object) -> None:
        try:
            if self._after is not None:
                self._after(raised)
        finally:
            self._primitive.release()


class _Queue:
    """The same for httpcore's semaphore: who may begin a stream."""

    def __init__(self, inner: Any, late: type[Exception]) -> None:
        self._inner = inner
        self._late = late

    def acquire(self) -> None:
        _acquire(getattr(self._inner, "_semaphore", self._inner), self._late)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _acquire(primitive: Any, late: type[Exception]) -> None:
    left = limits.left()
    if left is None:
        primitive.acquire()
    elif not primitive.acquire(timeout=max(left, 0.0)):
        raise late("the call's deadline ran out while others used the connection")
