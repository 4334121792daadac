"""Jobs: what the solver has to do for simulations, pipelines and measurements."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from failwell.apis.ionworks.access import key_of
from failwell.apis.ionworks.bodies import answer
from failwell.apis.ionworks.contract import IONWORKS
from failwell.apis.ionworks.house import Handlers, House
from failwell.apis.ionworks.jobs import Job


class JobRoutes:
    """The routes of jobs."""

    def __init__(self, house: House) -> None:
        self._house = house

    def handlers(self) -> Handlers:
        """Its routes, by operation."""
        return {
            "list_jobs": self.page,
            "create_job": self.refuse,
            "get_job": self.get,
            "cancel_job": self.cancel,
        }

    async def page(self, request: Request) -> Response:
        """The newest jobs, as a bare array."""
        found = self._house.jobs.listed(key_of(request).projects)
        return answer([job.shown() for job in found])

    async def refuse(self, request: Request) -> Response:
        """Jobs are not submitted directly any more."""
        message = "Jobs are not submitted directly any more: start a simulation or a pipeline"
        raise IONWORKS.fail("GONE", message=message)

    async def get(self, request: Request) -> Response:
        """One job."""
        return answer(self._job(request).shown())

    async def cancel(self, request: Request) -> Response:
        """End it, also in the middle; one that is over stays as it is."""
        job = self._house.jobs.cancel(self._job(request))
        await self._house.dispatch.let_go(job)
        return answer(job.shown())

    def _job(self, request: Request) -> Job:
        return self._house.jobs.get(request.path_params["id"], key_of(request).projects)
