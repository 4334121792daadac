"""One wait for one job, from the first look at it to its end.

The story, told once for sync and async: look; tell what was seen; stop at a final state, or when
time is up; be patient with a streak of failures that may pass; otherwise pause a little longer
each time, never shorter than the API asks. A look is one call of a client without retries of its
own: here they are counted, in seconds.
"""

from __future__ import annotations

from failwell import redaction
from failwell.actions import Emit, Flow, Send, Wait
from failwell.contract import Contract
from failwell.errors import FailwellError
from failwell.events import JobSeen
from failwell.flows.ending import Finished, again, failed, finished, late
from failwell.flows.sight import Sighting, Watch, read
from failwell.job import Job, member
from failwell.model import Fault, Kind, Request
from failwell.policy import deadline

GLANCE = 5.0
"""Seconds that the first look gets at least: a wait of 0 seconds is one look."""

RESERVE = 1.0
"""Seconds before the deadline at which the last look begins, so that it ends by the deadline; a
tenth of a shorter wait."""

PASSING = frozenset(
    {Kind.RATE_LIMITED, Kind.INTERNAL, Kind.UNAVAILABLE, Kind.GATEWAY}
    | {Kind.CONNECTION, Kind.TIMEOUT, Kind.BAD_RESPONSE}
)
"""What may pass while a job goes on, unless the contract's entry says that it does not."""


def poll(watch: Watch, now: float) -> Flow[Finished]:
    """The job, once it has succeeded; `now` is in monotonic seconds.

    Raises `JobFailedError` with the API's own reason where it failed or was cancelled;
    `JobTimeoutError` when time is up; what a look raised, where that cannot pass or has lasted
    too long.
    """
    ends, number, pace = deadline.until(watch.timeout, now), 0, watch.job.first
    last, bound = Sighting(url=watch.url), None
    while True:
        number += 1
        seen = yield from _look(last.url, watch, number, _time_for(number, ends, now))
        trouble = seen if isinstance(seen, FailwellError) else None
        last = seen if isinstance(seen, Sighting) else last
        _, now = yield from Emit(_told(watch, last, trouble))
        if trouble is None:
            if last.phase != "running":
                return _ended(watch, last)
            bound = None
        else:
            if bound is None:
                bound, pace = now + watch.tolerate, watch.job.first
            is_over = ends is not None and now >= ends
            _bear(watch, trouble, is_patient=is_over or now < bound)
        floor = last.floor if trouble is None else trouble.retry_after or 0.0
        pause = next_pause(pace, floor, now, bound, last_look(watch.timeout, ends))
        if pause is None:
            raise late(watch, last, trouble, floor) from trouble
        _, now = yield from Wait(pause)
        pace = min(pace * watch.job.growth, watch.job.cap)


def is_passing(contract: Contract, error: FailwellError) -> bool:
    """Whether a look that failed like this may go well later."""
    entry = contract.find(error.code, error.status_code)
    if entry is not None and entry.transient is not None:
        return entry.transient
    return error.kind in PASSING or error.status_code in contract.transient


def last_look(timeout: float | None, ends: float | None) -> float | None:
    """When the last look begins (monotonic seconds); None where there is no deadline."""
    if timeout is None or ends is None:
        return None
    return ends - min(RESERVE, timeout / 10)


def next_pause(
    pace: float, floor: float, now: float, bound: float | None, last: float | None
) -> float | None:
    """Seconds until the next look; None where none is left.

    It comes after `pace`, but no later than `bound`, when patience ends, so that one more look
    shows whether it does; never within `floor`; and at `last` at the latest.
    """
    pause = pace if bound is None else min(pace, max(bound - now, 0.0))
    pause = max(pause, floor)
    if last is None:
        return pause
    left = last - now
    if left <= 0 or floor > left:
        return None
    return min(pause, left)


def _time_for(number: int, ends: float | None, now: float) -> float | None:
    left = deadline.left(ends, now)
    return left if left is None or number > 1 else max(left, GLANCE)


def _look(
    url: str, watch: Watch, number: int, within: float | None
) -> Flow[Sighting | FailwellError]:
    try:
        reply, _ = yield from Send(Request(method="GET", url=url), number, within)
    except FailwellError as error:
        return error
    assert not isinstance(reply, Fault)  # a client raises what is no answer
    return read(watch, url, reply)


def _ended(watch: Watch, last: Sighting) -> Finished:
    if last.phase == "succeeded":
        return finished(watch, last)
    raise failed(watch, last)


def _bear(watch: Watch, trouble: FailwellError, *, is_patient: bool) -> None:
    """Go on in spite of a failed look; raise it where it cannot pass, or patience has ended."""
    if is_patient and is_passing(watch.contract, trouble):
        return
    trouble.add_note(f"failwell: {watch.named} may still be running; {again(watch)}")
    raise trouble


def _told(watch: Watch, last: Sighting, trouble: FailwellError | None) -> JobSeen:
    return JobSeen(
        job_id=watch.job_id,
        url=redaction.url(last.url),
        state=last.state,
        progress=_share(watch.job, last.record),
        error=trouble,
    )


def _share(job: Job, record: object) -> float | None:
    share = None if job.progress is None else member(record, job.progress)
    if isinstance(share, bool) or not isinstance(share, (int, float)) or share != share:
        return None
    return min(max(float(share), 0.0), 1.0)
