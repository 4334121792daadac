"""Cell measurements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from failwell.apis.ionworks.client import cells, uploads
from failwell.apis.ionworks.client.asked import Filters, path, query
from failwell.apis.ionworks.client.cells import CELLS
from failwell.apis.ionworks.client.ends import check
from failwell.apis.ionworks.client.frames import read_parquet, table_of
from failwell.apis.ionworks.client.records import CellMeasurement, Page, StepsAndCycles
from failwell.apis.ionworks.client.serial.resource import Resource
from failwell.apis.ionworks.client.uploads import MEASUREMENTS, PROCESSING, Begun, Draft
from failwell.apis.operation import Operation


class CellMeasurements(Resource):
    """Measurements of cells; a name is unique in its cell. Tables are given as polars or pandas
    frames, columns by name, or lists of rows, and come back as `dataframe_backend` says."""

    def get(self, measurement_id: str) -> CellMeasurement:
        """The measurement with this id."""
        return self._run(uploads.get_measurement(measurement_id))

    def list(
        self,
        cell_instance_id: str,
        limit: int | None = None,
        offset: int | None = None,
        measurement_type: str | None = None,
        **filters: Unpack[Filters],
    ) -> Page[CellMeasurement]:
        """A page of a cell's measurements, or of those of one type: time_series, properties,
        file."""
        more = {"limit": limit, "offset": offset, "measurement_type": measurement_type}
        where = path(CELLS, cell_instance_id, MEASUREMENTS)
        return self._run(cells.listed(where, CellMeasurement, query(filters, **more)))

    def create(
        self,
        cell_instance_id: str,
        measurement_detail: Mapping[str, Any],
        *,
        wait_for_processing: bool = True,
    ) -> CellMeasurement:
        """A new measurement of `{"measurement": {"name", ...}, "time_series": table}`, its steps
        derived, unless they are not to be waited for.

        Raises `IonworksError`: with `issues`, before anything is sent, for a time series that
        Ionworks would not take; 409 where the name is taken; where the processing fails.
        """
        draft = uploads.draft(cell_instance_id, measurement_detail)
        begun = self._run(uploads.begin(draft))
        confirmed = uploads.confirm(draft, begun)
        return self._uploaded(draft, begun, confirmed, wait_for_processing)

    def create_or_get(
        self,
        cell_instance_id: str,
        measurement_detail: Mapping[str, Any],
        *,
        wait_for_processing: bool = True,
    ) -> CellMeasurement:
        """The measurement of this name, uploaded where it is not there.

        Warns (`RecordDiffersWarning`) where the one that is there has other fields, and says
        which; its time series is not compared. Raises what `create` does, but for that 409.
        """
        draft = uploads.draft(cell_instance_id, measurement_detail)
        begun = self._run(uploads.or_get(draft, uploads.begin(draft)))
        if isinstance(begun, CellMeasurement):
            return begun
        confirmed = uploads.or_get(draft, uploads.confirm(draft, begun))
        return self._uploaded(draft, begun, confirmed, wait_for_processing)

    def create_properties(
        self, cell_instance_id: str, name: str, properties: Mapping[str, Any], **fields: Any
    ) -> CellMeasurement:
        """A new measurement that is single values: numbers are `{"value", "unit"}`. `fields` are
        others of its fields, such as `notes` and `tags`."""
        return self._run(uploads.create_properties(cell_instance_id, name, properties, fields))

    def update(self, measurement_id: str, data: Mapping[str, Any]) -> CellMeasurement:
        """The measurement, with these fields changed."""
        return self._run(cells.update(MEASUREMENTS, CellMeasurement, measurement_id, data))

    def delete(self, measurement_id: str) -> None:
        """Delete it and its files."""
        self._run(cells.delete(MEASUREMENTS, measurement_id))

    def wait_for_processing(self, measurement_id: str, timeout: float = 600.0) -> CellMeasurement:
        """The measurement when its steps are derived; `timeout` in seconds.

        Raises `IonworksError` with Ionworks' reason where they cannot be, and when time is up.
        """
        check(self._ends([(measurement_id, PROCESSING)], timeout, verbose=False))
        return self.get(measurement_id)

    def time_series(self, measurement_id: str) -> Any:
        """The time series, as a table."""
        link = self._run(uploads.link(MEASUREMENTS, measurement_id, "time_series"))
        return read_parquet(self._store(uploads.fetch(link)), self._line.backend)

    def steps_and_cycles(self, measurement_id: str) -> StepsAndCycles:
        """The steps and the cycles, as tables."""
        found = self._run(uploads.derived(measurement_id))
        tables = (table_of(found[name], self._line.backend) for name in ("steps", "cycles"))
        return StepsAndCycles(*tables)

    def steps(self, measurement_id: str) -> Any:
        """The steps, as a table."""
        return self.steps_and_cycles(measurement_id).steps

    def cycles(self, measurement_id: str) -> Any:
        """The cycles, as a table."""
        return self.steps_and_cycles(measurement_id).cycles

    def _uploaded(
        self, draft: Draft, begun: Begun, confirmed: Operation[CellMeasurement], wait: bool
    ) -> CellMeasurement:
        self._store(uploads.put(draft, begun))
        made = self._run(confirmed)
        return self.wait_for_processing(made.id) if wait else made
