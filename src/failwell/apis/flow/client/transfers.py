"""Files up and down, by `failwell.batch`: what of it is Flow's own.

A file goes up in chunks, each at its offset, with the checksum of the whole; it comes down by a
link that expires, and goes on with another link where one has.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from failwell.apis.flow.exceptions import (
    ExecutionFailedError,
    ExecutionTimeoutError,
    GoneError,
    NotFoundError,
    ValidationError,
)
from failwell.apis.flow.client.operations import link_to
from failwell.apis.flow.client.reading import id_of
from failwell.apis.operation import arun, run
from failwell.batch import OffsetForm, adownload, aupload, download, upload
from failwell.batch.uploads import forget
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.errors import InvalidRequestError
from failwell.job import Job

CHUNK = 1_000_000
"""Bytes of a chunk; Flow takes 50 MB at most."""

LINKS = 10
"""Links that a download uses up at most, one after another."""

EXECUTION = Job(
    url="executions/{id}",
    succeeded=frozenset({"OK"}),
    failed=frozenset({"ERROR"}),
    cancelled=frozenset({"CANCELED"}),
    reason=lambda record: ": ".join(
        str(record[name]) for name in ("failed_process", "error") if record.get(name)
    ),
    code=lambda record: "EXECUTION_FAILED" if record["status"] == "ERROR" else None,
    cancel=("POST", "executions/{id}/cancel"),
    first=0.25,
    cap=10.0,
    name="Execution",
    resume="client.wait({id})",
    failed_error=ExecutionFailedError,
    timeout_error=ExecutionTimeoutError,
)
"""How Flow speaks of an execution."""

IMPORT = Job(
    url="v2/sample-imports/{id}",
    succeeded=frozenset({"COMPLETED"}),
    failed=frozenset({"FAILED"}),
    name="Import",
    resume="client.wait_for_import({id})",
    failed_error=ExecutionFailedError,
    timeout_error=ExecutionTimeoutError,
)
"""How Flow speaks of an import."""


def form(
    path: str | os.PathLike[str], url: str, fields: Mapping[str, Any], chunk_size: int
) -> OffsetForm:
    """The plan of an upload: each chunk says what the whole is to be, size and MD5 included, so
    that what is too large is refused at once, and what is damaged at its end.

    Raises `InvalidRequestError` for a name with spaces, which Flow does not take.
    """
    file = Path(path)
    if not file.name or any(character.isspace() for character in file.name):
        raise InvalidRequestError.of(f"{file.name!r}: Flow takes no spaces in the names of files")
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "md5").hexdigest()
    said = {name: str(value) for name, value in fields.items() if value is not None}
    whole = {"md5": digest, "file_size": str(file.stat().st_size)}
    return OffsetForm(url=url, chunk_size=chunk_size, fields={**said, **whole})


def send(client: Client, path: str | os.PathLike[str], plan: OffsetForm, *, progress: bool) -> Any:
    """The answer to the last chunk. What Flow has refused begins anew the next time."""
    try:
        return upload(client, path, plan, progress=progress).json()
    except (ValidationError, NotFoundError):
        forget(path)
        raise


async def asend(
    client: AsyncClient, path: str | os.PathLike[str], plan: OffsetForm, *, progress: bool
) -> Any:
    """The answer to the last chunk. What Flow has refused begins anew the next time."""
    try:
        return (await aupload(client, path, plan, progress=progress)).json()
    except (ValidationError, NotFoundError):
        forget(path)
        raise


def fetch(client: Client, data: object, path: str | os.PathLike[str], *, progress: bool) -> Path:
    """The file, whole. Where the link expires on the way, the rest is asked for by another."""
    for left in reversed(range(LINKS)):
        link = run(client, link_to(id_of(data)))
        try:
            return download(client, link.url, path, progress=progress)
        except GoneError:
            if not left:
                raise
    raise AssertionError("the last link has raised")


async def afetch(
    client: AsyncClient, data: object, path: str | os.PathLike[str], *, progress: bool
) -> Path:
    """The file, whole. Where the link expires on the way, the rest is asked for by another."""
    for left in reversed(range(LINKS)):
        link = await arun(client, link_to(id_of(data)))
        try:
            return await adownload(client, link.url, path, progress=progress)
        except GoneError:
            if not left:
                raise
    raise AssertionError("the last link has raised")
