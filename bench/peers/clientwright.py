"""clientwright: an engine under the transport of httpx2; it needs Python 3.12."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from bench.peers import MANY, AsyncRead

HERE = importlib.util.find_spec("clientwright") is not None
ABSENT = "needs Python 3.12"
"""What its rows say elsewhere."""


def over(mock: httpx2.MockTransport, *, sync: bool) -> Any:
    clientwright = _library()
    build = clientwright.build_sync if sync else clientwright.build
    client = build("httpx2", clientwright.ClientConfig(service_name="bench"))
    client._transport._inner = mock
    return client


@asynccontextmanager
async def patient(url: str, seconds: float) -> AsyncIterator[AsyncRead]:
    """No budget and no breaker: they would show errors, which the row is to have none of."""
    library = _library()
    retry = library.RetryConfig(
        max_attempts=MANY, initial_backoff=0.5, max_backoff=8.0, budget_ratio=None
    )
    config = library.ClientConfig(
        service_name="bench",
        base_url=url,
        timeout=library.TimeoutConfig(total=seconds),
        retry=retry,
        circuit_breaker=None,
    )
    async with library.build("httpx2", config) as client:

        async def read() -> httpx2.Response:
            response: httpx2.Response = await client.get("/")
            return response.raise_for_status()

        yield read


def _library() -> Any:
    return importlib.import_module("clientwright")
