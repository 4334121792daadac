"""State in Valkey or Redis, shared by many machines: a compare-and-set script around each update.

A record that was changed in between is read again. It cannot be part of a database transaction,
so it never gives proof that a write was rolled back.
"""

from __future__ import annotations

import importlib
import random
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from failwell.actions import Change, Step, StoreError

R = TypeVar("R")
A = TypeVar("A")

_READ = """
local time = redis.call('TIME')
return {redis.call('GET', KEYS[1]), time[1], time[2]}
"""
_SWAP = """
local kept = redis.call('GET', KEYS[1])
if (kept or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1])
elseif ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
"""
_PREFIX = "failwell:"
_GRACE_MS = 1000
"""Milliseconds that the server keeps a record beyond its end, which the record itself states."""


class ValkeyStore:
    """Records in the server at `url` (`valkey://` or `redis://`), by whichever of the clients
    `valkey` and `redis` is installed.

    `clock` gives epoch seconds; the server's own where it is left out. `timeout` (seconds) bounds
    connecting, and an update of a record that others change all the time.

    Raises `StoreError` where the server cannot be reached, read or written.
    """

    def __init__(
        self, url: str, *, clock: Callable[[], float] | None = None, timeout: float = 5.0
    ) -> None:
        library = _library()
        self._errors = _errors_of(library)
        self._clock = clock
        self._timeout = timeout
        if library.__name__ == "redis":
            url = url.replace("valkey://", "redis://", 1).replace("valkeys://", "rediss://", 1)
        with self._told():
            self._client: Any = library.from_url(
                url, socket_connect_timeout=timeout, socket_timeout=timeout
            )
            self._read: Any = self._client.register_script(_READ)
            self._swap: Any = self._client.register_script(_SWAP)
            self._client.ping()

    def update(self, key: str, change: Change[R, A]) -> A:
        """Apply `change` to the record under `key`, atomically; its answer."""
        name = _PREFIX + key
        gives_up = time.monotonic() + self._timeout
        while True:
            with self._told():
                kept, seconds, microseconds = self._read(keys=[name])
                now = self._clock() if self._clock else int(seconds) + int(microseconds) / 1e6
                record, ends = _decoded(kept, change.record_type, now)
            step = change(record, now)
            with self._told():
                if self._swap(keys=[name], args=[kept or b"", *self._kept(step, ends, now)]):
                    return step.answer
            if time.monotonic() > gives_up:
                raise StoreError(f"The record {key[:40]!r} is changed by others all the time")
            time.sleep(random.random() * 0.002)

    def _kept(self, step: Step[Any, Any], ends: float | None, now: float) -> tuple[bytes, str]:
        if step.record is None:
            return b"", ""
        ends = ends if step.ttl is None else now + step.ttl
        blob = msgspec.msgpack.encode((ends, msgspec.Raw(msgspec.msgpack.encode(step.record))))
        if ends is None or self._clock is not None:
            return blob, ""
        return blob, str(max(1, int((ends - now) * 1000)) + _GRACE_MS)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def _told(self) -> Generator[None]:
        """Whatever the client raises inside becomes a `StoreError`."""
        try:
            yield
        except self._errors as error:
            raise StoreError(f"The store in Valkey cannot be used: {error}") from None


def _decoded(kept: bytes | None, record_type: type[R], now: float) -> tuple[R | None, float | None]:
    if kept is None:
        return None, None
    ends, raw = msgspec.msgpack.decode(kept, type=tuple[float | None, msgspec.Raw])
    if ends is not None and ends <= now:
        return None, None
    return msgspec.msgpack.decode(raw, type=record_type), ends


def _library() -> Any:
    try:
        import valkey

        return valkey
    except ModuleNotFoundError:
        return importlib.import_module("redis")


def _errors_of(library: Any) -> tuple[type[Exception], ...]:
    own = getattr(library, "ValkeyError", None) or library.RedisError
    return (own, OSError, msgspec.MsgspecError)
