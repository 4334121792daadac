"""stamina: retries with jitter, and a time limit."""

from __future__ import annotations

from typing import Any

import stamina

from bench.peers import MANY, refused

stamina.instrumentation.set_on_retry_hooks([])  # it would log each of hundreds of retries

patient = refused.patient(
    lambda seconds: stamina.retry(on=refused.RefusedError, attempts=MANY, timeout=seconds)
)


def stack(function: Any) -> Any:
    """Retry is all that it has."""
    return stamina.retry(on=OSError)(function)
