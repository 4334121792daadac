"""`failwell recover`: transactions whose processes are gone, finished or rolled back."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from failwell.cli.kept import opened
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.transactions import recovery as work
from failwell.transactions.recovery import Recovery


def recover(*, apps: Sequence[str], store: str, wait: float) -> list[Recovery]:
    """What became of each transaction in the store that was not over.

    Each app is `module`, or `module:client` for the client that sends declared requests.

    Raises `ValueError` for an app or store that makes no sense, `StoreError` where the store
    cannot be used.
    """
    sys.path.insert(0, "")
    clients = [_client(app) for app in apps]
    client = next((found for found in clients if found is not None), None)
    modules = [app.partition(":")[0] for app in apps]
    if wait < 0:
        raise ValueError(f"--wait {wait:g}: it must be 0 seconds or more")
    return work.recover(opened(store), modules, client=client, wait=wait)


def forget(name: str, *, store: str) -> Recovery:
    """Take a transaction off the books whose to-do list is done. Raises `LookupError` where there
    is no such transaction."""
    if not work.forget(opened(store), name):
        raise LookupError(f"no transaction {name!r} has an open to-do list here")
    return Recovery(name=name, end="rolled_back")


def _client(app: str) -> Client | AsyncClient | None:
    module, _, name = app.partition(":")
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(f"--app {app}: {error}") from None
    found = getattr(loaded, name or "client", None)
    if isinstance(found, (Client, AsyncClient)):
        return found
    if name:
        raise ValueError(f"--app {app}: {name} is not a failwell.Client or failwell.AsyncClient")
    return None
