"""A failure in plain words: what happened, did it take effect, was it charged, what now.

`str()` of an `Explanation` is for people; its members, or `to_dict()`, are for machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from failwell.explanation.group import of_group
from failwell.explanation.record import Explanation, Trouble
from failwell.explanation.single import of_any

__all__ = ["Explanation", "Trouble", "explain"]


def explain(error: BaseException, *, fields: Mapping[str, str] | None = None) -> Explanation:
    """What this failure means for whoever met it; of a group, what its causes mean together.

    `fields` gives the caller's own name for a path of the API's (`{"parameters": "search space"}`
    also names what is below it).

    Of an exception that an SDK over failwell has raised it tells what led to it; of one that has
    nothing to do with an API it says so. Raises `TypeError` for what is no exception.
    """
    if not isinstance(error, BaseException):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"explain() reads exceptions, not {type(error).__name__}")
    if isinstance(error, ExceptionGroup):
        return of_group(cast("ExceptionGroup[Exception]", error), fields or {})
    return of_any(error, fields or {})
