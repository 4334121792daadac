"""A read for the peers that know functions and not HTTP: what to retry is raised."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx2

from bench.peers import AsyncRead, Patient, Read, Reading

RETRIED = (429, 503)


class RefusedError(Exception):
    """A status that a peer is told to retry; some read `retry_after` (s)."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(response.status_code)
        self.retry_after = float(response.headers.get("Retry-After", "0"))


def patient(wrap: Callable[[float], Callable[[AsyncRead], AsyncRead]]) -> Patient:
    """A bare read of httpx2 inside what `wrap` makes of the seconds that a call may take."""

    @asynccontextmanager
    async def reading(url: str, seconds: float) -> AsyncIterator[AsyncRead]:
        async with httpx2.AsyncClient(base_url=url, trust_env=False, verify=False) as client:

            async def read() -> httpx2.Response:
                return _read(await client.get("/"))

            yield wrap(seconds)(read)

    return reading


def reading(wrap: Callable[[Read], Read]) -> Reading:
    """A bare read of httpx2 inside `wrap`."""

    @contextmanager
    def wrapped(url: str) -> Iterator[Read]:
        with httpx2.Client(base_url=url, trust_env=False, verify=False) as client:
            yield wrap(lambda: _read(client.get("/")))

    return wrapped


def _read(response: httpx2.Response) -> httpx2.Response:
    if response.status_code in RETRIED:
        raise RefusedError(response)
    return response
