"""`failwell runs`: the runs that a store keeps, and the end of one."""

from __future__ import annotations

from failwell.cli import render
from failwell.cli.ending import AbsentError
from failwell.cli.kept import kept
from failwell.cli.options import Flag
from failwell.clients import runs


def listed(*, store: str, json: Flag = False) -> None:
    """List the runs that have not ended, and their writes of which the end is not known.

    Parameters
    ----------
    store
        Where they are kept: sqlite:///path/to/file.db, postgresql://… or valkey://….
    json
        Print JSON for machines.
    """
    with kept(store) as where:
        found = runs.listed(where)
    render.runs(found, as_json=json)


def end(name: str, /, *, store: str, force: Flag = False, json: Flag = False) -> None:
    """End a run: its keys and its answers are forgotten, and its name begins anew.

    Parameters
    ----------
    name
        The run's name.
    store
        Where it is kept: sqlite:///path/to/file.db, postgresql://… or valkey://….
    force
        Forget writes, too, of which nobody knows what became of them.
    json
        Print JSON for machines.
    """
    with kept(store) as where:
        ended = runs.end(where, name, force=force)
    if ended is None:
        raise AbsentError(f"there is no run {name!r} here")
    render.ended(ended, as_json=json)
