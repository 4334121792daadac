"""httpx2: the clients, one attempt, its body and its stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from failwell.clients.httpx2.serial import Client

if TYPE_CHECKING:
    from failwell.clients.httpx2.concurrent import AsyncClient

__all__ = ["AsyncClient", "Client"]


def __getattr__(name: str) -> Any:
    """The async client, for those who await it: most programs have one of the two."""
    if name != "AsyncClient":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from failwell.clients.httpx2.concurrent import AsyncClient

    globals()[name] = AsyncClient
    return AsyncClient
