"""tenacity: retries, with pybreaker where there is to be a breaker."""

from __future__ import annotations

from typing import Any

import pybreaker
import tenacity

from bench.peers import refused

patient = refused.patient(
    lambda seconds: tenacity.retry(
        wait=tenacity.wait_random_exponential(max=8),
        stop=tenacity.stop_after_delay(seconds),
    )
)


def stack(function: Any) -> Any:
    """Retry around pybreaker, which is sync alone."""
    both = pybreaker.CircuitBreaker()(function)
    return tenacity.retry(stop=tenacity.stop_after_attempt(5))(both)
