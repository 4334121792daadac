"""nopanic: policies around a function, which it composes; it can be told the quota."""

from __future__ import annotations

from typing import Any

import nopanic

from bench.peers import MANY, refused
from bench.quota_server import BURST, RATE

patient = refused.patient(
    lambda seconds: nopanic.compose(
        nopanic.retry(
            MANY,
            on=(refused.RefusedError, nopanic.CircuitOpen),
            backoff=nopanic.backoff.full_jitter(cap=1.0),
            max_time=seconds,
        ),
        nopanic.rate_limit(RATE, burst=BURST),
        nopanic.circuit_breaker(reset_timeout=0.5),
    )
)
"""Waits until its breaker lets a probe through. No budget: it would show errors, which the row is
to have none of."""

budgeted = refused.reading(
    lambda read: nopanic.retry(
        4, on=refused.RefusedError, budget=nopanic.RetryBudget(ratio=0.1), backoff=0.001
    )(read)
)
"""With the budget of its own example; its waits are cut short, so that the run ends."""


def stack(function: Any) -> Any:
    """Retry, budget, breaker, limit and deadline: all that a failwell guard has."""
    return nopanic.compose(
        nopanic.retry(5, budget=nopanic.RetryBudget(), max_time=30.0),
        nopanic.circuit_breaker(),
        nopanic.rate_limit(1e9),
    )(function)
