"""How MatCraft's clients reach it: key, base URL and time-outs, from arguments or variables."""

from __future__ import annotations

import os
from typing import Any

from failwell.errors import InvalidRequestError

BASE_URL = "https://api.matcraft.ai/api/v1"
KEY_VARIABLES = ("MATCRAFT_API_KEY", "MATERIA_API_KEY")
URL_VARIABLE = "MATCRAFT_BASE_URL"


def arguments(api_key: str | None, base_url: str | None, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a client over HTTP. Raises `InvalidRequestError` without a usable key."""
    headers = {**given.pop("headers", {}), "Authorization": f"Bearer {_key(api_key)}"}
    address = base_url or os.environ.get(URL_VARIABLE) or BASE_URL
    return {"timeout": 30.0, **given, "base_url": address, "headers": headers}


def _key(api_key: str | None) -> str:
    key = api_key or next(filter(None, map(os.environ.get, KEY_VARIABLES)), None)
    if not key:
        raise InvalidRequestError.of(
            f"There is no API key: give api_key=, or set {' or '.join(KEY_VARIABLES)}",
            advice="Make a key in MatCraft's settings; it begins with mc_live_ or mc_test_.",
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidRequestError.of("The API key holds characters that no API key has")
    return key
