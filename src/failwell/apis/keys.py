"""API keys, as clients are given them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from failwell.errors import InvalidRequestError


def api_key(given: str | None, variables: Sequence[str], advice: str) -> str:
    """The key, given or in one of the environment's variables; `advice` says where one is made.

    Raises `InvalidRequestError`, a `ValueError`, where there is none, or one that cannot be.
    """
    if is_given(given):
        return sendable(given, argument="api_key=")
    for variable in variables:
        if found := os.environ.get(variable):
            return sendable(found, argument=variable)
    told = f"There is no API key: give api_key=, or set {' or '.join(variables)}"
    raise InvalidRequestError.of(told, advice=advice)


def is_given(credential: object) -> bool:
    """Whether there is one: an empty variable of a configuration is none."""
    return credential is not None and credential != ""


def sendable(credential: object, what: str = "API key", argument: str | None = None) -> str:
    """The credential. Raises `InvalidRequestError` for one that a header field cannot carry, which
    names the `argument` that it came by; it is not shown."""
    by = f" ({argument})" if argument else ""
    if not isinstance(credential, str):
        kind = type(credential).__name__
        raise InvalidRequestError.of(f"The {what}{by} is a {kind}: give a string")
    if not credential.isascii() or not credential.isprintable() or " " in credential:
        raise InvalidRequestError.of(f"The {what}{by} holds characters that no {what} has")
    return credential
