"""API keys, as clients are given them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from failwell.errors import InvalidRequestError


def api_key(given: str | None, variables: Sequence[str], advice: str) -> str:
    """The key, given or in one of the environment's variables; `advice` says where one is made.

    Raises `InvalidRequestError`, a `ValueError`, where there is none, or one that cannot be.
    """
    key = given or next(filter(None, map(os.environ.get, variables)), None)
    if not key:
        told = f"There is no API key: give api_key=, or set {' or '.join(variables)}"
        raise InvalidRequestError.of(told, advice=advice)
    return sendable(key)


def sendable(credential: str, what: str = "API key") -> str:
    """The credential. Raises `InvalidRequestError` for one that a header field cannot carry; it is
    not shown."""
    # A caller's variable, which may be anything.
    if not isinstance(credential, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidRequestError.of(f"The {what} is a {type(credential).__name__}: give a string")
    if not credential.isascii() or not credential.isprintable() or " " in credential:
        raise InvalidRequestError.of(f"The {what} holds characters that no {what} has")
    return credential
