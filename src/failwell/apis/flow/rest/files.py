"""Files: uploaded in chunks, described, downloaded by a link."""

from __future__ import annotations

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from failwell.apis.flow.access.guards import user_of
from failwell.apis.flow.desk.content import Chunk
from failwell.apis.flow.desk.desk import Desk
from failwell.apis.flow.desk.fields import number_of
from failwell.apis.flow.desk.samples import Draft
from failwell.apis.flow.records import DataRow, UserRow
from failwell.apis.flow.refusals import invalid, missing, wrong
from failwell.apis.flow.rest.bodies import data_json, id_in

_CHUNK = frozenset({"filename", "expected_file_size", "is_last", "data", "blob", "data_type"})
_ABOUT = frozenset({"is_directory", "md5", "file_size", "is_last_sample", "previous_data"})
_SAMPLE = frozenset({"sample_name", "sample_type", "project", "organism"})
_LIMITS = {"max_files": 2, "max_fields": 200}


class FileRoutes:
    """The routes of files; `base` is the path that the service is under."""

    def __init__(self, desk: Desk, base: str) -> None:
        self._desk = desk
        self._base = base

    async def upload(self, request: Request) -> Response:
        async with request.form(**_LIMITS) as form:
            chunk = await chunk_in(form)
            row = await self._desk.uploads.take(user_of(request.scope), chunk)
        return JSONResponse({"id": str(row.number), "data_id": str(row.number)})

    async def upload_sample(self, request: Request) -> Response:
        user = user_of(request.scope)
        async with request.form(**_LIMITS) as form:
            draft = self._draft(user, form)
            chunk = await chunk_in(form, is_reads=draft.has_reads)
            is_last = _flag(form, "is_last_sample")
            before = self._before(user, form)

            def complete(row: DataRow) -> None:
                if is_last:
                    sample = self._desk.samples.create(user.number, draft)
                    for number in (*before, row.number):
                        self._desk.database.change(DataRow, number, sample=sample.number)

            row = await self._desk.uploads.take(user, chunk, complete)
        sample = None if row.sample is None else str(row.sample)
        number = str(row.number)
        return JSONResponse({"id": number, "data_id": number, "sample_id": sample})

    async def get_data(self, request: Request) -> Response:
        row = self._desk.sharing.found(DataRow, id_in(request), user_of(request.scope))
        return JSONResponse(data_json(self._desk, row))

    async def create_link(self, request: Request) -> Response:
        row = self._desk.sharing.found(DataRow, id_in(request), user_of(request.scope))
        if not row.complete:
            raise invalid(wrong("id", "This file is not whole yet"))
        path, expires = self._desk.links.to(row)
        url = str(request.base_url).rstrip("/") + self._base + path
        about = {"size": row.size, "md5": row.md5}
        return JSONResponse({"url": url, "expires_at": expires, **about}, 201)

    async def download(self, request: Request) -> Response:
        token = request.query_params.get("token")
        filename = request.path_params["filename"]
        row = self._desk.links.opened(id_in(request), filename, token)
        path = self._desk.uploads.path(row.number)
        return FileResponse(path, filename=row.filename, media_type="application/octet-stream")

    def _draft(self, user: UserRow, form: FormData) -> Draft:
        values = {
            name: value
            for name, value in form.items()
            if isinstance(value, str) and value and name not in _CHUNK | _ABOUT
        }
        if "sample_type" not in values:
            raise missing("sample_type", "Sample type is required")
        about = {name: values[name] for name in _SAMPLE if name in values}
        metadata = {name: value for name, value in values.items() if name not in _SAMPLE}
        about["name"] = about.pop("sample_name", "")
        return self._desk.samples.draft(user, {**about, "metadata": metadata})

    def _before(self, user: UserRow, form: FormData) -> list[int]:
        """The files of the sample that have come before this one."""
        numbers = [number_of(one) for one in form.getlist("previous_data") if one]
        for number in numbers:
            row = self._desk.sharing.found(DataRow, number, user, "owner")
            if not row.complete or row.sample is not None:
                raise invalid(wrong("previous_data", "Give whole files that have no sample yet"))
        return [number for number in numbers if number is not None]


async def chunk_in(form: FormData, *, is_reads: bool = False) -> Chunk:
    """The chunk in a form. Raises MISSING_REQUIRED_FIELD or VALIDATION_ERROR."""
    blob = form.get("blob")
    if not isinstance(blob, UploadFile):
        raise missing("blob", "The chunk itself is required, as a file")
    filename = _text(form, "filename") or blob.filename or ""
    data = _text(form, "data")
    return Chunk(
        filename=filename,
        offset=_size(form, "expected_file_size") or 0,
        is_last=_flag(form, "is_last"),
        blob=await blob.read(),
        data=_id(data) if data else None,
        md5=_text(form, "md5") or None,
        file_size=_size(form, "file_size"),
        data_type=_text(form, "data_type") or None,
        is_directory=_flag(form, "is_directory"),
        is_reads=is_reads,
    )


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _flag(form: FormData, name: str) -> bool:
    value = _text(form, name).lower()
    if value not in ("", "true", "false", "1", "0"):
        raise invalid(wrong(name, "Give true or false"))
    return value in ("true", "1")


def _size(form: FormData, name: str) -> int | None:
    value = _text(form, name)
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 15):
        raise invalid(wrong(name, "Give a whole number of bytes"))
    return int(value)


def _id(value: str) -> int:
    number = number_of(value)
    if number is None:
        raise invalid(wrong("data", "Give the id that the first chunk was answered with"))
    return number
