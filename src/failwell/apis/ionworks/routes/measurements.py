"""Cell measurements: their records, steps, cycles and files."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from failwell.apis.ionworks import queries, schemas
from failwell.apis.ionworks.access import key_of
from failwell.apis.ionworks.bodies import answer, nothing
from failwell.apis.ionworks.contract import IONWORKS
from failwell.apis.ionworks.house import Handlers, House, origin
from failwell.apis.ionworks.named import Row
from failwell.apis.ionworks.routes.cells import changed, instance_of
from failwell.apis.ionworks.storage import SERIES, STEPS, folder_of

_YES = ("true", "1")


class Measurements:
    """The routes of measurements; a name is unique in its cell."""

    def __init__(self, house: House) -> None:
        self._house = house

    def handlers(self) -> Handlers:
        """Its routes, by operation."""
        return {
            "list_measurements": self.page,
            "create_measurement": self.create,
            "get_measurement": self.get,
            "update_measurement": self.update,
            "delete_measurement": self.delete,
            "get_steps_and_cycles": self.steps_and_cycles,
            "get_cycles": self.cycles,
            "download_series": self.series,
            "download_steps": self.steps,
            "list_files": self.files,
            "download_file": self.file,
        }

    async def page(self, request: Request) -> Response:
        """A page of a cell's measurements."""
        given = request.query_params
        query = queries.read(given).where("scope = ?", instance_of(self._house, request).id)
        if "measurement_type" in given:
            query.where("json_extract(fields, '$.measurement_type') = ?", given["measurement_type"])
        found = self._house.measurements.page(query)
        return answer(queries.whole([shown(self._house, row) for row in found.items], found.total))

    async def create(self, request: Request) -> Response:
        """A new measurement that is properties alone: nothing to upload."""
        cell = instance_of(self._house, request)
        new = await self._house.body(request, schemas.NewProperties)
        check_channel(schemas.fields_of(new))
        fields = schemas.fields_of(new)
        row = self._house.measurements.add(cell.project, cell.id, new.name, fields)
        return answer(shown(self._house, row), 201)

    async def get(self, request: Request) -> Response:
        """One measurement; its steps and its time series where they are asked for."""
        row = measurement_of(self._house, request)
        data, asked = shown(self._house, row), request.query_params
        if asked.get("include_steps", "").lower() in _YES:
            data["steps"] = self._derived(row)["steps"]
        if asked.get("include_time_series", "").lower() in _YES:
            data["time_series"] = await self._columns(row)
        return answer(data)

    async def update(self, request: Request) -> Response:
        """Change what is given."""
        row = measurement_of(self._house, request)
        changes = await self._house.body(request, schemas.MeasurementChanges)
        check_channel({**row.fields, **schemas.fields_of(changes)})
        return answer(shown(self._house, changed(self._house.measurements, row, changes)))

    async def delete(self, request: Request) -> Response:
        """Delete the measurement and its files."""
        row = measurement_of(self._house, request)
        self._house.measurements.remove(row)
        self._house.storage.remove(folder_of(row.id))
        return nothing()

    async def steps_and_cycles(self, request: Request) -> Response:
        """The steps and the cycles, by column."""
        return answer(self._derived(measurement_of(self._house, request)))

    async def cycles(self, request: Request) -> Response:
        """The cycles, by column."""
        derived = self._derived(measurement_of(self._house, request))
        return answer({"cycles": derived["cycles"]})

    async def series(self, request: Request) -> Response:
        """The way to the time series' file."""
        return self._to(request, SERIES)

    async def steps(self, request: Request) -> Response:
        """The way to the steps' file."""
        return self._to(request, STEPS)

    async def files(self, request: Request) -> Response:
        """The names of the files of a measurement that consists of files."""
        row = measurement_of(self._house, request)
        return answer({"filenames": row.fields.get("filenames", [])})

    async def file(self, request: Request) -> Response:
        """The way to one of those files."""
        row = measurement_of(self._house, request)
        names, wanted = row.fields.get("filenames", []), request.path_params["filename"]
        if wanted not in names:
            raise IONWORKS.fail("NOT_FOUND", message=f"There is no file {wanted[:80]!r}")
        path = f"{folder_of(row.id)}/{filed_as(row.fields['measurement_type'], wanted, names)}"
        return RedirectResponse(self._house.storage.link(origin(request), "GET", path)[0], 307)

    def _to(self, request: Request, filename: str) -> Response:
        row = measurement_of(self._house, request)
        path = f"{folder_of(row.id)}/{filename}"
        if not self._house.storage.file(path).exists():
            raise IONWORKS.fail("NOT_FOUND", message=f"This measurement has no {filename} yet")
        return RedirectResponse(self._house.storage.link(origin(request), "GET", path)[0], 307)

    def _derived(self, row: Row) -> dict[str, msgspec.Raw]:
        found = self._house.records.row("SELECT * FROM processing WHERE measurement = ?", row.id)
        if found is None or found["steps"] is None:
            status = "properties or files" if found is None else found["status"]
            raise IONWORKS.fail("NOT_FOUND", message=f"There are no steps: it is {status}")
        return {name: msgspec.Raw(found[name].encode()) for name in ("steps", "cycles")}

    async def _columns(self, row: Row) -> dict[str, Any] | None:
        path = self._house.storage.file(f"{folder_of(row.id)}/{SERIES}")
        return await anyio.to_thread.run_sync(_read, path) if path.exists() else None


def _read(path: Any) -> dict[str, Any] | None:
    import polars as pl

    try:
        return pl.read_parquet(path).to_dict(as_series=False)
    except pl.exceptions.PolarsError:
        return None


def filed_as(kind: str, filename: str, filenames: list[str]) -> str:
    """What a file is called in its folder: by its number, for callers choose odd names."""
    return filename if kind == "time_series" else f"file-{filenames.index(filename)}"


def measurement_of(house: House, request: Request) -> Row:
    """The measurement that the path names. Raises the 404."""
    return house.measurements.get(request.path_params["id"], key_of(request).projects)


def check_channel(fields: dict[str, Any]) -> None:
    """Raises the 400 for a run on a channel that says not when it began."""
    if fields.get("channel_id") is not None and fields.get("start_time") is None:
        raise IONWORKS.fail("BAD_REQUEST", message="A channel_id needs a start_time")


def shown(house: House, row: Row) -> dict[str, Any]:
    """The measurement as it is given, with how far its processing is."""
    found = house.records.row("SELECT * FROM processing WHERE measurement = ?", row.id)
    status, error = ("ready", None) if found is None else (found["status"], found["error"])
    return {
        "measurement_type": "time_series",
        "tags": [],
        **row.shown("cell_instance_id"),
        "processing_status": status,
        "processing_error": error,
    }
