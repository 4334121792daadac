"""Is Ionworks up, and who am I?"""

from __future__ import annotations

from typing import Any

from failwell.apis.ionworks.client import answered
from failwell.apis.operation import Ask, Operation


def health() -> Operation[dict[str, Any]]:
    """What runs."""
    response, _ = yield from Ask("GET", "healthz")
    return answered.read(response, dict[str, Any])


def whoami() -> Operation[dict[str, Any]]:
    """Whose credential this is."""
    response, _ = yield from Ask("GET", "users/me")
    return answered.read(response, dict[str, Any])
