"""The bodies that MatCraft takes: campaigns as JSON or with an MDL file, datasets, evaluations."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from failwell.apis.matcraft.answers import invalid
from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.matcraft.mdl import (
    Document,
    MalformedError,
    MistakesError,
    Problem,
    parse,
    read,
)

_OVER = ("name", "domain", "description")
"""Fields of a submission that stand over those of its document."""


class Submission(msgspec.Struct, frozen=True):
    """A campaign to be made, and the dataset to start from."""

    problem: Problem
    dataset: str | None


class Upload(msgspec.Struct, frozen=True):
    """A dataset to be kept."""

    name: str
    description: str
    content: bytes


async def submission(request: Request) -> Submission:
    """The campaign in a request. Raises `INVALID_REQUEST` or `VALIDATION_FAILED`."""
    if _is_form(request):
        async with _form(request) as form:
            fields = {key: value for key, value in form.items() if isinstance(value, str)}
            mdl: Any = await _file(form, "mdl_file")
    else:
        fields = decoded(await request.body())
        mdl = fields.get("mdl")
    if mdl is None:
        raise invalid("mdl is required: an object, or a YAML text")
    document = _stated(read_mdl(mdl) if isinstance(mdl, (str, bytes)) else Document(mdl), fields)
    dataset = fields.get("dataset_id")
    if dataset is not None and not isinstance(dataset, str):
        raise invalid("dataset_id must be a text")
    return Submission(_checked(document), dataset)


async def upload(request: Request) -> Upload:
    """The dataset in a request. Raises `INVALID_REQUEST`."""
    if not _is_form(request):
        raise invalid("Send multipart/form-data with the parts file and name")
    async with _form(request) as form:
        name, description = form.get("name"), form.get("description", "")
        content = await _file(form, "file")
    if content is None:
        raise invalid("The part file is required: CSV with a header")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= 128 or not name.isprintable():
        raise invalid("name is required: 1 to 128 printable characters")
    if not isinstance(description, str) or len(description) > 1024:
        raise invalid("description is a text of at most 1024 characters")
    return Upload(name, description, content)


def decoded(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises `INVALID_REQUEST`."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(f"The body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise invalid("The body must be a JSON object")
    return cast("dict[str, Any]", value)


def read_mdl(text: str | bytes) -> Document:
    """The document in a YAML text. Raises `INVALID_REQUEST`."""
    try:
        return read(text)
    except MalformedError as error:
        raise invalid(str(error)) from None


def _stated(document: Document, fields: dict[str, Any]) -> Document:
    """The document, with the fields of the submission over its own."""
    own = document.value
    if not isinstance(own, dict):
        return document
    over = {key: fields[key] for key in _OVER if fields.get(key) is not None}
    value = cast("dict[str, Any]", own) | over
    if value.get("name") is None:
        raise invalid("name is required")
    return Document(value, document.lines)


def _checked(document: Document) -> Problem:
    try:
        return parse(document)
    except MistakesError as error:
        raise MATCRAFT.fail(
            "VALIDATION_FAILED", message=str(error), details=error.details
        ) from None


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


@asynccontextmanager
async def _form(request: Request) -> AsyncGenerator[FormData]:
    """The form in a request; its files are gone afterwards. What is no form is the router's 400."""
    async with request.form(max_files=2, max_fields=10) as form:
        yield form


async def _file(form: FormData, name: str) -> bytes | None:
    part = form.get(name)
    if isinstance(part, UploadFile):
        return await part.read()
    return part.encode("utf-8", "replace") if isinstance(part, str) else None
