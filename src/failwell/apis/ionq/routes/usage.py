"""What an organization used of the hardware, day by day, week by week or month by month.

Source: IonQ's API description v0.4, schema Usages.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from failwell.apis.ionq import prices
from failwell.apis.ionq.access import key_of
from failwell.apis.ionq.contract import IONQ
from failwell.apis.ionq.job_row import Row
from failwell.apis.ionq.jobs import Jobs
from failwell.apis.ionq.openapi import Handler
from failwell.apis.ionq.refusals import bad_request
from failwell.apis.ionq.routes.queries import UsageOf, read

_TOP = 5
_UNIT = prices.UNIT.upper()

_GROUPS: dict[str, Callable[[Row], str]] = {
    "job": lambda job: job.id,
    "project": lambda job: job.project,
    "user": lambda job: job.submitter,
}


class UsageRoutes:
    """Answers for usage."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Each operation and who answers it."""
        return {"get_usages": self._get}

    async def _get(self, request: Request) -> Response:
        own, asked = key_of(request).organization, read(request, UsageOf)
        if asked.end_date <= asked.start_date:
            raise bad_request('"end_date" must be after "start_date"', "end_date", "query")
        if request.path_params["organization_id"] != own:
            raise IONQ.fail("Forbidden", message="This key is not of that organization")
        found = self._jobs.used(own, _epoch(asked.start_date), _epoch(asked.end_date))
        return JSONResponse({"organization": own, **_report(found, asked)})


def _report(jobs: list[Row], asked: UsageOf) -> dict[str, Any]:
    def begins(job: Row) -> datetime.date:
        return _begin(job, asked)

    whole = _sums(jobs)
    periods = groupby(sorted(jobs, key=begins, reverse=True), key=begins)
    return {
        "group_type": asked.group_by,
        "modality": asked.modality,
        "start_date": asked.start_date.isoformat(),
        "end_date": asked.end_date.isoformat(),
        "usage_from": f"{asked.start_date}T00:00:00Z",
        "usage_to": f"{asked.end_date}T00:00:00Z",
        "usage_unit": _UNIT,
        "amount_total": whole["amount"],
        "job_count": whole["job_count"],
        "time_us_total": whole["time_us"],
        "usage_data": [_period(day, list(found), asked) for day, found in periods],
    }


def _period(day: datetime.date, jobs: list[Row], asked: UsageOf) -> dict[str, Any]:
    name = _GROUPS[asked.group_by]
    groups = {each: _sums(list(found)) for each, found in groupby(sorted(jobs, key=name), key=name)}
    dearest = sorted(groups, key=lambda each: groups[each]["amount"], reverse=True)[:_TOP]
    usages = [{"group_id": each, "group_name": each, **groups[each]} for each in dearest]
    return {"from": day.isoformat(), **_sums(jobs), "group_usages": usages}


def _sums(jobs: list[Row]) -> dict[str, Any]:
    return {
        "amount": round(sum(job.price or 0.0 for job in jobs), 2),
        "amount_unit": _UNIT,
        "job_count": len(jobs),
        "time_us": sum(prices.machine_us(job.work) for job in jobs),
    }


def _begin(job: Row, asked: UsageOf) -> datetime.date:
    """The first day of the period that a job was completed in; weeks begin on Monday."""
    day = datetime.datetime.fromtimestamp(job.completed or 0.0, datetime.UTC).date()
    if asked.modality == "monthly":
        return day.replace(day=1)
    return day - datetime.timedelta(days=day.weekday()) if asked.modality == "weekly" else day


def _epoch(day: datetime.date) -> float:
    return datetime.datetime.combine(day, datetime.time(), datetime.UTC).timestamp()
