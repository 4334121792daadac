"""httpware: a client on httpx2 with retries, which obey `Retry-After`, and a budget."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpware
import httpx2
from httpware.middleware.resilience import AsyncRetry, AsyncTimeout, Retry, RetryBudget

from bench.peers import MANY, AsyncRead, Read

logging.getLogger("httpware").addHandler(logging.NullHandler())  # it warns of each refusal


def over(mock: httpx2.MockTransport, *, sync: bool) -> Any:
    if sync:
        return httpware.Client(httpx2_client=httpx2.Client(transport=mock), middleware=[Retry()])
    bare = httpx2.AsyncClient(transport=mock)
    return httpware.AsyncClient(httpx2_client=bare, middleware=[AsyncRetry()])


@asynccontextmanager
async def patient(url: str, seconds: float) -> AsyncIterator[AsyncRead]:
    """A deadline around its retries, and a budget so wide that it refuses none: with its own, of
    100 in 10 s and a fifth of the calls, nearly all calls of the outage end as errors."""
    wide = RetryBudget(min_retries_per_sec=1e6)
    retry = AsyncRetry(max_attempts=MANY, base_delay=1.0, max_delay=8.0, budget=wide)
    bare = httpx2.AsyncClient(base_url=url, trust_env=False, verify=False)
    around = (AsyncTimeout(timeout=seconds), retry)
    async with bare, httpware.AsyncClient(httpx2_client=bare, middleware=around) as client:
        yield lambda: client.get("/")


@contextmanager
def budgeted(url: str) -> Iterator[Read]:
    """As it comes, budget and all; its waits are cut short, so that the run ends."""
    bare = httpx2.Client(base_url=url, trust_env=False, verify=False)
    middleware = [Retry(base_delay=0.001)]
    with bare, httpware.Client(httpx2_client=bare, middleware=middleware) as client:
        yield lambda: client.get("/")
