"""The exceptions that somebody names as failures."""

from __future__ import annotations

from typing import Any, cast


def exceptions(on: Any) -> tuple[type[Exception], ...]:
    """The classes, given one alone or in a tuple.

    Raises `TypeError` for anything else: it would come to light only when a call fails, and hide
    why.
    """
    named = cast("tuple[Any, ...]", on if isinstance(on, tuple) else (on,))
    if all(isinstance(each, type) and issubclass(each, Exception) for each in named):
        return named
    raise TypeError(f"on={on!r}: name exception classes, such as on=(OSError, TimeoutError)")
