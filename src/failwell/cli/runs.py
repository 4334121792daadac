"""`failwell runs`: the runs that a store keeps, and the end of one."""

from __future__ import annotations

from failwell.cli.kept import opened
from failwell.clients import runs as work
from failwell.flows.runs import Summary


def listed(*, store: str) -> list[Summary]:
    """Every run in the store that has not ended. Raises `ValueError` for a URL that names no
    store that is there, `StoreError` where it cannot be used."""
    return work.listed(opened(store))


def end(name: str, *, store: str, force: bool) -> Summary:
    """End a run; what it was.

    Raises `LookupError` where there is no such run, `RunError` where the end of a write is not
    known, unless `force` says to forget it.
    """
    ended = work.end(opened(store), name, force=force)
    if ended is None:
        raise LookupError(f"there is no run {name!r} here")
    return ended
