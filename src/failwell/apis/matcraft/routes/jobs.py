"""Jobs: listed, read, and their logs."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from failwell.apis.matcraft.answers import (
    answer,
    asked_page,
    filters,
    invalid,
    page_of,
    unknown,
    whole,
)
from failwell.apis.matcraft.state.database import Database
from failwell.apis.matcraft.state.jobs import LEVELS, ORDERS, STATES, Job, Jobs
from failwell.apis.matcraft.state.keys import Key

_MOST_LINES = 10_000


class JobRoutes:
    """Reads of jobs."""

    def __init__(self, database: Database) -> None:
        self._jobs = Jobs(database)

    async def list(self, request: Request, key: Key) -> Response:
        """GET /jobs"""
        page = asked_page(request, ORDERS)
        wanted = filters(request, status=STATES)
        if "campaign_id" in request.query_params:
            wanted["campaign"] = request.query_params["campaign_id"]
        rows, total = self._jobs.page(key.account, wanted, page)
        return page_of([_told(row) for row in rows], total, page)

    async def get(self, request: Request, key: Key) -> Response:
        """GET /jobs/{id}"""
        return answer(_told(self._job(request, key)))

    async def logs(self, request: Request, key: Key) -> Response:
        """GET /jobs/{id}/logs"""
        job, query = self._job(request, key), request.query_params
        level = query.get("level", LEVELS[0])
        if level not in LEVELS:
            raise invalid(f"level is {level[:40]!r}: use {', '.join(LEVELS)}")
        tail = whole(request, "tail", 100, _MOST_LINES)
        lines = self._jobs.lines(job.id, level, query.get("since", ""), tail)
        return answer([msgspec.structs.asdict(line) for line in lines])

    def _job(self, request: Request, key: Key) -> Job:
        identifier: str = request.path_params["id"]
        try:
            return self._jobs.get(identifier, key.account)
        except LookupError:
            raise unknown("Job", identifier) from None


def _told(job: Job) -> dict[str, Any]:
    failed = None if job.code is None else {"code": job.code, "message": job.message}
    return {
        "id": job.id,
        "campaign_id": job.campaign,
        "status": job.status,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "worker_id": job.worker,
        "progress": {
            "phase": job.phase,
            "iteration": job.iteration,
            "total_iterations": job.total_iterations,
            "evaluations_completed": job.evaluations,
            "budget": job.budget,
        },
        "error": failed,
    }
