"""A failure in plain words: what happened, did it take effect, was it charged, what now.

`str()` of an `Explanation` is for people; its members, or `to_dict()`, are for machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from failwell.errors import FailwellError
from failwell.explanation.group import of_group
from failwell.explanation.record import Explanation, Trouble
from failwell.explanation.single import of_error

__all__ = ["Explanation", "Trouble", "explain"]


def explain(error: Exception, *, fields: Mapping[str, str] | None = None) -> Explanation:
    """What this failure means for whoever met it; of a group, what its causes mean together.

    `fields` gives the caller's own name for a path of the API's (`{"parameters": "search space"}`
    also names what is below it).

    Raises `TypeError` for an exception that is neither failwell's nor a group.
    """
    if isinstance(error, FailwellError):
        return of_error(error, fields or {})
    if isinstance(error, ExceptionGroup):
        return of_group(cast("ExceptionGroup[Exception]", error), fields or {})
    raise TypeError(f"explain() reads failwell's exceptions and groups, not {type(error).__name__}")
