"""`failwell recover`: transactions whose processes are gone, finished or rolled back."""

from __future__ import annotations

from collections.abc import Sequence

from failwell.cli import render
from failwell.cli.ending import FAILED, AbsentError
from failwell.cli.kept import kept
from failwell.cli.modules import imported
from failwell.cli.options import Flag, Several
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.transactions import recovery
from failwell.transactions.recovery import Recovery


def recover(
    *,
    store: str,
    app: Several = None,
    wait: float = 0.0,
    forget: str | None = None,
    json: Flag = False,
) -> int:
    """Finish or roll back the transactions whose processes are gone.

    The exit status is 1 where something is left to do.

    Parameters
    ----------
    store
        Where they are kept: sqlite:///path/to/file.db, postgresql://… or valkey://….
    app
        The module with their steps, or module:client to send requests with that client too (may
        be given several times).
    wait
        Wait so many seconds for transactions that a process may still hold.
    forget
        Recover nothing; take this transaction off the books, for its to-do list is done.
    json
        Print JSON for machines.
    """
    found = recovered(app or [], store, wait) if forget is None else [forgotten(forget, store)]
    render.recoveries(found, as_json=json)
    return FAILED if any(one.end not in ("committed", "rolled_back") for one in found) else 0


def recovered(apps: Sequence[str], store: str, wait: float) -> list[Recovery]:
    """What became of each transaction in the store that was not over.

    Each app is `module`, or `module:client` for the client that sends declared requests.

    Raises `ValueError` for an app or store that makes no sense, `StoreError` where the store
    cannot be used.
    """
    if not wait >= 0:
        raise ValueError(f"--wait {wait:g}: it must be 0 seconds or more")
    clients = [_client(app) for app in apps]
    client = next((found for found in clients if found is not None), None)
    modules = [app.partition(":")[0] for app in apps]
    with kept(store) as where:
        return recovery.recover(where, modules, client=client, wait=wait)


def forgotten(name: str, store: str) -> Recovery:
    """A transaction that is taken off the books, for its to-do list is done. Raises `AbsentError`
    where there is no such transaction."""
    with kept(store) as where:
        if not recovery.forget(where, name):
            raise AbsentError(f"no transaction {name!r} has an open to-do list here")
    return Recovery(name=name, end="rolled_back")


def _client(app: str) -> Client | AsyncClient | None:
    module, _, name = app.partition(":")
    found = getattr(imported(module, option=f"--app {app}"), name or "client", None)
    if isinstance(found, (Client, AsyncClient)):
        return found
    if name:
        raise ValueError(f"--app {app}: {name} is not a failwell.Client or failwell.AsyncClient")
    return None
