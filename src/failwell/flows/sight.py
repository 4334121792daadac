"""What a look at a job shows: the answer, read by the job's declaration."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from failwell import redaction
from failwell.contract import Contract
from failwell.errors import FailwellError, InvalidRequestError
from failwell.headers import parse_retry_after
from failwell.job import MISSING, Job, Phase, member, spelled
from failwell.model import BODY_LIMIT, Failure, Kind, Response, read_json


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """Which job is waited for, and how long: `timeout` seconds in all (None for ever), of which a
    streak of passing failures may last `tolerate`. `url` is absolute; `tag` is the caller's own."""

    job: Job
    contract: Contract
    url: str
    job_id: str
    timeout: float | None = None
    tolerate: float = 60.0
    tag: Any = None

    @property
    def named(self) -> str:
        """What messages call the job."""
        return f"{self.job.name} {self.job_id}"


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """What a look showed; `floor` is how long the API asks to be left alone (seconds)."""

    url: str
    state: str = ""
    phase: Phase = "running"
    record: Any = None
    reply: Response | None = None
    floor: float = 0.0


def read(watch: Watch, url: str, reply: Response) -> Sighting | FailwellError:
    """The job as this answer shows it, or the failure to read it.

    Raises `InvalidRequestError` where a 202 points to another host.
    """
    body = read_json(reply.body or b"")
    record = member(body, watch.job.record)
    state = _state(watch.job, record, reply, is_json=body is not None)
    if state is None:
        return _unreadable(watch, url, reply, is_json=body is not None)
    return Sighting(
        url=_moved(url, reply) if reply.status == 202 else url,
        state=state[:200],
        phase=_phase(watch.job, state, reply.status),
        record=None if record is MISSING else record,
        reply=reply,
        floor=_asked_for(reply),
    )


def _state(job: Job, record: Any, reply: Response, *, is_json: bool) -> str | None:
    """The state that the answer tells; None where it should have told one."""
    is_accepted = reply.status == 202
    if job.state is None:
        return "accepted" if is_accepted else "done"
    state = member(record, job.state)
    if state is not MISSING:
        return spelled(state)
    return "accepted" if is_accepted and (is_json or not reply.body) else None


def _phase(job: Job, state: str, status: int) -> Phase:
    if job.state is None:
        return "running" if status == 202 else "succeeded"
    return job.phase(state)


def _moved(url: str, reply: Response) -> str:
    """Where an answer of 202 says that the job is to be read from now on."""
    location = reply.headers.get("location")
    return url if location is None else followed(url, location)


def followed(url: str, location: str) -> str:
    """The URL that `location` names, below `url`. Raises `InvalidRequestError` where it is on
    another host: the client's credentials would go there with the next look."""
    target = urljoin(url, location)
    if _origin(target) != _origin(url):
        raise InvalidRequestError.of(
            f"The job's Location is elsewhere: {redaction.url(target)}",
            advice="If you trust that host with this client's credentials, wait for that URL.",
        )
    return target


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def _asked_for(reply: Response) -> float:
    headers = reply.headers
    asked = parse_retry_after(headers.get("retry-after"), date=headers.get("date"), now=reply.at)
    return asked or 0.0


def _unreadable(watch: Watch, url: str, reply: Response, *, is_json: bool) -> FailwellError:
    media = reply.headers.get("content-type") or "no content type"
    what = repr(watch.job.state) if isinstance(watch.job.state, str) else "with its state"
    found = f"has no member {what}" if is_json else f"is not JSON ({media})"
    secrets = redaction.secrets_of(reply.asked, url, None)
    return watch.contract.error(
        Failure(
            kind=Kind.BAD_RESPONSE,
            status=reply.status,
            message=f"The answer ({reply.status}) about {watch.named} {found}",
            request_id=reply.headers.get(watch.contract.request_ids.header),
            api=watch.contract.name,
            method="GET",
            url=redaction.address(url, secrets),
            body=redaction.scrub(reply.body or b"", secrets)[:BODY_LIMIT],
        )
    )
