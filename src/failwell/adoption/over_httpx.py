"""Mount failwell at the bottom of an httpx client, under whatever an SDK has put above it."""

from __future__ import annotations

from typing import Any

import httpx

from failwell.adoption.ledger import Ledger
from failwell.adoption.telling import AsyncTelling, tell_of
from failwell.clients.httpx import AsyncTransport, Transport

_TRANSPORTS = (httpx.BaseTransport, httpx.AsyncBaseTransport)


def mount(client: Any, ledger: Ledger) -> None:
    """Make every request of an `httpx.Client` or `httpx.AsyncClient` pass through failwell.

    An SDK's own transports, which raise its exceptions or call its hooks, stay above it.
    """
    is_async = isinstance(client, httpx.AsyncClient)
    client._transport = _under(client._transport, ledger, is_async)
    for pattern, transport in client._mounts.items():
        if transport is not None:
            client._mounts[pattern] = _under(transport, ledger, is_async)


def _under(transport: Any, ledger: Ledger, is_async: bool) -> Any:
    """The transport over failwell; what those above it raise knows failwell's account."""
    top = _over(transport, ledger, is_async)
    if not isinstance(top, (Transport, AsyncTransport)):
        if is_async:
            tell_of(top, "handle_async_request", kind=AsyncTelling)
        else:
            tell_of(top, "handle_request")
    return top


def _over(transport: Any, ledger: Ledger, is_async: bool) -> Any:
    """What to put in this transport's place: itself, if there are others within."""
    if isinstance(transport, (Transport, AsyncTransport)):
        return _wrapped(transport.inner, ledger, is_async)
    within = {
        name: value
        for name, value in getattr(transport, "__dict__", {}).items()
        if isinstance(value, _TRANSPORTS)
    }
    _stop_retries(transport, ledger)
    for name, value in within.items():
        setattr(transport, name, _over(value, ledger, is_async))
    return transport if within else _wrapped(transport, ledger, is_async)


def _wrapped(transport: Any, ledger: Ledger, is_async: bool) -> Transport | AsyncTransport:
    can_sync = isinstance(transport, httpx.BaseTransport)
    can_async = isinstance(transport, httpx.AsyncBaseTransport)
    ours = AsyncTransport if can_async and (is_async or not can_sync) else Transport
    ledger.mounted(f"{ours.__name__} over httpx's {type(transport).__name__}")
    return ours(transport, **ledger.settings)


def _stop_retries(transport: Any, ledger: Ledger) -> None:
    name = f"{type(transport).__module__}.{type(transport).__name__}"
    pool: Any = getattr(transport, "_pool", None)
    if getattr(pool, "_retries", 0):
        ledger.switched_off(f"httpx's {pool._retries} retries of a connection")
        pool._retries = 0
    if name == "httpx_retries.transport.RetryTransport":
        if transport.retry.total:
            methods = ", ".join(sorted(transport.retry.allowed_methods))
            ledger.switched_off(f"httpx-retries' {transport.retry.total} retries of {methods}")
            transport.retry = type(transport.retry)(total=0)
    elif "retry" in name.lower() or "retries" in name.lower():
        ledger.suspect(f"{name} may send a request again by itself, each time as a new call")
