"""Files up and down, by `failwell.batch`: what of it is Flow's own.

A file goes up in chunks, each at its offset, with the checksum of the whole; it comes down by a
link that expires, and goes on with another link where one has.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from failwell.apis.flow.client.operations import link_to
from failwell.apis.flow.client.reading import Link, id_of, read
from failwell.apis.flow.contract import FLOW
from failwell.apis.flow.exceptions import GoneError, NotFoundError, ValidationError
from failwell.apis.operation import arun, run
from failwell.batch import OffsetForm, adownload, aupload, download, upload
from failwell.batch.uploads import forget
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.errors import FailwellError, InvalidRequestError
from failwell.model import Failure, Kind

CHUNK = 1_000_000
"""Bytes of a chunk; Flow takes 50 MB at most."""

LINKS = 10
"""Links that a download uses up at most, one after another."""


def form(
    path: str | os.PathLike[str], url: str, fields: Mapping[str, Any], chunk_size: int
) -> OffsetForm:
    """The plan of an upload: each chunk says what the whole is to be, size and MD5 included, so
    that what is too large is refused at once, and what is damaged at its end.

    Raises `InvalidRequestError` for a folder, and for a name with spaces, which Flow does not
    take.
    """
    file = Path(path)
    if any(character.isspace() for character in file.name):
        raise InvalidRequestError.of(f"{file.name!r}: Flow takes no spaces in the names of files")
    if file.is_dir():
        raise InvalidRequestError.of(f"{str(file)!r} is a folder: upload an archive of it")
    digest = _sum_of(file)
    said = {name: str(value) for name, value in fields.items() if value is not None}
    whole = {"md5": digest, "file_size": str(file.stat().st_size)}
    return OffsetForm(url=url, chunk_size=chunk_size, fields={**said, **whole})


async def aform(
    path: str | os.PathLike[str], url: str, fields: Mapping[str, Any], chunk_size: int
) -> OffsetForm:
    """The same, while other tasks go on: a large file takes its time."""
    from anyio import to_thread

    return await to_thread.run_sync(form, path, url, fields, chunk_size)


def about(
    name: str,
    sample_type: str,
    organism: str | None,
    project: object,
    metadata: Mapping[str, str] | None,
) -> dict[str, Any]:
    """What is sent with each chunk of a sample's files."""
    said = {"sample_name": name, "sample_type": sample_type, "organism": organism}
    return {**(metadata or {}), **said, "project": None if project is None else id_of(project)}


class _Told(msgspec.Struct):
    data_id: int
    sample_id: int | None = None


class Pair:
    """The files of one sample on their way: each says which went before, the last one that it is
    the last."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._before: str | None = None

    def fields(self) -> dict[str, Any]:
        """What the next file says of the others."""
        return {"is_last_sample": str(self._left == 1).lower(), "previous_data": self._before}

    def sent(self, answer: httpx2.Response) -> int | None:
        """The id of the sample, once its last file is there."""
        self._left -= 1
        told = read(answer, _Told)
        self._before = str(told.data_id)
        return told.sample_id


def pair(paths: Sequence[object]) -> Pair:
    """The files of one sample. Raises `InvalidRequestError` for none, and for more than two."""
    if not 1 <= len(paths) <= 2:
        raise InvalidRequestError.of(
            f"{len(paths)} files: the reads of a sample are one, or a pair"
        )
    return Pair(len(paths))


def send(
    client: Client, path: str | os.PathLike[str], plan: OffsetForm, *, progress: bool
) -> httpx2.Response:
    """The answer to the last chunk. What Flow has refused begins anew the next time."""
    try:
        return upload(client, path, plan, progress=progress)
    except (ValidationError, NotFoundError):
        forget(path)
        raise


async def asend(
    client: AsyncClient, path: str | os.PathLike[str], plan: OffsetForm, *, progress: bool
) -> httpx2.Response:
    """The answer to the last chunk. What Flow has refused begins anew the next time."""
    try:
        return await aupload(client, path, plan, progress=progress)
    except (ValidationError, NotFoundError):
        forget(path)
        raise


def fetch(client: Client, data: object, path: str | os.PathLike[str], *, progress: bool) -> Path:
    """The file, whole. Where the link expires on the way, the rest is asked for by another."""
    for left in reversed(range(LINKS)):
        link = run(client, link_to(id_of(data)))
        try:
            return download(client, link.url, path, progress=progress, check=_check_of(link))
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
            check = _check_of(link)
            return await adownload(client, link.url, path, progress=progress, check=check)
        except GoneError:
            if not left:
                raise
    raise AssertionError("the last link has raised")


def _check_of(link: Link) -> Callable[[Path], None]:
    """Raises `FlowBadResponseError` for a file that is not the one that Flow speaks of."""

    def check(path: Path) -> None:
        size = path.stat().st_size
        if link.size not in (None, size):
            raise _another(f"it has {size} bytes, and Flow's has {link.size}")
        if link.md5 is not None and (found := _sum_of(path)) != link.md5.lower():
            raise _another(f"its MD5 is {found}, and that of Flow's is {link.md5[:64]}")

    return check


def _another(why: str) -> FailwellError:
    message = f"The file that came is another one: {why}; nothing of it was kept"
    failure = Failure(kind=Kind.BAD_RESPONSE, message=message, api=FLOW.name, method="GET")
    return FLOW.error(failure)


def _sum_of(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "md5").hexdigest()
