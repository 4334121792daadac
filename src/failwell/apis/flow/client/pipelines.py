"""Pipelines: run, waited for, called off; and imports of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from failwell.apis.flow.client import operations
from failwell.apis.flow.client.async_resources import AsyncData, AsyncExecution
from failwell.apis.flow.client.base import AsyncBase, Base
from failwell.apis.flow.client.facts import Import
from failwell.apis.flow.client.jobs import EXECUTION, IMPORT
from failwell.apis.flow.client.reading import id_of, read
from failwell.apis.flow.client.resources import Data, Execution, bound
from failwell.clients.waiting import wait
from failwell.settings import Policy


class Pipelines(Base):
    """Pipelines. `execution` is one, or its id; times are in seconds."""

    def get_pipelines(self) -> list[dict[str, Any]]:
        """The pipelines, by category and subcategory."""
        return self._run(operations.pipelines())

    def run_pipeline(
        self,
        pipeline: object,
        *,
        samples: Sequence[object] = (),
        params: Mapping[str, Any] | None = None,
        data_params: Mapping[str, Any] | None = None,
        csv_params: Mapping[str, Any] | None = None,
        nextflow_version: str | None = None,
        idempotency_key: str | None = None,
    ) -> Execution:
        """Run a pipeline, by its name or by the id of one of its versions.

        Raises `PermissionError` where you may run none, `NotFoundError` for an unknown one, and
        `ValidationError` for samples that it does not take.
        """
        body = _body(samples, params, data_params, csv_params, nextflow_version)
        return self._bound(operations.run_pipeline(Execution, pipeline, body, idempotency_key))

    def get_execution(self, execution: object) -> Execution:
        """The execution as it is now."""
        return self._bound(operations.get_execution(Execution, execution))

    def wait(
        self, execution: object, *, timeout: float | None = None, verbose: bool = False
    ) -> Execution:
        """The execution when it has succeeded; a `timeout` of None is for ever.

        Raises `ExecutionFailedError` with the process that failed and why, and
        `ExecutionTimeoutError` with the last state.
        """
        how = _patient(self.client.policy, timeout)
        done = wait(self.client, id_of(execution), EXECUTION, verbose=verbose, **how)
        return bound(read(done.response, Execution), self)

    def get_outputs(self, execution: object) -> list[Data]:
        """The files that an execution has made. Raises `ServerError`, EXECUTION_FAILED, for one
        that failed."""
        return self._all_bound(operations.get_outputs(Data, execution))

    def cancel_execution(self, execution: object) -> Execution:
        """End an execution, if it has not ended."""
        return self._bound(operations.cancel_execution(Execution, execution))

    def import_samples(
        self, imports: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> Import:
        """Have samples made of accessions of an archive, all of them or none."""
        return self._run(operations.import_samples(imports, idempotency_key))

    def wait_for_import(self, started: object, *, timeout: float | None = None) -> Import:
        """The import when it has succeeded. Raises `ExecutionFailedError` with what is wrong."""
        how = _patient(self.client.policy, timeout)
        return read(wait(self.client, id_of(started), IMPORT, **how).response, Import)


class AsyncPipelines(AsyncBase):
    """Pipelines: see `Pipelines`."""

    async def get_pipelines(self) -> list[dict[str, Any]]:
        """The pipelines, by category and subcategory."""
        return await self._run(operations.pipelines())

    async def run_pipeline(
        self,
        pipeline: object,
        *,
        samples: Sequence[object] = (),
        params: Mapping[str, Any] | None = None,
        data_params: Mapping[str, Any] | None = None,
        csv_params: Mapping[str, Any] | None = None,
        nextflow_version: str | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncExecution:
        """Run a pipeline: see `Pipelines.run_pipeline`."""
        body = _body(samples, params, data_params, csv_params, nextflow_version)
        operation = operations.run_pipeline(AsyncExecution, pipeline, body, idempotency_key)
        return await self._bound(operation)

    async def get_execution(self, execution: object) -> AsyncExecution:
        """The execution as it is now."""
        return await self._bound(operations.get_execution(AsyncExecution, execution))

    async def wait(
        self, execution: object, *, timeout: float | None = None, verbose: bool = False
    ) -> AsyncExecution:
        """The execution when it has succeeded: see `Pipelines.wait`."""
        how = _patient(self.client.policy, timeout)
        done = await wait(self.client, id_of(execution), EXECUTION, verbose=verbose, **how)
        return bound(read(done.response, AsyncExecution), self)

    async def get_outputs(self, execution: object) -> list[AsyncData]:
        """The files that an execution has made."""
        return await self._all_bound(operations.get_outputs(AsyncData, execution))

    async def cancel_execution(self, execution: object) -> AsyncExecution:
        """End an execution, if it has not ended."""
        return await self._bound(operations.cancel_execution(AsyncExecution, execution))

    async def import_samples(
        self, imports: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> Import:
        """Have samples made of accessions of an archive, all of them or none."""
        return await self._run(operations.import_samples(imports, idempotency_key))

    async def wait_for_import(self, started: object, *, timeout: float | None = None) -> Import:
        """The import when it has succeeded: see `Pipelines.wait_for_import`."""
        how = _patient(self.client.policy, timeout)
        return read((await wait(self.client, id_of(started), IMPORT, **how)).response, Import)


def _body(
    samples: Sequence[object],
    params: Mapping[str, Any] | None,
    data_params: Mapping[str, Any] | None,
    csv_params: Mapping[str, Any] | None,
    nextflow_version: str | None,
) -> dict[str, Any]:
    return {
        "samples": [id_of(sample) for sample in samples],
        "params": params,
        "data_params": data_params,
        "csv_params": csv_params,
        "nextflow_version": nextflow_version,
    }


def _patient(policy: Policy, timeout: float | None) -> dict[str, Any]:
    """How long a wait lasts; it bears no failed looks where the caller has turned retries off."""
    return {"timeout": timeout, "tolerate": 0.0 if policy.retry is None else 60.0}
