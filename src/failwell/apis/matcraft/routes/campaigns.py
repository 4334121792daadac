"""Campaigns: made, listed, started, stopped, read, deleted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from failwell.apis.matcraft import tables
from failwell.apis.matcraft.answers import (
    answer,
    asked_page,
    filters,
    page_of,
    taken,
    unknown,
)
from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.matcraft.domains import DOMAINS
from failwell.apis.matcraft.foreman import Foreman
from failwell.apis.matcraft.mdl import MistakesError
from failwell.apis.matcraft.state.campaigns import (
    ORDERS,
    STATES,
    Campaign,
    Campaigns,
    NameTakenError,
)
from failwell.apis.matcraft.state.database import Database
from failwell.apis.matcraft.state.datasets import Datasets
from failwell.apis.matcraft.state.jobs import Jobs
from failwell.apis.matcraft.state.keys import Key
from failwell.apis.matcraft.submissions import Submission, submission


class CampaignRoutes:
    """`spend` counts a new campaign for a caller, before it is made."""

    def __init__(
        self, database: Database, foreman: Foreman, spend: Callable[[str], Awaitable[None]]
    ) -> None:
        self._campaigns = Campaigns(database)
        self._datasets = Datasets(database)
        self._jobs = Jobs(database)
        self._foreman = foreman
        self._spend = spend

    async def create(self, request: Request, key: Key) -> Response:
        """POST /campaigns"""
        new = await submission(request)
        self._match(key, new)
        if self._campaigns.is_taken(key.account, new.problem.name):
            raise taken("campaign", new.problem.name)
        await self._spend(key.token)
        try:
            campaign = self._campaigns.add(key.account, new.problem, new.dataset)
        except NameTakenError:
            raise taken("campaign", new.problem.name) from None
        return answer(self._told(campaign), 201)

    async def list(self, request: Request, key: Key) -> Response:
        """GET /campaigns"""
        page = asked_page(request, ORDERS)
        wanted = filters(request, "name", status=STATES, domain=tuple(DOMAINS))
        rows, total = self._campaigns.page(key.account, wanted, page)
        return page_of([self._told(row) for row in rows], total, page)

    async def get(self, request: Request, key: Key) -> Response:
        """GET /campaigns/{id}"""
        return answer(self._told(self._campaign(request, key)))

    async def delete(self, request: Request, key: Key) -> Response:
        """DELETE /campaigns/{id}"""
        self._foreman.delete(self._campaign(request, key))
        return Response(status_code=204)

    async def start(self, request: Request, key: Key) -> Response:
        """POST /campaigns/{id}/start"""
        campaign = self._campaign(request, key)
        try:
            await self._foreman.start(campaign)
        except LookupError:  # it was deleted while a worker was started for it
            raise unknown("Campaign", campaign.id) from None
        return answer(self._told(self._campaign(request, key)), 202)

    async def stop(self, request: Request, key: Key) -> Response:
        """POST /campaigns/{id}/stop"""
        self._foreman.stop(self._campaign(request, key))
        return answer(self._told(self._campaign(request, key)), 202)

    async def results(self, request: Request, key: Key) -> Response:
        """GET /campaigns/{id}/results"""
        campaign = self._campaign(request, key)
        if campaign.code is not None:
            raise MATCRAFT.fail(campaign.code, message=campaign.message)
        problem = campaign.stated
        told = {
            "campaign_id": campaign.id,
            "status": campaign.status,
            "evaluations_completed": campaign.evaluations,
            "objectives": [{"name": o.name, "direction": o.direction} for o in problem.objectives],
            "pareto_front": msgspec.Raw(campaign.pareto),
            "surrogate": campaign.surrogate,
        }
        return answer(told)

    def _match(self, key: Key, new: Submission) -> None:
        """Raises `NOT_FOUND` or `DATASET_SCHEMA_MISMATCH` for a dataset that does not serve."""
        if new.dataset is None:
            return
        try:
            dataset = self._datasets.get(key.account, new.dataset)
            tables.match(new.problem, dataset.content)
        except LookupError:
            raise unknown("Dataset", new.dataset) from None
        except MistakesError as error:
            raise MATCRAFT.fail(
                "DATASET_SCHEMA_MISMATCH", message=str(error), details=error.details
            ) from None

    def _campaign(self, request: Request, key: Key) -> Campaign:
        identifier: str = request.path_params["id"]
        try:
            return self._campaigns.get(key.account, identifier)
        except LookupError:
            raise unknown("Campaign", identifier) from None

    def _told(self, campaign: Campaign) -> dict[str, Any]:
        problem, job = campaign.stated, self._jobs.of(campaign.id)
        failed = None
        if campaign.code is not None:
            failed = {"code": campaign.code, "message": campaign.message}
        return {
            "id": campaign.id,
            "name": campaign.name,
            "domain": campaign.domain,
            "status": campaign.status,
            "created_at": campaign.created_at,
            "budget": problem.optimizer.budget,
            "evaluations_completed": campaign.evaluations,
            "parameters_count": len(problem.parameters),
            "objectives_count": len(problem.objectives),
            "dataset_id": campaign.dataset,
            "job_id": job and job.id,
            "error": failed,
        }
