"""What a client of Flow is made with: its address, its token, and what the environment says of
both."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from failwell.apis.flow.client.reading import User
from failwell.contract import Policy
from failwell.errors import InvalidRequestError

BASE_URL = "https://api.flow.bio"
URL_VARIABLE = "FLOW_API_URL"
TOKEN_VARIABLE = "FLOW_API_TOKEN"
FILE_VARIABLE = "FLOW_TOKEN_FILE"
"""As Flow's own command line calls them (flowbio 0.14.1, `cli/_auth.py`)."""


def arguments_of(base_url: str | None, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the HTTP client: the environment's address where none is given."""
    address = base_url or os.environ.get(URL_VARIABLE) or BASE_URL
    return {"timeout": 60.0, **arguments, "base_url": address}


def token_in(token: str | None, environment: Mapping[str, str]) -> str | None:
    """The token that is given, or the environment's, or the one in the file that it names.

    Raises `InvalidRequestError` for a file that cannot be read, or that is empty.
    """
    said = token or environment.get(TOKEN_VARIABLE)
    file = environment.get(FILE_VARIABLE)
    if said or not file:
        return said or None
    try:
        kept = Path(file).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise InvalidRequestError.of(f"{FILE_VARIABLE}={file}: {reason}") from None
    if not kept:
        raise InvalidRequestError.of(f"{FILE_VARIABLE}={file}: there is no token in it")
    return kept


def described(user: User) -> dict[str, Any]:
    """A user as plain JSON, to be put into a log."""
    return msgspec.structs.asdict(user)


def patience_of(policy: Policy) -> float:
    """Seconds of failed looks that a wait bears; none where the caller has turned retries off."""
    return 0.0 if policy.retry is None else 60.0
