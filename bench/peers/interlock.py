"""interlock-cb: a breaker for sync and async alike, and a pipeline with tenacity's retries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interlock import CircuitBreaker, CircuitOpenError, Config, Pipeline
from interlock.integrations.tenacity import wait_probe
from tenacity import (
    retry,
    retry_if_exception_type,
    stop_after_delay,
    wait_exponential_jitter,
)

from bench.peers import AsyncRead, refused


def _patient(seconds: float) -> Callable[[AsyncRead], AsyncRead]:
    """Its patient mode: a call that the breaker refuses waits until the next probe."""
    config = Config(
        minimum_number_of_calls=5, permitted_calls_in_half_open=1, wait_duration_in_open=0.5
    )
    guard = CircuitBreaker(name="bench", config=config)
    again = retry(
        retry=retry_if_exception_type((refused.RefusedError, CircuitOpenError)),
        wait=wait_probe(wait_exponential_jitter(max=1)),
        stop=stop_after_delay(seconds),
        reraise=True,
    )
    return lambda read: again(guard(read))


patient = refused.patient(_patient)


def stack(function: Any) -> Any:
    """Retry and breaker; it has neither budget nor limit, and its time-out, which runs a sync
    function in a thread of its own, is left out."""
    return Pipeline.builder().retry(attempts=5).circuit_breaker(breaker()).build()(function)


def breaker() -> CircuitBreaker:
    """As it comes."""
    return CircuitBreaker(name="bench")
