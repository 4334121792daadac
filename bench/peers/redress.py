"""redress: a policy around a function, and a client that puts it around httpx2's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx2
from redress import (
    AsyncPolicy,
    AsyncRetry,
    Budget,
    CircuitBreaker,
    Policy,
    Retry,
    default_classifier,
)
from redress.contrib.httpx import AsyncRetryingHttpxClient, default_result_classifier
from redress.strategies import decorrelated_jitter, retry_after_or

from bench.peers import MANY, AsyncRead


@asynccontextmanager
async def patient(url: str, seconds: float) -> AsyncIterator[AsyncRead]:
    """No budget and no breaker: they would show errors, which the row is to have none of."""
    retry = AsyncRetry(
        classifier=default_classifier,
        result_classifier=default_result_classifier,
        strategy=retry_after_or(decorrelated_jitter(max_s=8.0)),
        max_attempts=MANY,
        deadline_s=seconds,
    )
    async with httpx2.AsyncClient(base_url=url, trust_env=False, verify=False) as bare:
        client: Any = AsyncRetryingHttpxClient(bare, AsyncPolicy(retry=retry))

        async def read() -> object:
            return (await client.get("/")).raise_for_status()

        yield read


def stack(function: Any) -> Any:
    """Retry, budget, breaker and deadline; it has no limit."""
    policy = Policy(retry=Retry(**_settings()), circuit_breaker=CircuitBreaker())
    return partial(policy.call, function)


def async_stack(function: Any) -> Any:
    """The same, awaited."""
    policy = AsyncPolicy(retry=AsyncRetry(**_settings()), circuit_breaker=CircuitBreaker())
    return partial(policy.call, function)


def _settings() -> dict[str, Any]:
    return {
        "classifier": default_classifier,
        "strategy": decorrelated_jitter(max_s=5.0),
        "max_attempts": 5,
        "deadline_s": 30.0,
        "budget": Budget(max_retries=20, window_s=60.0),
    }
