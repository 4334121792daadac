"""Cell measurements, awaited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from failwell.apis.ionworks.client import cells, uploads
from failwell.apis.ionworks.client.asked import Filters, path, query
from failwell.apis.ionworks.client.cells import CELLS
from failwell.apis.ionworks.client.concurrent.resource import AsyncResource
from failwell.apis.ionworks.client.ends import check
from failwell.apis.ionworks.client.frames import read_parquet, table_of
from failwell.apis.ionworks.client.records import CellMeasurement, Page, StepsAndCycles
from failwell.apis.ionworks.client.uploads import MEASUREMENTS, PROCESSING, Begun, Draft
from failwell.apis.operation import Operation


class AsyncCellMeasurements(AsyncResource):
    """See `CellMeasurements`."""

    async def get(self, measurement_id: str) -> CellMeasurement:
        """The measurement with this id."""
        return await self._run(uploads.get_measurement(measurement_id))

    async def list(
        self,
        cell_instance_id: str,
        limit: int | None = None,
        offset: int | None = None,
        measurement_type: str | None = None,
        **filters: Unpack[Filters],
    ) -> Page[CellMeasurement]:
        """A page of a cell's measurements, or of those of one type."""
        more = {"limit": limit, "offset": offset, "measurement_type": measurement_type}
        where = path(CELLS, cell_instance_id, MEASUREMENTS)
        return await self._run(cells.listed(where, CellMeasurement, query(filters, **more)))

    async def create(
        self,
        cell_instance_id: str,
        measurement_detail: Mapping[str, Any],
        *,
        wait_for_processing: bool = True,
    ) -> CellMeasurement:
        """A new measurement: see `CellMeasurements.create`."""
        draft = uploads.draft(cell_instance_id, measurement_detail)
        begun = await self._run(uploads.begin(draft))
        confirmed = uploads.confirm(draft, begun)
        return await self._uploaded(draft, begun, confirmed, wait_for_processing)

    async def create_or_get(
        self,
        cell_instance_id: str,
        measurement_detail: Mapping[str, Any],
        *,
        wait_for_processing: bool = True,
    ) -> CellMeasurement:
        """The measurement of this name: see `CellMeasurements.create_or_get`."""
        draft = uploads.draft(cell_instance_id, measurement_detail)
        begun = await self._run(uploads.or_get(draft, uploads.begin(draft)))
        if isinstance(begun, CellMeasurement):
            return begun
        confirmed = uploads.or_get(draft, uploads.confirm(draft, begun))
        return await self._uploaded(draft, begun, confirmed, wait_for_processing)

    async def create_properties(
        self, cell_instance_id: str, name: str, properties: Mapping[str, Any], **fields: Any
    ) -> CellMeasurement:
        """A new measurement that is single values."""
        return await self._run(
            uploads.create_properties(cell_instance_id, name, properties, fields)
        )

    async def update(self, measurement_id: str, data: Mapping[str, Any]) -> CellMeasurement:
        """The measurement, with these fields changed."""
        return await self._run(cells.update(MEASUREMENTS, CellMeasurement, measurement_id, data))

    async def delete(self, measurement_id: str) -> None:
        """Delete it and its files."""
        await self._run(cells.delete(MEASUREMENTS, measurement_id))

    async def wait_for_processing(
        self, measurement_id: str, timeout: float = 600.0
    ) -> CellMeasurement:
        """The measurement when its steps are derived; `timeout` in seconds."""
        check(await self._ends([(measurement_id, PROCESSING)], timeout, verbose=False))
        return await self.get(measurement_id)

    async def time_series(self, measurement_id: str) -> Any:
        """The time series, as a table."""
        link = await self._run(uploads.link(MEASUREMENTS, measurement_id, "time_series"))
        return read_parquet(await self._store(uploads.fetch(link)), self._line.backend)

    async def steps_and_cycles(self, measurement_id: str) -> StepsAndCycles:
        """The steps and the cycles, as tables."""
        found = await self._run(uploads.derived(measurement_id))
        tables = (table_of(found[name], self._line.backend) for name in ("steps", "cycles"))
        return StepsAndCycles(*tables)

    async def steps(self, measurement_id: str) -> Any:
        """The steps, as a table."""
        return (await self.steps_and_cycles(measurement_id)).steps

    async def cycles(self, measurement_id: str) -> Any:
        """The cycles, as a table."""
        return (await self.steps_and_cycles(measurement_id)).cycles

    async def _uploaded(
        self, draft: Draft, begun: Begun, confirmed: Operation[CellMeasurement], wait: bool
    ) -> CellMeasurement:
        await self._store(uploads.put(draft, begun))
        made = await self._run(confirmed)
        return await self.wait_for_processing(made.id) if wait else made
