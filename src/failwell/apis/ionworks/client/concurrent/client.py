"""`AsyncIonworks`: the same as `Ionworks`, awaited.

>>> async with AsyncIonworks() as client:
...     spec = await client.cell_spec.create_or_get({"name": "INR21700"})
"""

from __future__ import annotations

from typing import Any

from failwell.apis.ionworks.client import account, connection
from failwell.apis.ionworks.client.compression import acompress
from failwell.apis.ionworks.client.concurrent.cells import (
    AsyncCellBatches,
    AsyncCellInstances,
    AsyncCellSpecs,
)
from failwell.apis.ionworks.client.concurrent.measurements import AsyncCellMeasurements
from failwell.apis.ionworks.client.concurrent.resource import AsyncLine
from failwell.apis.ionworks.client.concurrent.work import (
    AsyncJobs,
    AsyncPipelines,
    AsyncSimulations,
)
from failwell.apis.ionworks.contract import IONWORKS, STORAGE
from failwell.apis.operation import arun
from failwell.apis.resource import AsyncConnected
from failwell.clients.httpx2 import AsyncClient
from failwell.settings import Policy

_DEFAULT = Policy()


class AsyncIonworks(AsyncConnected):
    """Ionworks' API for async code: the same methods, awaited. See `Ionworks`."""

    def __init__(
        self,
        api_key: str | None = None,
        api_url: str | None = None,
        project_id: str | None = None,
        dataframe_backend: str | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
        token: str | None = None,
        organization_id: str | None = None,
        *,
        print_correlation_id: bool = True,
        policy: Policy = _DEFAULT,
        **arguments: Any,
    ) -> None:
        ready = connection.settings(
            api_key=api_key,
            api_url=api_url,
            project_id=project_id,
            dataframe_backend=dataframe_backend,
            timeout=timeout,
            max_retries=max_retries,
            token=token,
            organization_id=organization_id,
            print_correlation_id=print_correlation_id,
            policy=policy,
            arguments=arguments,
            compress=acompress,
        )
        self.api_url = ready.api_url
        self.project_id = ready.project_id
        self.organization_id = ready.organization_id
        self.client = AsyncClient(contract=IONWORKS, **ready.api)
        self._storage = AsyncClient(contract=STORAGE, **ready.storage)
        line = AsyncLine(
            api=self.client,
            storage=self._storage,
            project=ready.project_id,
            backend=ready.backend,
        )
        self.cell_spec = AsyncCellSpecs(line)
        self.cell_batch = AsyncCellBatches(line)
        self.cell_instance = AsyncCellInstances(line)
        self.cell_measurement = self.measurement = AsyncCellMeasurements(line)
        self.simulation = AsyncSimulations(line)
        self.pipeline = AsyncPipelines(line)
        self.job = AsyncJobs(line)

    async def health_check(self) -> dict[str, Any]:
        """What runs at Ionworks."""
        return await arun(self.client, account.health())

    async def whoami(self) -> dict[str, Any]:
        """Whose credential this is, and their organizations."""
        return await arun(self.client, account.whoami())

    async def aclose(self) -> None:
        """Close the connections."""
        await super().aclose()
        await self._storage.aclose()
