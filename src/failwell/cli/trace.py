"""`failwell trace`: what the journal knows of one request, or of the last hour."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import msgspec

from failwell import journal
from failwell.journal import Backend, Entry

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
    outcome: str | None = None


def story(request_id: str, filters: Filters, *, store: str | None) -> list[Entry]:
    """All that is known of one request, in time order.

    Raises `LookupError` where that is nothing, `ValueError` where there are filters beside it or
    no journal is named, `StoreError` where it cannot be read.
    """
    if filters != Filters():
        raise ValueError("a request id stands alone: --since, --code and the like are for lists")
    found = _opened(store).by_request(request_id)
    if not found:
        raise LookupError(f"the journal knows nothing of the request {request_id!r}")
    return found


def entries(filters: Filters, *, limit: int, store: str | None) -> list[Entry]:
    """The newest entries that match, in time order.

    Raises `ValueError` for a duration or limit that makes no sense and where no journal is named,
    `StoreError` where it cannot be read.
    """
    if limit < 1:
        raise ValueError(f"--limit {limit}: it must be 1 or more")
    return _opened(store).search(
        time.time() - seconds(filters.since or "1d"),
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


def _opened(store: str | None) -> Backend:
    url = store or os.environ.get(SETTING)
    if url:
        return journal.open(url)
    if not Path(DEFAULT).exists():
        raise ValueError(
            f"no journal is named: give --store sqlite:///path/to/file.db or postgresql://…, "
            f"or set {SETTING} (and there is no {DEFAULT} here)"
        )
    return journal.open(f"sqlite:///{DEFAULT}")
