"""The routes of jobs: submit, read, list, call off, delete, and what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from failwell.apis.ionq.access import Key, check_reach, key_of
from failwell.apis.ionq.backends import Backend
from failwell.apis.ionq.contract import IONQ
from failwell.apis.ionq.database import Database
from failwell.apis.ionq.intake import Intake
from failwell.apis.ionq.job_json import job_json
from failwell.apis.ionq.job_row import SPLIT, Filter, Row
from failwell.apis.ionq.jobs import Jobs
from failwell.apis.ionq.openapi import Handler
from failwell.apis.ionq.queue import Queue
from failwell.apis.ionq.refusals import bad_request, conflict, decoded, not_found
from failwell.apis.ionq.routes.queries import JobList, ResultsOf, read
from failwell.apis.ionq.sessions import Row as Session
from failwell.apis.ionq.sessions import Sessions
from failwell.apis.ionq.simulator import Simulator
from failwell.apis.ionq.submissions import NewJob, new_job, programs
from failwell.model import Outcome


class Bulk(msgspec.Struct):
    """The body of what is done to several jobs."""

    ids: Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(min_length=1, max_length=500)]


class JobRoutes:
    """Answers for jobs; `max_gates` tells how many one may have."""

    def __init__(
        self,
        database: Database,
        jobs: Jobs,
        sessions: Sessions,
        queue: Queue,
        simulator: Simulator,
        max_gates: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._sessions = sessions
        self._queue = queue
        self._simulator = simulator
        self._max_gates = max_gates
        self._intake = Intake(database, jobs, sessions)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Each operation and who answers it."""
        return {
            "create_job": self._create,
            "get_jobs": self._list,
            "get_job": self._get,
            "get_job_probabilities": self._probabilities,
            "get_job_cost": self._cost,
            "cancel_job": self._cancel,
            "cancel_jobs": self._cancel_several,
            "delete_job": self._delete,
            "delete_jobs": self._delete_several,
            "get_session_jobs": self._list_session,
        }

    async def _create(self, request: Request) -> Response:
        key = key_of(request)
        job, backend = new_job(await request.body())
        runs = await run_in_threadpool(programs, job, self._max_gates())
        check_reach(key, backend)
        session = self._session(job, key, backend)
        if not self._simulator.running:
            raise _unavailable()
        identifier = self._intake.take(job, runs, key, backend, session)
        self._queue.wake()
        body = {"id": identifier, "status": "submitted", "session_id": job.session_id}
        return JSONResponse(body, 201)

    def _session(self, job: NewJob, key: Key, backend: Backend) -> Session | None:
        if job.session_id is None:
            return None
        session = self._sessions.get(job.session_id, key.project)
        if session is None:
            raise not_found(f"Session {job.session_id[:40]}")
        if session.backend != backend.name:
            message = f'"session_id": that session is for {session.backend}'
            raise bad_request(message, "session_id")
        if session.ended is not None:
            raise conflict(f"Session {session.id} has ended")
        return session

    async def _list(self, request: Request) -> Response:
        return self._page(request, read(request, JobList), None)

    async def _list_session(self, request: Request) -> Response:
        identifier = request.path_params["session_id"]
        session = self._sessions.get(identifier, key_of(request).project)
        if session is None:
            raise not_found(f"Session {identifier[:40]}")
        return self._page(request, read(request, JobList), session.id)

    def _page(self, request: Request, asked: JobList, session: str | None) -> Response:
        project = key_of(request).project
        wanted = Filter(
            project=project,
            ids=asked.ids,
            parent=asked.parent_job_id,
            status=asked.status,
            targets=asked.target.split(",") if asked.target else (),
            session=session or asked.session_id,
            submitter=asked.submitter_id,
            below=self._cursor(asked.next_, project),
        )
        found, following = self._jobs.page(wanted, asked.limit)
        return JSONResponse({"jobs": [self._json(job) for job in found], "next": following})

    def _cursor(self, following: str | None, project: str) -> int | None:
        if following is None:
            return None
        number = self._jobs.number_of(following, project)
        if number is None:
            raise bad_request('"next" is not one that a list gave', "next", "query")
        return number

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._json(self._job(request)))

    async def _probabilities(self, request: Request) -> Response:
        read(request, ResultsOf)
        job = self._job(request)
        result = self._jobs.result(job)
        if result is None:
            raise not_found(f"Job {job.id} is {job.status}: its probabilities were")
        return Response(result, media_type="application/json")

    async def _cost(self, request: Request) -> Response:
        job = self._job(request)
        body: dict[str, Any] = {"dry_run": bool(job.dry_run)}
        if job.price is not None:
            price = {"value": job.price, "unit": "usd"}
            body["estimated_cost"] = price
            if job.status == "completed" and not job.dry_run:
                body["cost"] = price
        return JSONResponse(body)

    async def _cancel(self, request: Request) -> Response:
        job = self._job(request)
        if job.is_final:
            raise conflict(f"Job {job.id} is {job.status} already")
        await self._call_off(job)
        return JSONResponse({"id": job.id, "status": "canceled"})

    async def _cancel_several(self, request: Request) -> Response:
        found = [job for job in await self._several(request) if not job.is_final]
        for job in found:
            await self._call_off(job)
        return JSONResponse({"ids": [job.id for job in found], "status": "canceled"})

    async def _delete(self, request: Request) -> Response:
        job = self._job(request)
        await self._call_off(job, delete=True)
        return JSONResponse({"id": job.id, "status": "deleted"})

    async def _delete_several(self, request: Request) -> Response:
        found = await self._several(request)
        for job in found:
            await self._call_off(job, delete=True)
        return JSONResponse({"ids": [job.id for job in found], "status": "deleted"})

    async def _call_off(self, job: Row, *, delete: bool = False) -> None:
        children = [child.id for child in self._jobs.children(job.id)]
        self._jobs.delete(job) if delete else self._jobs.cancel(job)
        await self._queue.call_off(job.id, *children)

    async def _several(self, request: Request) -> list[Row]:
        project = key_of(request).project
        ids = decoded(await request.body(), Bulk).ids
        found = {identifier: self._jobs.get(identifier, project) for identifier in ids}
        missing = [identifier for identifier, job in found.items() if job is None]
        if missing:
            raise bad_request(f'"ids": there is no job {missing[0][:40]}', "ids")
        return [job for job in found.values() if job is not None]

    def _job(self, request: Request) -> Row:
        identifier = request.path_params["id"]
        job = self._jobs.get(identifier, key_of(request).project)
        if job is None:
            raise not_found(f"Job {identifier[:40]}")
        return job

    def _json(self, job: Row) -> dict[str, Any]:
        split = job.type == SPLIT
        return job_json(job, [c.id for c in self._jobs.children(job.id)] if split else None)


def _unavailable() -> Exception:
    return IONQ.fail(
        "Service Unavailable",
        message="The simulator is away. Nothing was submitted; try again later.",
        retry_after=1.0,
        outcome=Outcome.NOT_STARTED,
    )
