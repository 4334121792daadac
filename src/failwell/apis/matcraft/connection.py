"""How MatCraft's clients reach it: key, base URL and time-outs, from arguments or variables."""

from __future__ import annotations

import os
from typing import Any

from failwell.apis import keys, reach

BASE_URL = "https://api.matcraft.ai/api/v1"
KEY_VARIABLES = ("MATCRAFT_API_KEY", "MATERIA_API_KEY")
URL_VARIABLE = "MATCRAFT_BASE_URL"

_ADVICE = "Make a key in MatCraft's settings; it begins with mc_live_ or mc_test_."


def arguments(api_key: str | None, base_url: str | None, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a client over HTTP. Raises `InvalidRequestError` without a usable key,
    and for an address or a time-out that cannot be."""
    key = keys.api_key(api_key, KEY_VARIABLES, _ADVICE)
    headers = {**given.pop("headers", {}), "Authorization": f"Bearer {key}"}
    patience = reach.timeout(given.pop("timeout", 30.0))
    address = base_url or os.environ.get(URL_VARIABLE) or BASE_URL
    name = "base_url" if base_url else URL_VARIABLE
    whole = {"base_url": reach.address(address, name), "headers": headers}
    return {**given, "timeout": patience, **whole}
