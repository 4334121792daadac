"""Which job is meant: a job under way at an API, however its creation told of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import httpx2
import msgspec

from failwell import redaction
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.errors import InvalidRequestError
from failwell.flows.sight import Watch, followed
from failwell.job import ANY_JOB, MISSING, Job, member
from failwell.model import read_json

C = TypeVar("C", Client, AsyncClient)

Target = httpx2.Response | Mapping[str, Any] | str | int
"""The answer that created the job, the job's record, its id, or the URL of its record."""


class Pending(msgspec.Struct, Generic[C], frozen=True):
    """A job under way: the client of its API, what tells which job (`target`), and its kind.

    `target` is the answer that created it (its `Location`, else its id), the record, the id, or
    the URL to look at. `timeout` (None for ever) and `tolerate` are in seconds; `tag` comes back
    in `Finished`.
    """

    client: C
    target: Target
    job: Job = ANY_JOB
    timeout: float | None = None
    tolerate: float = 60.0
    tag: Any = None


def watch_of(pending: Pending[Any]) -> Watch:
    """The wait for this job.

    Raises `InvalidRequestError` where the target does not tell which job it is, or a number of
    seconds is none.
    """
    for name in ("timeout", "tolerate"):
        _check_seconds(name, getattr(pending, name))
    job_id, url = _found(pending)
    return Watch(
        job=pending.job,
        contract=pending.client.contract,
        url=url,
        job_id=job_id,
        timeout=pending.timeout,
        tolerate=pending.tolerate,
        tag=pending.tag,
    )


def _found(pending: Pending[Any]) -> tuple[str, str]:
    """The job's id, and the absolute URL to look at."""
    target, job = pending.target, pending.job
    if isinstance(target, int) and not isinstance(target, bool):
        target = str(target)
    if isinstance(target, str):
        if re.match(r"(?i)https?://|/", target):
            url = _absolute(pending, target)
            return _last_segment(url), url
        return target, _absolute(pending, job.path(target))
    if isinstance(target, httpx2.Response):
        location = _location(target)
        record = member(read_json(target.content), job.record)
        job_id = _id(job, record)
        if location is not None:
            return job_id or _last_segment(location), location
    else:
        job_id = _id(job, target)
    if job_id is None:
        raise InvalidRequestError.of(
            f"Nothing tells which job to wait for: no Location, and no member {job.id!r}",
            advice="Give the job's id or its URL, or declare where its id is: Job(id=…).",
        )
    return job_id, _absolute(pending, job.path(job_id))


def _absolute(pending: Pending[Any], url: str) -> str:
    return str(pending.client.build_request("GET", url).url)


def _location(response: httpx2.Response) -> str | None:
    """Where an answer says that the job is to be read; `Operation-Location` is what APIs by
    Azure's guidelines say."""
    for name in ("operation-location", "location"):
        if name in response.headers:
            return followed(str(response.url), response.headers[name])
    return None


def _id(job: Job, record: Any) -> str | None:
    found = member(record, job.id)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if found is not MISSING and isinstance(found, str) and found else None


def _last_segment(url: str) -> str:
    return httpx2.URL(redaction.url(url)).path.rstrip("/").rpartition("/")[2] or url


def _check_seconds(name: str, seconds: Any) -> None:
    is_time = isinstance(seconds, (int, float)) and seconds >= 0
    if seconds is not None and not is_time:
        raise InvalidRequestError.of(f"{name}={seconds!r}: must be 0 or more seconds")
