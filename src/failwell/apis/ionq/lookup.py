"""How to find out whether a write took effect at IonQ, which has no idempotency keys.

A job is found by a tag in its metadata, which IonQ stores without a look at it: the tag is unique
to the call, and the list of jobs, newest first, shows it. What ends something, a cancelled job or
an ended session, is found by the state of what it ends. IonQ states no time after which a job that
is not there will not appear any more, so only a find is a proof.

Sources: IonQ's "API Core Concepts" (metadata), API description v0.4 (`GET /jobs`).
"""

from __future__ import annotations

import re
from typing import Any, cast
from urllib.parse import quote

import msgspec

from failwell.apis.answers import members, spelled
from failwell.contract import LookUp
from failwell.model import Response, Sent

TAG = "failwell-tag"
"""The key in a job's metadata whose value is unique to the call that created it."""

MOST_METADATA = 10
"""Keys that IonQ takes in a job's metadata."""

_PAGE = 25
"""Jobs on the largest page that IonQ gives."""

_ENDINGS = {
    "PUT": (re.compile(r"(.*/jobs/[^/]+)/status/cancel"), "canceled"),
    "POST": (re.compile(r"(.*/sessions/[^/]+)/end"), "ended"),
}
"""What ends something: its method, its URL with that of what it ends, and the state it leaves."""


def tag(sent: Sent, word: str) -> bytes | None:
    """The body of a new job with this word as its tag; None where there is no room for it, or where
    it is no job. A tag that came along with the metadata of another job gives way: by that one, the
    other job would be found. All else stays as it is, to the byte."""
    if not _is_new_job(sent):
        return None
    job = spelled(sent.body or b"")
    held = spelled(job.get("metadata", b"null")) if job else None
    if not job or held is None:
        return None
    held[TAG] = msgspec.Raw(msgspec.json.encode(word))
    if len(held) > MOST_METADATA:
        return None
    return msgspec.json.encode({**job, "metadata": held})


def request(sent: Sent) -> tuple[str, str] | None:
    """The question whose answer would show it; None for a job without a tag, and for what else
    cannot be found again."""
    ended = _ended(sent)
    if ended is not None:
        return "GET", ended[0]
    if sent.tag is None or not _is_new_job(sent):
        return None
    backend = members(sent.body).get("backend")
    target = f"&target={quote(backend, safe='')}" if isinstance(backend, str) else ""
    return "GET", f"{_address(sent)}?limit={_PAGE}{target}"


def found(sent: Sent, answer: Response) -> bool:
    """Whether a job in the list carries the tag that was sent, or what was to end has ended."""
    return record(sent, answer) is not None


def record(sent: Sent, answer: Response) -> dict[str, Any] | None:
    """The job or the session that shows it."""
    shown, ended = members(answer.body), _ended(sent)
    if ended is not None:
        return shown if shown.get("status") == ended[1] else None
    return None if sent.tag is None else job_with(sent.tag, shown)


def status(sent: Sent) -> int:
    """201 for a new job, 200 for what ends something."""
    return 201 if _is_new_job(sent) else 200


def job_with(word: str, page: dict[str, Any]) -> dict[str, Any] | None:
    """The job on a page of the list that carries this tag."""
    jobs = page.get("jobs")
    for job in cast("list[Any]", jobs) if isinstance(jobs, list) else []:
        if isinstance(job, dict) and tag_of(cast("dict[str, Any]", job)) == word:
            return cast("dict[str, Any]", job)
    return None


def tag_of(job: dict[str, Any]) -> str | None:
    """The tag in a job's metadata."""
    metadata = job.get("metadata")
    word = cast("dict[str, Any]", metadata).get(TAG) if isinstance(metadata, dict) else None
    return word if isinstance(word, str) and word else None


def _is_new_job(sent: Sent) -> bool:
    return sent.method == "POST" and _address(sent).endswith("/jobs")


def _ended(sent: Sent) -> tuple[str, str] | None:
    """What this request ends, and the state that it is in afterwards."""
    if sent.method not in _ENDINGS:
        return None
    url, state = _ENDINGS[sent.method]
    match = url.fullmatch(_address(sent))
    return None if match is None else (match[1], state)


def _address(sent: Sent) -> str:
    return sent.url.partition("?")[0].rstrip("/")


BY_TAG = LookUp(request=request, found=found, record=record, tag=tag, status=status)
