"""`Ionworks`: cells, measurements, simulations and pipelines, made once.

>>> from failwell.apis.ionworks import Ionworks
>>> client = Ionworks()
>>> spec = client.cell_spec.create_or_get({"name": "INR21700"})
>>> cell = client.cell_instance.create_or_get(spec.id, {"name": "cell 1"})
"""

from __future__ import annotations

from typing import Any

from failwell.apis.ionworks.client import account, connection
from failwell.apis.ionworks.client.compression import compress
from failwell.apis.ionworks.client.serial.cells import CellBatches, CellInstances, CellSpecs
from failwell.apis.ionworks.client.serial.measurements import CellMeasurements
from failwell.apis.ionworks.client.serial.resource import Line
from failwell.apis.ionworks.client.serial.work import Jobs, Pipelines, Simulations
from failwell.apis.ionworks.contract import IONWORKS, STORAGE
from failwell.apis.operation import run
from failwell.apis.resource import Connected
from failwell.clients.httpx2 import Client
from failwell.settings import Policy

_DEFAULT = Policy()


class Ionworks(Connected):
    """Ionworks' API. A write whose answer is lost is looked up by its name, never made twice.

    The credential comes from `token` or `api_key`, else from `IONWORKS_API_TOKEN` or
    `IONWORKS_API_KEY`; the address, project and organization from their arguments, else from
    `IONWORKS_API_URL`, `IONWORKS_PROJECT_ID` and `IONWORKS_ORGANIZATION_ID`. `timeout` bounds one
    attempt (10 s), `max_retries` (5) counts those after the first. Whenever Ionworks answers with
    an error, its `x-correlation-id` is printed, unless `print_correlation_id` is off. Other
    arguments are those of `failwell.Client`. Close it, or use it as a context manager.

    Raises `IonworksError` (and failwell's class of that kind) for whatever fails at Ionworks;
    `InvalidRequestError`, a `ValueError`, for what is refused before it is sent, such as a client
    without a credential.
    """

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
            compress=compress,
        )
        self.api_url = ready.api_url
        self.project_id = ready.project_id
        self.organization_id = ready.organization_id
        self.client = Client(contract=IONWORKS, **ready.api)
        self._storage = Client(contract=STORAGE, **ready.storage)
        line = Line(
            api=self.client,
            storage=self._storage,
            project=ready.project_id,
            backend=ready.backend,
        )
        self.cell_spec = CellSpecs(line)
        self.cell_batch = CellBatches(line)
        self.cell_instance = CellInstances(line)
        self.cell_measurement = self.measurement = CellMeasurements(line)
        self.simulation = Simulations(line)
        self.pipeline = Pipelines(line)
        self.job = Jobs(line)

    def health_check(self) -> dict[str, Any]:
        """What runs at Ionworks."""
        return run(self.client, account.health())

    def whoami(self) -> dict[str, Any]:
        """Whose credential this is, and their organizations."""
        return run(self.client, account.whoami())

    def close(self) -> None:
        """Close the connections."""
        super().close()
        self._storage.close()
