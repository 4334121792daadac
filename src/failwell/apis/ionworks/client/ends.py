"""How waits for many jobs end: all of them, or one exception that names those that failed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from failwell.apis.ionworks.contract import IONWORKS
from failwell.apis.ionworks.exceptions import JOB_FAILED
from failwell.errors import FailwellError, JobError, JobFailedError
from failwell.flows.ending import Finished
from failwell.model import Failure, Kind
from failwell.settings import Policy


def patience(policy: Policy) -> float:
    """Seconds of failed looks that a wait bears; none where the caller has turned retries off."""
    return 0.0 if policy.retry is None else 60.0


def check(ended: Iterable[Finished], *, raise_on_failure: bool = True) -> list[Finished]:
    """Those whose job failed; there are none unless `raise_on_failure` is off.

    Raises what ended a wait otherwise, such as the lack of time.
    """
    failed: list[Finished] = []
    for each in ended:
        if isinstance(each.error, JobFailedError):
            failed.append(each)
        elif each.error is not None:
            raise each.error
    if failed and raise_on_failure:
        raise _together([each.error for each in failed if each.error is not None])
    return failed


def reason_of(finished: Finished) -> str | None:
    """What the server gave as the reason of a failure."""
    record: Any = finished.record
    reason = record.get("error") if isinstance(record, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return reason if isinstance(reason, str) else None


def _together(errors: Sequence[FailwellError]) -> FailwellError:
    """One failure as it is; several as one, which names each."""
    if len(errors) == 1:
        return errors[0]
    reasons = {e.job_id or "": e.message for e in errors if isinstance(e, JobError)}
    listed = "\n".join(f"  {reason}" for reason in reasons.values())
    return JOB_FAILED(
        Failure(
            kind=Kind.UNPROCESSABLE,
            message=f"{len(errors)} jobs failed:\n{listed}",
            details_json=msgspec.json.encode(reasons),
            api=IONWORKS.name,
            advice=errors[0].advice,
        )
    )
