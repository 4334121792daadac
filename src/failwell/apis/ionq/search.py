"""Looking for a job by its tag, page after page: the look-up of a call sees only the newest jobs,
and a job that was sent a while ago is not among them any more."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from failwell.apis.answers import members
from failwell.apis.ionq.lookup import job_with, request
from failwell.apis.operation import Ask, Operation
from failwell.errors import FailwellError
from failwell.flows.settle import Settled
from failwell.model import Outcome, Sent

SKEW = 3600.0
"""Seconds by which IonQ's clock and the caller's may differ."""


def searched(sent: Sent | None, so_far: Settled) -> Operation[Settled]:
    """What became of a job, where that is unknown `so_far`: its pages are read back to the time
    when it was sent. Never raises: what stands in the way is in the answer's `error`."""
    asked = None if sent is None or sent.tag is None else request(sent)
    if sent is None or sent.tag is None or asked is None or so_far.outcome is not Outcome.UNKNOWN:
        return so_far
    cursor: str | None = None
    while True:
        following = "" if cursor is None else f"&next={quote(cursor, safe='')}"
        try:
            response, _ = yield from Ask("GET", asked[1] + following)
        except FailwellError as error:
            return msgspec.structs.replace(so_far, error=error)
        page = members(response.content)
        job = job_with(sent.tag, page)
        if job is not None:
            found = msgspec.json.encode(job)
            return Settled(outcome=Outcome.APPLIED, why="Its job was found.", record_json=found)
        before, cursor = cursor, page.get("next")
        if not isinstance(cursor, str) or cursor == before or _reaches(page, sent.at - SKEW):
            return so_far


def _reaches(page: dict[str, Any], since: float) -> bool:
    """Whether the last job on the page was submitted before that time (epoch seconds)."""
    try:
        last = datetime.fromisoformat(page["jobs"][-1]["submitted_at"])
    except (LookupError, TypeError, ValueError):
        return False
    return last.timestamp() < since
