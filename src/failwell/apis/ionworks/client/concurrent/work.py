"""Simulations, pipelines and jobs, awaited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack, overload

from failwell.apis.ionworks.client import answered, cells, pipelines, simulations, uploads
from failwell.apis.ionworks.client.asked import Filters, query
from failwell.apis.ionworks.client.concurrent.resource import AsyncResource
from failwell.apis.ionworks.client.ends import check
from failwell.apis.ionworks.client.frames import read_parquet
from failwell.apis.ionworks.client.pipelines import PIPELINES
from failwell.apis.ionworks.client.records import (
    Job,
    Page,
    Pipeline,
    PipelineElement,
    PipelineResult,
    Simulation,
    SimulationResult,
    SubmittedSimulation,
)
from failwell.apis.ionworks.client.simulations import JOBS, SIMULATIONS, Many, Which


class AsyncSimulations(AsyncResource):
    """See `Simulations`."""

    async def protocol(self, config: Mapping[str, Any]) -> SubmittedSimulation:
        """One simulation, submitted: see `Simulations.protocol`."""
        return (await self.protocol_batch(simulations.single(config)))[0]

    async def protocol_batch(self, config: Mapping[str, Any]) -> Sequence[SubmittedSimulation]:
        """Many simulations, submitted: see `Simulations.protocol_batch`."""
        return await self._run(simulations.submit(config, self._line.project))

    async def get(self, simulation_id: str) -> Simulation:
        """The simulation with this id."""
        return await self._run(simulations.get_simulation(simulation_id))

    async def list(
        self, limit: int | None = None, offset: int | None = None, **filters: Unpack[Filters]
    ) -> Page[Simulation]:
        """A page of simulations."""
        asked = query(filters, limit=limit, offset=offset)
        return await self._run(cells.listed(SIMULATIONS, Simulation, asked, SIMULATIONS))

    async def delete(self, simulation_id: str) -> None:
        """Delete it, its job and its files."""
        await self._run(cells.delete(SIMULATIONS, simulation_id))

    @overload
    async def wait_for_completion(
        self,
        simulation_id: Which,
        timeout: float = 60.0,
        poll_interval: float = 2.0,
        verbose: bool = True,
        raise_on_failure: bool = True,
    ) -> Simulation: ...
    @overload
    async def wait_for_completion(
        self,
        simulation_id: Many,
        timeout: float = 60.0,
        poll_interval: float = 2.0,
        verbose: bool = True,
        raise_on_failure: bool = True,
    ) -> Sequence[Simulation]: ...
    async def wait_for_completion(
        self,
        simulation_id: Which | Many,
        timeout: float = 60.0,
        poll_interval: float = 2.0,
        verbose: bool = True,
        raise_on_failure: bool = True,
    ) -> Simulation | Sequence[Simulation]:
        """The simulation (or simulations) when finished: see `Simulations.wait_for_completion`."""
        begun = self._line.api.rim.clock()
        asked = simulations.several(simulation_id)
        found = [await self._run(simulations.under_way(each)) for each in asked]
        jobs = [simulations.job_of(each, poll_interval) for each in found]
        ended = await self._ends(jobs, timeout, verbose=verbose)
        check(ended, raise_on_failure=raise_on_failure)
        left = max(begun + timeout - self._line.api.rim.clock(), 0.0)
        done = [end for end in ended if end.error is None]
        results = [simulations.result_of(found[int(end.tag)], poll_interval) for end in done]
        stored = await self._ends(results, left, verbose=False)
        check(stored)
        together = simulations.together(found, ended, stored)
        return together if asked is simulation_id else together[0]

    async def get_result(self, simulation_id: str) -> SimulationResult:
        """What it gave. Raises `IonworksError` (404) before it is finished."""
        names = ("time_series", "steps")
        links = [await self._run(uploads.link(SIMULATIONS, simulation_id, name)) for name in names]
        files = [await self._store(uploads.fetch(link)) for link in links]
        series, steps = (read_parquet(file, self._line.backend) for file in files)
        return SimulationResult(series, steps, (await self.get(simulation_id)).metrics or {})


class AsyncPipelines(AsyncResource):
    """See `Pipelines`."""

    async def create(
        self,
        config: object,
        *,
        project_id: str | None = None,
        name: str | None = None,
        description: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Pipeline:
        """A new pipeline: see `Pipelines.create`."""
        said = {"project_id": project_id, "name": name, "description": description}
        return await self._run(
            pipelines.create(config, self._line.project, **said, options=options)
        )

    async def get(self, pipeline_id: str) -> Pipeline:
        """The pipeline; `error` is the server's traceback where it failed."""
        return await self._run(cells.get(PIPELINES, Pipeline, pipeline_id))

    async def list(
        self,
        limit: int | None = None,
        skip: int | None = None,
        *,
        project_id: str | None = None,
        **filters: Unpack[Filters],
    ) -> Page[Pipeline]:
        """A page of a project's pipelines."""
        project = project_id or self._line.project
        asked = query(filters, limit=limit, skip=skip, project_id=project)
        return await self._run(cells.listed(PIPELINES, Pipeline, asked, PIPELINES))

    async def update(
        self, pipeline_id: str, name: str | None = None, description: str | None = None
    ) -> Pipeline:
        """The pipeline, under another name or with another description."""
        return await self._run(pipelines.update(pipeline_id, name=name, description=description))

    async def cancel(self, pipeline_id: str) -> Pipeline:
        """The pipeline, ended; one that is over stays as it is."""
        return await self._run(pipelines.cancel(pipeline_id))

    async def delete(self, pipeline_id: str) -> None:
        """End it and forget it."""
        await self._run(cells.delete(PIPELINES, pipeline_id))

    async def result(self, pipeline_id: str) -> PipelineResult:
        """What it found. Raises `IonworksError` (404) before it is completed."""
        return await self._run(pipelines.result(pipeline_id))

    async def elements(self, pipeline_id: str) -> Sequence[PipelineElement]:
        """Its elements in their order, and how far each is."""
        return await self._run(pipelines.elements(pipeline_id))

    async def wait_for_completion(
        self,
        pipeline_id: str,
        timeout: float = 600.0,
        poll_interval: float = 2.0,
        verbose: bool = True,
        raise_on_failure: bool = True,
    ) -> Pipeline:
        """The pipeline when it is over: see `Pipelines.wait_for_completion`."""
        job = simulations.pipeline_job(poll_interval)
        ended = await self._ends([(pipeline_id, job)], timeout, verbose=verbose)
        if check(ended, raise_on_failure=raise_on_failure):
            return await self.get(pipeline_id)
        return answered.read(ended[0].response, Pipeline)


class AsyncJobs(AsyncResource):
    """See `Jobs`."""

    async def get(self, job_id: str) -> Job:
        """The job with this id."""
        return await self._run(cells.get(JOBS, Job, job_id))

    async def list(self) -> Page[Job]:
        """The newest jobs."""
        return await self._run(simulations.list_jobs())

    async def cancel(self, job_id: str) -> Job:
        """The job, cancelled; one that is over stays as it is."""
        return await self._run(simulations.cancel_job(job_id))
