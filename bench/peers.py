"""The peers, as their documentation sets them up to retry, over the mock transports."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import httpware
import httpx
import httpx2
import httpx_retries
from httpware.middleware.resilience import AsyncRetry, Retry

CLIENTWRIGHT = importlib.util.find_spec("clientwright") is not None
"""clientwright needs Python 3.12; elsewhere its row says so."""


def httpware_over(mock: httpx2.MockTransport, *, sync: bool) -> Any:
    if sync:
        return httpware.Client(httpx2_client=httpx2.Client(transport=mock), middleware=[Retry()])
    bare = httpx2.AsyncClient(transport=mock)
    return httpware.AsyncClient(httpx2_client=bare, middleware=[AsyncRetry()])


def clientwright_over(mock: httpx2.MockTransport, *, sync: bool) -> Any:
    clientwright: Any = importlib.import_module("clientwright")
    build = clientwright.build_sync if sync else clientwright.build
    client = build("httpx2", clientwright.ClientConfig(service_name="bench"))
    client._transport._inner = mock
    return client


def httpx_retries_over(mock: httpx.MockTransport, *, sync: bool) -> Any:
    transport = httpx_retries.RetryTransport(mock)
    return httpx.Client(transport=transport) if sync else httpx.AsyncClient(transport=transport)
