"""`failwell trace`: what the journal knows of one request, or of the last day."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from failwell import journal
from failwell.cli import render
from failwell.cli.ending import AbsentError
from failwell.cli.options import Flag
from failwell.journal import Backend, Entry
from failwell.model import Outcome

SETTING = "FAILWELL_JOURNAL"
DEFAULT = "failwell-journal.db"
"""The environment variable that names the journal, and the file that is taken without it."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What to list: `since` is a duration back from now, as in `1h`."""

    since: str | None = None
    code: str | None = None
    status: int | None = None
    api: str | None = None
    outcome: Outcome | None = None


def trace(
    request_id: str | None = None,
    /,
    *,
    since: str | None = None,
    code: str | None = None,
    status: int | None = None,
    api: str | None = None,
    outcome: Annotated[Outcome | None, Parameter(name_transform=str.lower)] = None,
    limit: int = 50,
    store: str | None = None,
    json: Flag = False,
) -> None:
    """Tell the story of one failed request, client and server together, or list what failed.

    Parameters
    ----------
    request_id
        The request to tell of; without it, the newest failures are listed.
    since
        How far back to list: 90s, 15m, 1h, 7d; a day if left out.
    code
        List only failures with this code.
    status
        List only failures with this status.
    api
        List only failures of this API.
    outcome
        List only failures with this outcome.
    limit
        List so many at most.
    store
        Where the journal is: sqlite:///path/to/file.db or postgresql://…; if left out,
        $FAILWELL_JOURNAL, else failwell-journal.db in this directory.
    json
        Print JSON for machines.
    """
    filters = Filters(since=since, code=code, status=status, api=api, outcome=outcome)
    if request_id is None:
        render.journal(entries(filters, limit=limit, store=store), as_json=json)
    else:
        render.story(request_id, story(request_id, filters, store=store), as_json=json)


def story(request_id: str, filters: Filters, *, store: str | None) -> list[Entry]:
    """All that is known of one request, in time order.

    Raises `AbsentError` where that is nothing, `ValueError` where there are filters beside it or
    no journal is named, `StoreError` where it cannot be read.
    """
    if filters != Filters():
        raise ValueError("a request id stands alone: --since, --code and the like are for lists")
    with _journal(store) as kept:
        found = kept.by_request(request_id)
    if not found:
        raise AbsentError(f"the journal knows nothing of the request {request_id!r}")
    return found


def entries(filters: Filters, *, limit: int, store: str | None) -> list[Entry]:
    """The newest entries that match, in time order.

    Raises `ValueError` for a duration or limit that makes no sense and where no journal is named,
    `StoreError` where it cannot be read.
    """
    if limit < 1:
        raise ValueError(f"--limit {limit}: it must be 1 or more")
    since = time.time() - seconds(filters.since or "1d")
    with _journal(store) as kept:
        return kept.search(
            since,
            code=filters.code,
            status=filters.status,
            api=filters.api,
            outcome=filters.outcome,
            limit=limit,
        )


def seconds(duration: str) -> float:
    """The seconds of `90s`, `15m`, `1h` or `7d`. Raises `ValueError` for anything else."""
    found = _DURATION.fullmatch(duration.strip())
    if found is None:
        raise ValueError(f"{duration!r} is no duration: write 90s, 15m, 1h or 7d")
    return float(found[1]) * _SECONDS[found[2]]


@contextmanager
def _journal(store: str | None) -> Generator[Backend]:
    """The journal, closed at the end."""
    backend = journal.open(store or os.environ.get(SETTING) or _default())
    with closing(backend):
        yield backend


def _default() -> str:
    if not Path(DEFAULT).exists():
        raise ValueError(
            f"no journal is named: give --store sqlite:///path/to/file.db or postgresql://…, "
            f"or set {SETTING} (and there is no {DEFAULT} here)"
        )
    return f"sqlite:///{DEFAULT}"
