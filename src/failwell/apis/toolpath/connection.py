"""How Toolpath's clients reach it: key, base URL and time-out, and how patient their waits are."""

from __future__ import annotations

from typing import Any

from failwell.apis import keys, reach
from failwell.settings import Policy

BASE_URL = "https://app.toolpath.com/api/public/v0"
KEY_VARIABLE = "TOOLPATH_API_KEY"

_ADVICE = "Make a key in Toolpath's settings; it begins with tp_live_."
USUAL = Policy()


def arguments(api_key: str | None, base_url: str, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a client over HTTP. Raises `InvalidRequestError` without a usable key,
    and for an address or a time-out that cannot be."""
    key = keys.api_key(api_key, (KEY_VARIABLE,), _ADVICE)
    headers = {**given.pop("headers", {}), "Authorization": f"Bearer {key}"}
    patience = reach.timeout(given.pop("timeout", 30.0))
    return {**given, "timeout": patience, "base_url": reach.address(base_url), "headers": headers}


def patience(policy: Policy) -> float:
    """Seconds of failed looks that a wait bears; none where the caller has turned retries off."""
    return 0.0 if policy.retry is None else 60.0
