"""All jobs of a list, page after page, the newest first.

Source: `ionq_core.pagination` of IonQ's client 0.2.0.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from typing import Any

from failwell.apis.ionq.client import IonQClient
from failwell.apis.ionq.endpoints import get_jobs, get_session_jobs
from failwell.apis.ionq.records import JobPage, JobRecord


def iter_jobs(
    client: IonQClient,
    *,
    status: str | None = None,
    target: str | None = None,
    session_id: str | None = None,
    submitter_id: str | None = None,
    limit: int | None = None,
) -> Iterator[JobRecord]:
    """Each job of the project; `limit` is how many a page has. Raises `IonQError`."""
    asked = _asked(status=status, target=target, submitter_id=submitter_id, limit=limit)
    return _each(partial(get_jobs.sync, client=client, session_id=session_id, **asked))


def aiter_jobs(
    client: IonQClient,
    *,
    status: str | None = None,
    target: str | None = None,
    session_id: str | None = None,
    submitter_id: str | None = None,
    limit: int | None = None,
) -> AsyncIterator[JobRecord]:
    """The same for `async for`: see `iter_jobs`."""
    asked = _asked(status=status, target=target, submitter_id=submitter_id, limit=limit)
    return _aeach(partial(get_jobs.asyncio, client=client, session_id=session_id, **asked))


def iter_session_jobs(
    client: IonQClient,
    session_id: str,
    *,
    status: str | None = None,
    target: str | None = None,
    submitter_id: str | None = None,
    limit: int | None = None,
) -> Iterator[JobRecord]:
    """Each job of the session; `limit` is how many a page has. Raises `IonQError`."""
    asked = _asked(status=status, target=target, submitter_id=submitter_id, limit=limit)
    return _each(partial(get_session_jobs.sync, session_id, client=client, **asked))


def aiter_session_jobs(
    client: IonQClient,
    session_id: str,
    *,
    status: str | None = None,
    target: str | None = None,
    submitter_id: str | None = None,
    limit: int | None = None,
) -> AsyncIterator[JobRecord]:
    """The same for `async for`: see `iter_session_jobs`."""
    asked = _asked(status=status, target=target, submitter_id=submitter_id, limit=limit)
    return _aeach(partial(get_session_jobs.asyncio, session_id, client=client, **asked))


def _asked(**filters: str | int | None) -> dict[str, Any]:
    return filters


def _each(page_after: Callable[..., JobPage]) -> Iterator[JobRecord]:
    cursor: str | None = None
    while True:
        page = page_after(next=cursor)
        yield from page.jobs
        if _is_last(page, cursor):
            return
        cursor = page.next


async def _aeach(
    page_after: Callable[..., Coroutine[Any, Any, JobPage]],
) -> AsyncIterator[JobRecord]:
    cursor: str | None = None
    while True:
        page = await page_after(next=cursor)
        for job in page.jobs:
            yield job
        if _is_last(page, cursor):
            return
        cursor = page.next


def _is_last(page: JobPage, cursor: str | None) -> bool:
    """Whether no page follows; one that names itself would be asked for without end."""
    return not page.next or page.next == cursor
