"""Simulations, pipelines and jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack, overload

from failwell.apis.ionworks.client import answered, cells, pipelines, simulations, uploads
from failwell.apis.ionworks.client.asked import Filters, query
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
from failwell.apis.ionworks.client.serial.resource import Resource
from failwell.apis.ionworks.client.simulations import JOBS, SIMULATIONS, Many, Which


class Simulations(Resource):
    """Simulations: a cell is put through a protocol, as a job."""

    def protocol(self, config: Mapping[str, Any]) -> SubmittedSimulation:
        """One simulation, submitted: a `parameterized_model`, a `protocol_experiment` (or the
        `protocol_id` of one), `experiment_parameters`, `design_parameters`.

        There is no telling a lost submission from others: where its answer is lost, the
        `IonworksError` has the outcome "unknown", and nothing is sent twice.
        """
        return self.protocol_batch(simulations.single(config))[0]

    def protocol_batch(self, config: Mapping[str, Any]) -> Sequence[SubmittedSimulation]:
        """Many simulations, submitted: one for each of the `conditions`, or of the points of
        `design_parameters_doe`."""
        return self._run(simulations.submit(config, self._line.project))

    def get(self, simulation_id: str) -> Simulation:
        """The simulation with this id."""
        return self._run(simulations.get_simulation(simulation_id))

    def list(
        self, limit: int | None = None, offset: int | None = None, **filters: Unpack[Filters]
    ) -> Page[Simulation]:
        """A page of simulations."""
        asked = query(filters, limit=limit, offset=offset)
        return self._run(cells.listed(SIMULATIONS, Simulation, asked, SIMULATIONS))

    def delete(self, simulation_id: str) -> None:
        """Delete it, its job and its files."""
        self._run(cells.delete(SIMULATIONS, simulation_id))

    @overload
    def wait_for_completion(
        self,
        simulation_id: Which,
        timeout: float = 60.0,
        poll_interval: float = 2.0,
        verbose: bool = True,
        raise_on_failure: bool = True,
    ) -> Simulation: ...
    @overload
    def wait_for_completion(
        self,
        simulation_id: Many,
        timeout: float = 60.0,
        poll_interval: float = 2.0,
        verbose: bool = True,
        raise_on_failure: bool = True,
    ) -> Sequence[Simulation]: ...
    def wait_for_completion(
        self,
        simulation_id: Which | Many,
        timeout: float = 60.0,
        poll_interval: float = 2.0,
        verbose: bool = True,
        raise_on_failure: bool = True,
    ) -> Simulation | Sequence[Simulation]:
        """The simulation (or simulations) when finished. Times are in seconds, `timeout` for all
        of it; `verbose` prints each change of state.

        Raises `IonworksError` where a job fails, unless `raise_on_failure` is off: then the
        simulation comes with the `status` and the `error` of its job. Raises one that is a
        `TimeoutError`, too, when time is up.
        """
        begun = self._line.api.rim.clock()
        asked = simulations.several(simulation_id)
        found = [self._run(simulations.under_way(each)) for each in asked]
        jobs = [simulations.job_of(each, poll_interval) for each in found]
        ended = self._ends(jobs, timeout, verbose=verbose)
        check(ended, raise_on_failure=raise_on_failure)
        left = max(begun + timeout - self._line.api.rim.clock(), 0.0)
        done = [end for end in ended if end.error is None]
        results = [simulations.result_of(found[int(end.tag)], poll_interval) for end in done]
        stored = self._ends(results, left, verbose=False)
        check(stored)
        together = simulations.together(found, ended, stored)
        return together if asked is simulation_id else together[0]

    def get_result(self, simulation_id: str) -> SimulationResult:
        """What it gave. Raises `IonworksError` (404) before it is finished."""
        names = ("time_series", "steps")
        links = [self._run(uploads.link(SIMULATIONS, simulation_id, name)) for name in names]
        files = [self._store(uploads.fetch(link)) for link in links]
        series, steps = (read_parquet(file, self._line.backend) for file in files)
        return SimulationResult(series, steps, self.get(simulation_id).metrics or {})


class Pipelines(Resource):
    """Pipelines: entries, calculations, fits and validations, run as one job."""

    def create(
        self,
        config: object,
        *,
        project_id: str | None = None,
        name: str | None = None,
        description: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Pipeline:
        """A new pipeline of `{"elements": {...}}`, or of an `ionworks_schema.Pipeline`.

        There is no telling a lost submission from others: where its answer is lost, the
        `IonworksError` has the outcome "unknown", and nothing is sent twice.
        """
        said = {"project_id": project_id, "name": name, "description": description}
        return self._run(pipelines.create(config, self._line.project, **said, options=options))

    def get(self, pipeline_id: str) -> Pipeline:
        """The pipeline; `error` is the server's traceback where it failed."""
        return self._run(cells.get(PIPELINES, Pipeline, pipeline_id))

    def list(
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
        return self._run(cells.listed(PIPELINES, Pipeline, asked, PIPELINES))

    def update(
        self, pipeline_id: str, name: str | None = None, description: str | None = None
    ) -> Pipeline:
        """The pipeline, under another name or with another description."""
        return self._run(pipelines.update(pipeline_id, name=name, description=description))

    def cancel(self, pipeline_id: str) -> Pipeline:
        """The pipeline, ended; one that is over stays as it is."""
        return self._run(pipelines.cancel(pipeline_id))

    def delete(self, pipeline_id: str) -> None:
        """End it and forget it."""
        self._run(cells.delete(PIPELINES, pipeline_id))

    def result(self, pipeline_id: str) -> PipelineResult:
        """What it found. Raises `IonworksError` (404) before it is completed."""
        return self._run(pipelines.result(pipeline_id))

    def elements(self, pipeline_id: str) -> Sequence[PipelineElement]:
        """Its elements in their order, and how far each is."""
        return self._run(pipelines.elements(pipeline_id))

    def wait_for_completion(
        self,
        pipeline_id: str,
        timeout: float = 600.0,
        poll_interval: float = 2.0,
        verbose: bool = True,
        raise_on_failure: bool = True,
    ) -> Pipeline:
        """The pipeline when it is over; times in seconds. `verbose` prints each change of state.

        Raises `IonworksError` with the server's traceback where it failed, unless
        `raise_on_failure` is off; one that is a `TimeoutError`, too, when time is up.
        """
        job = simulations.pipeline_job(poll_interval)
        ended = self._ends([(pipeline_id, job)], timeout, verbose=verbose)
        if check(ended, raise_on_failure=raise_on_failure):
            return self.get(pipeline_id)
        return answered.read(ended[0].response, Pipeline)


class Jobs(Resource):
    """Jobs: the work behind simulations, pipelines and measurements."""

    def get(self, job_id: str) -> Job:
        """The job with this id."""
        return self._run(cells.get(JOBS, Job, job_id))

    def list(self) -> Page[Job]:
        """The newest jobs."""
        return self._run(simulations.list_jobs())

    def cancel(self, job_id: str) -> Job:
        """The job, cancelled; one that is over stays as it is."""
        return self._run(simulations.cancel_job(job_id))
