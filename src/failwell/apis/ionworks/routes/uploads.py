"""Uploads in three acts: ask for signed links, put the files there, confirm.

Nothing is recorded as a measurement before the third.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from failwell.apis.ionworks import schemas
from failwell.apis.ionworks.access import key_of
from failwell.apis.ionworks.bodies import answer, checked, invalid
from failwell.apis.ionworks.contract import IONWORKS
from failwell.apis.ionworks.house import Handlers, House, origin
from failwell.apis.ionworks.named import Row
from failwell.apis.ionworks.records import minted
from failwell.apis.ionworks.routes.cells import instance_of
from failwell.apis.ionworks.routes.measurements import check_channel, filed_as, shown
from failwell.apis.ionworks.solver import DeriveTask
from failwell.apis.ionworks.storage import SERIES, STEPS, folder_of

_UPLOADED = re.compile(r"measurements/(?P<id>[0-9a-f-]{36})/.+")


class Uploads:
    """The routes by which files come and go."""

    def __init__(self, house: House) -> None:
        self._house = house

    def handlers(self) -> Handlers:
        """Its routes, by operation."""
        return {
            "initiate_upload": self.initiate,
            "confirm_upload": self.confirm,
            "put_file": self.put,
            "get_file": self.get,
        }

    async def initiate(self, request: Request) -> Response:
        """Signed links for the files of a new measurement, whose name is free."""
        cell = instance_of(self._house, request)
        new = await self._house.body(request, schemas.NewUpload)
        measurement = checked(new.measurement, schemas.NewMeasurement, ("body", "measurement"))
        names = self._filenames(new)
        self._house.measurements.refuse_twin(cell.id, measurement.name)
        identifier = minted()
        self._house.records.insert(
            "uploads",
            id=identifier,
            instance=cell.id,
            kind=new.measurement_type,
            filenames=msgspec.json.encode(names).decode(),
        )
        links = [self._link(request, identifier, new.measurement_type, n, names) for n in names]
        return answer({"measurement_id": identifier, "uploads": links})

    def _filenames(self, new: schemas.NewUpload) -> list[str]:
        if new.measurement_type == "time_series":
            return [SERIES, STEPS]
        names = new.filenames if isinstance(new.filenames, list) else []
        if not names or len(set(names)) < len(names):
            raise invalid(("body", "filenames"), "Name each file once")
        return names

    def _link(
        self, request: Request, identifier: str, kind: str, name: str, names: list[str]
    ) -> dict[str, Any]:
        path = f"{folder_of(identifier)}/{filed_as(kind, name, names)}"
        url, token = self._house.storage.link(origin(request), "PUT", path)
        return {"filename": name, "signed_url": url, "token": token, "path": path}

    async def put(self, request: Request) -> Response:
        """Keep the file that a signed link stands for; no key is needed."""
        path = request.path_params["path"]
        self._house.storage.check("PUT", path, request.query_params.get("token", ""))
        found = _UPLOADED.fullmatch(path)
        identifier = found["id"] if found else ""
        if self._house.records.row("SELECT 1 FROM uploads WHERE id = ?", identifier) is None:
            raise IONWORKS.fail("GONE", message="This upload has been confirmed already")
        size = await self._house.storage.put(path, request.stream())
        return answer({"path": path, "size": size})

    async def get(self, request: Request) -> Response:
        """The file that a signed link stands for, whole or a range of it."""
        path = request.path_params["path"]
        self._house.storage.check("GET", path, request.query_params.get("token", ""))
        self._house.records.row("SELECT 1")  # the files are as good as the database
        file = self._house.storage.file(path)
        if not file.exists():
            raise IONWORKS.fail("NOT_FOUND", message="This file is there no more")
        return FileResponse(file, media_type="application/octet-stream")

    async def confirm(self, request: Request) -> Response:
        """Make the measurement; the solver works out its steps afterwards."""
        identifier = request.path_params["id"]
        body = await self._house.body(request, schemas.Confirmation)
        new = checked(body.measurement, schemas.NewMeasurement, ("body", "measurement"))
        cell = self._house.instances.get(body.cell_instance_id, key_of(request).projects)
        check_channel(schemas.fields_of(new))
        kind, names = self._uploaded(identifier, cell)
        if kind != body.measurement_type:
            raise invalid(("body", "measurement_type"), f"The upload was begun as {kind}")
        fields = {**schemas.fields_of(new), "measurement_type": kind}
        if kind == "file":
            fields["filenames"] = names
        with self._house.records.transaction():
            row = self._house.measurements.add(cell.project, cell.id, new.name, fields, identifier)
            self._house.records.write("DELETE FROM uploads WHERE id = ?", identifier)
            if kind == "time_series":
                self._process(row)
        self._house.dispatch.nudge()
        return answer({**shown(self._house, row), "steps_created": 0}, 201)

    def _uploaded(self, identifier: str, cell: Row) -> tuple[str, list[str]]:
        """The kind and the files of an upload that is complete."""
        row = self._house.records.row(
            "SELECT * FROM uploads WHERE id = ? AND instance = ?", identifier, cell.id
        )
        if row is None:
            self._refuse_repeat(identifier, cell)
            raise IONWORKS.fail("NOT_FOUND", message=f"There is no upload {identifier[:80]}")
        kind: str = row["kind"]
        names = msgspec.json.decode(row["filenames"], type=list[str])
        for name in [SERIES] if kind == "time_series" else names:
            path = f"{folder_of(identifier)}/{filed_as(kind, name, names)}"
            if not self._house.storage.file(path).exists():
                raise IONWORKS.fail("BAD_REQUEST", message=f"{name} has not been uploaded")
        return kind, names

    def _refuse_repeat(self, identifier: str, cell: Row) -> None:
        sql = "SELECT id FROM measurements WHERE id = ? AND scope = ?"
        if self._house.records.row(sql, identifier, cell.id) is not None:
            raise IONWORKS.fail(
                "CONFLICT",
                message="This upload has been confirmed already",
                details={"resource": "cell_measurement", "existing_id": identifier},
            )

    def _process(self, row: Row) -> None:
        series, steps = (
            str(self._house.storage.file(f"{folder_of(row.id)}/{name}")) for name in (SERIES, STEPS)
        )
        self._house.records.insert("processing", measurement=row.id, status="pending")
        self._house.jobs.add(row.project, "measurement", row.id, DeriveTask(series, steps))
