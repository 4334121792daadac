"""What the environment says of Flow's address and of a token, where the caller says nothing.

The variables are those of Flow's own command line (flowbio 0.14.1, `cli/_auth.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from failwell.apis import reach
from failwell.apis.keys import is_given, sendable
from failwell.errors import InvalidRequestError

BASE_URL = "https://api.flow.bio"
URL_VARIABLE = "FLOW_API_URL"
TOKEN_VARIABLE = "FLOW_API_TOKEN"
FILE_VARIABLE = "FLOW_TOKEN_FILE"


def address_of(base_url: str | None, environment: Mapping[str, str]) -> str:
    """The address that is given, or the environment's, or Flow's. Raises `InvalidRequestError` for
    one that cannot be."""
    if base_url:
        return reach.address(base_url)
    return reach.address(environment.get(URL_VARIABLE) or BASE_URL, URL_VARIABLE)


def token_of(token: str | None, environment: Mapping[str, str]) -> str | None:
    """The token that is given, or the environment's, or the one in the file that it names.

    Raises `InvalidRequestError` for a file that cannot be read, or that is empty, and for a token
    that no header can carry.
    """
    if is_given(token):
        return sendable(token, "token", "token=")
    said, file = environment.get(TOKEN_VARIABLE), environment.get(FILE_VARIABLE)
    if said or not file:
        return sendable(said, "token", TOKEN_VARIABLE) if said else None
    try:
        kept = Path(file).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise InvalidRequestError.of(f"{FILE_VARIABLE}={file}: {reason}") from None
    if not kept:
        raise InvalidRequestError.of(f"{FILE_VARIABLE}={file}: there is no token in it")
    return kept
