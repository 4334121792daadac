"""What all clients of an origin share: its name, whose calls are told apart, and where what is
known of it is kept."""

from __future__ import annotations

import hashlib
import inspect
import time
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, cast

from failwell.actions import AsyncStore, Store, StoreError
from failwell.flows.gate import Gate
from failwell.settings import Policy
from failwell.stores.memory import MemoryStore

if TYPE_CHECKING:
    from failwell.flows.runs import Book

CREDENTIALS = ("authorization", "x-api-key", "api-key")
"""Headers by which an API tells its callers apart."""

_shared = MemoryStore(time.monotonic)


def forget() -> None:
    """Forget what this process knows of every origin, as a new process would: for tests."""
    _shared.close()


def opened(store: Store | AsyncStore | str | None) -> Store | AsyncStore | None:
    """The store itself, where its URL is given; one that is away is opened when it is back.

    Raises `ValueError` for a URL that names no store, `TypeError` for what is neither.
    """
    if not isinstance(store, str):
        if store is not None and not hasattr(store, "update"):
            raise TypeError(f"store={store!r}: give a store, or its URL for failwell.stores.open")
        return store
    from failwell import stores
    from failwell.stores.late import LateStore

    try:
        return stores.open(store)
    except StoreError:
        return LateStore(partial(stores.open, store))


def sync_store(store: Store | None) -> Store:
    """Where a sync client keeps what it knows: in `store`, and in this process without it."""
    if store is None or isinstance(store, MemoryStore):
        return store or _shared
    from failwell.stores.fallback import FallbackStore

    return FallbackStore(store, _shared)


def async_store(store: Store | AsyncStore | None) -> Store | AsyncStore:
    """Where an async client keeps what it knows."""
    if store is None or isinstance(store, MemoryStore):
        return store or _shared
    from failwell.stores.fallback import AsyncFallbackStore

    return AsyncFallbackStore(store, _shared)


def run_of(
    run: str | Book | None, store: Store | AsyncStore | None
) -> tuple[Book | None, Store | AsyncStore | None]:
    """What a client is to know of its run, and where that is kept; neither without a run. The
    transports of one SDK share a `Book`, for its writes are counted together.

    Raises `InvalidRequestError` for a name that is none, or where there is no store.
    """
    if run is None:
        return None, None
    from failwell.clients.runs import begun

    return begun(run, store)


def unblocked_store(store: Store | AsyncStore) -> Store | AsyncStore:
    """The store, as an async client may use it."""
    from failwell.stores.threaded import unblocked

    return unblocked(store)


def only_sync(store: Store | AsyncStore | None) -> Store | None:
    """The store, for a sync client. Raises `TypeError` for one that must be awaited."""
    if store is not None and inspect.iscoroutinefunction(store.update):
        raise TypeError("a sync client needs a store that need not be awaited")
    return cast("Store | None", store)


def tenant_of(headers: Mapping[str, str]) -> str:
    """A name for whoever these header fields stand for, which does not give the credential away:
    a few digits of its hash."""
    said = [f"{name}={headers[name]}" for name in CREDENTIALS if name in headers]
    if not said:
        return ""
    return hashlib.sha256("\n".join(said).encode("utf-8", "replace")).hexdigest()[:8]


@lru_cache(maxsize=1024)
def gate_of(policy: Policy, scheme: str, host: bytes, port: int | None, tenant: str) -> Gate | None:
    """The gate of an origin; None where the policy has nothing to guard there."""
    if policy.budget is None and policy.breaker is None and policy.governor is None:
        return None
    where = f"{scheme}://{host.decode('ascii', 'replace')}" + (
        f":{port}" if port is not None else ""
    )
    return Gate(
        key=f"origin {where} {tenant}".rstrip(),
        budget=policy.budget,
        breaker=policy.breaker,
        governor=policy.governor,
    )
