"""httpx-retries: a transport under httpx, with retries that obey `Retry-After`, and no budget."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from httpx_retries import Retry, RetryTransport

from bench.peers import MANY, AsyncRead, Read


def over(mock: httpx.MockTransport, *, sync: bool) -> Any:
    transport = RetryTransport(mock)
    return httpx.Client(transport=transport) if sync else httpx.AsyncClient(transport=transport)


@asynccontextmanager
async def patient(url: str, seconds: float) -> AsyncIterator[AsyncRead]:
    """`total_timeout` is of its waits alone; it has no other deadline."""
    retry = Retry(total=MANY, backoff_factor=0.5, max_backoff_wait=8.0, total_timeout=seconds)
    transport = RetryTransport(httpx.AsyncHTTPTransport(verify=False), retry=retry)
    async with httpx.AsyncClient(base_url=url, transport=transport, trust_env=False) as client:

        async def read() -> httpx.Response:
            return (await client.get("/")).raise_for_status()

        yield read


@contextmanager
def insistent(url: str) -> Iterator[Read]:
    """As it comes: ten retries, one after the other."""
    transport = RetryTransport(httpx.HTTPTransport(verify=False))
    with httpx.Client(base_url=url, transport=transport, trust_env=False) as client:
        yield lambda: client.get("/").raise_for_status()
