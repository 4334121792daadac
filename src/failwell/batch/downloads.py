"""A large file fetched; what broke goes on at the byte where it broke, if it is the same file."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

from failwell import redaction
from failwell.batch.partial import Check, Partial
from failwell.batch.patience import Patience
from failwell.batch.progress import Bar, bar
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.errors import APIError, FailwellError
from failwell.settings import Options

_ANY = {"failwell": Options(expect="any")}


def download(
    client: Client,
    url: str,
    path: str | os.PathLike[str],
    *,
    progress: bool = True,
    check: Check | None = None,
) -> Path:
    """Fetch `url` into the file `path`, which is there whole or not at all; its path.

    It grows in `<path>.part`. Where it breaks, in this call or in an earlier process, the rest is
    asked for (`Range`, with the strong `ETag` in `If-Range`); a file that has changed meanwhile, or
    whose server gives no strong tag, is fetched from its beginning. It is tried again as the
    client's `Retry` says, counted anew whenever it has come further than before. `check` gets the
    whole file before it takes its place; where it raises, as over a checksum, nothing is kept.

    Raises `FailwellError` where it cannot go on.
    """
    part, patience = Partial(Path(path), _name(client, url)), Patience(client.policy.retry)
    with bar(None, part.path.name, shown=progress, in_bytes=True) as shown:
        while True:
            try:
                _fetch(client, url, part, shown)
                break
            except FailwellError as error:
                wait = _wait(error, part, patience)
            time.sleep(wait)
    part.finish(check)
    return part.path


async def adownload(
    client: AsyncClient,
    url: str,
    path: str | os.PathLike[str],
    *,
    progress: bool = True,
    check: Check | None = None,
) -> Path:
    """Fetch `url` into the file `path`, which is there whole or not at all; its path. As
    `download`."""
    import anyio
    import anyio.to_thread

    part, patience = Partial(Path(path), _name(client, url)), Patience(client.policy.retry)
    with bar(None, part.path.name, shown=progress, in_bytes=True) as shown:
        while True:
            try:
                await _afetch(client, url, part, shown)
                break
            except FailwellError as error:
                wait = _wait(error, part, patience)
            await anyio.sleep(wait)
    await anyio.to_thread.run_sync(part.finish, check)
    return part.path


def _fetch(client: Client, url: str, part: Partial, shown: Bar) -> None:
    with client.stream("GET", url, headers=part.asks(), extensions=_ANY) as answer:
        if not part.begin(answer.status_code, answer.headers):
            return
        shown.restart(part.size, part.total)
        for chunk in answer.iter_bytes():
            part.write(chunk)
            shown.advance(len(chunk))


async def _afetch(client: AsyncClient, url: str, part: Partial, shown: Bar) -> None:
    import anyio.to_thread

    async with client.stream("GET", url, headers=part.asks(), extensions=_ANY) as answer:
        if not part.begin(answer.status_code, answer.headers):
            return
        shown.restart(part.size, part.total)
        async for chunk in answer.aiter_bytes():
            await anyio.to_thread.run_sync(part.write, chunk)
            shown.advance(len(chunk))


def _wait(error: FailwellError, part: Partial, patience: Patience) -> float:
    """Seconds until it goes on. Raises the error where it does not: an answer that never began
    has had the client's own retries."""
    patience.reach(part.size)
    if isinstance(error, APIError) and error.status_code == 416 and part.size:
        part.drop()
        return 0.0
    wait = patience.wait(error, random.random()) if part.has_begun else None
    if wait is None:
        raise error
    return wait


def _name(client: Client | AsyncClient, url: str) -> str:
    """What the file is known by, without the secrets of its URL."""
    return redaction.url(str(client.build_request("GET", url).url))
