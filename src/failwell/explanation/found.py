"""failwell's account of a failure, inside the exception that somebody else has made of it."""

from __future__ import annotations

from typing import Any

from failwell.errors import FailwellError

_DEPTH = 20
"""Exceptions of a chain that are looked at."""


def failure_in(error: BaseException) -> FailwellError | None:
    """What failwell knows of this exception: itself, what it or its answer carries, or what led to
    it.

    An exception of Python's own that arose while another one was handled is a failure for itself:
    only what it was raised `from` counts.
    """
    each: BaseException | None = error
    for _ in range(_DEPTH):
        if each is None or isinstance(each, FailwellError):
            return each
        told = _told_by(each) or _told_by(getattr(each, "response", None))
        if told is not None:
            return told
        is_pythons = type(each).__module__ == "builtins"
        each = each.__cause__ or (None if is_pythons else each.__context__)
    return None


def _told_by(carrier: Any) -> FailwellError | None:
    """The error in the account that failwell has put on an answer, or on an SDK's exception."""
    extensions: Any = getattr(carrier, "extensions", None)
    account: Any = getattr(carrier, "failwell", None)
    if isinstance(extensions, dict):
        account = extensions.get("failwell", account)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    error = getattr(account, "error", None)  # pyright: ignore[reportUnknownArgumentType]
    return error if isinstance(error, FailwellError) else None
