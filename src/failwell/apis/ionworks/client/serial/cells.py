"""Cell specifications, lots and cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from failwell.apis.ionworks.client import cells
from failwell.apis.ionworks.client.asked import Filters, path, query
from failwell.apis.ionworks.client.cells import BATCHES, CELLS, SPECS
from failwell.apis.ionworks.client.records import CellBatch, CellInstance, CellSpecification, Page
from failwell.apis.ionworks.client.serial.resource import Resource


class CellSpecs(Resource):
    """Types of cells; a name is unique in its project."""

    def get(self, cell_spec_id: str) -> CellSpecification:
        """The specification with this id."""
        return self._run(cells.get(SPECS, CellSpecification, cell_spec_id))

    def list(
        self,
        limit: int | None = None,
        offset: int | None = None,
        *,
        project_id: str | None = None,
        form_factor: str | None = None,
        **filters: Unpack[Filters],
    ) -> Page[CellSpecification]:
        """A page of specifications, at most `limit` (1000) after the first `offset`."""
        more = {"limit": limit, "offset": offset, "form_factor": form_factor}
        asked = cells.list_specs(filters, self._line.project, project_id=project_id, **more)
        return self._run(asked)

    def create(self, data: Mapping[str, Any]) -> CellSpecification:
        """A new specification; `name` is required. Raises `IonworksError` (409) where it is
        taken."""
        return self._run(cells.create_spec(data, self._line.project))

    def create_or_get(self, data: Mapping[str, Any]) -> CellSpecification:
        """The specification of this name, which is made where it is not there.

        Warns (`RecordDiffersWarning`) where the one that is there is not the one given, and says
        in which fields.
        """
        return self._run(cells.create_spec(data, self._line.project, get_existing=True))

    def update(self, cell_spec_id: str, data: Mapping[str, Any]) -> CellSpecification:
        """The specification, with these fields changed."""
        return self._run(cells.update(SPECS, CellSpecification, cell_spec_id, data))

    def delete(self, cell_spec_id: str) -> None:
        """Delete it, its lots, cells and measurements."""
        self._run(cells.delete(SPECS, cell_spec_id))


class CellBatches(Resource):
    """Lots of cells; a name is unique in its specification, whatever the case."""

    def get(self, batch_id: str) -> CellBatch:
        """The lot with this id."""
        return self._run(cells.get(BATCHES, CellBatch, batch_id))

    def list(
        self,
        cell_spec_id: str,
        limit: int | None = None,
        offset: int | None = None,
        **filters: Unpack[Filters],
    ) -> Page[CellBatch]:
        """A page of a specification's lots."""
        asked = query(filters, limit=limit, offset=offset)
        return self._run(cells.listed(path(SPECS, cell_spec_id, BATCHES), CellBatch, asked))

    def create(self, cell_spec_id: str, data: Mapping[str, Any]) -> CellBatch:
        """A new lot; `name` is required. Raises `IonworksError` (409) where it is taken."""
        return self._run(cells.create_batch(cell_spec_id, data))

    def create_or_get(self, cell_spec_id: str, data: Mapping[str, Any]) -> CellBatch:
        """The lot of this name, made where it is not there: see `CellSpecs.create_or_get`."""
        return self._run(cells.create_batch(cell_spec_id, data, get_existing=True))

    def update(self, batch_id: str, data: Mapping[str, Any]) -> CellBatch:
        """The lot, with these fields changed."""
        return self._run(cells.update(BATCHES, CellBatch, batch_id, data))

    def delete(self, batch_id: str) -> None:
        """Delete it; its cells stay, without a lot."""
        self._run(cells.delete(BATCHES, batch_id))


class CellInstances(Resource):
    """Single cells; a name is unique in its specification."""

    def get(self, cell_instance_id: str) -> CellInstance:
        """The cell with this id."""
        return self._run(cells.get(CELLS, CellInstance, cell_instance_id))

    def list(
        self,
        cell_spec_id: str,
        limit: int | None = None,
        offset: int | None = None,
        *,
        batch_id: str | None = None,
        **filters: Unpack[Filters],
    ) -> Page[CellInstance]:
        """A page of a specification's cells, or of one lot's."""
        asked = query(filters, limit=limit, offset=offset, batch_id=batch_id)
        return self._run(cells.listed(path(SPECS, cell_spec_id, CELLS), CellInstance, asked))

    def create(self, cell_spec_id: str, data: Mapping[str, Any]) -> CellInstance:
        """A new cell; `name` is required. Raises `IonworksError` (409) where it is taken."""
        return self._run(cells.create_cell(cell_spec_id, data))

    def create_or_get(self, cell_spec_id: str, data: Mapping[str, Any]) -> CellInstance:
        """The cell of this name, made where it is not there: see `CellSpecs.create_or_get`."""
        return self._run(cells.create_cell(cell_spec_id, data, get_existing=True))

    def update(self, cell_instance_id: str, data: Mapping[str, Any]) -> CellInstance:
        """The cell, with these fields changed."""
        return self._run(cells.update_cell(cell_instance_id, data))

    def delete(self, cell_instance_id: str) -> None:
        """Delete it and its measurements."""
        self._run(cells.delete(CELLS, cell_instance_id))
