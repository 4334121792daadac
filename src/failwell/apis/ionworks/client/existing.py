"""`create_or_get`: the record that has the name already.

Ionworks' guide promises that record "instead of raising a 409 error", whatever else was given. So
it is given; where it holds something else, a warning says what, for a script would otherwise go on
with a record that is not the one in its text.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from typing import Any, cast

from failwell import redaction
from failwell.errors import ConflictError
from failwell.model import Issue, Outcome


class RecordDiffersWarning(UserWarning):
    """`create_or_get` gives a record that has the name, and is not what was given besides."""


def named_by(clash: ConflictError) -> str | None:
    """The id of the record that has the name, where this 409 tells it and is no more than a
    refusal: after a lost answer it may be ours, and nobody knows which."""
    details = clash.details
    if clash.outcome is not Outcome.NOT_STARTED or not isinstance(details, dict):
        return None
    found = cast("dict[str, Any]", details).get("existing_id")
    return found if isinstance(found, str) and found else None


def warn(kind: str, identifier: str, issues: Sequence[Issue]) -> None:
    """Warn whoever called failwell that the record of this kind differs, and where, if it does."""
    if not issues:
        return
    told = "; ".join(f"{issue.path or 'it'} {issue.message}" for issue in issues)
    message = (
        f"The {kind} of this name is there already ({identifier}), and is not what was given: "
        f"{told}. It is given as it is there: update() it, or choose another name"
    )
    warnings.warn(redaction.text(message), RecordDiffersWarning, stacklevel=_callers_level())


def _callers_level() -> int:
    """How many frames up the first one lies that is not failwell's own."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith("failwell."):
        frame, level = frame.f_back, level + 1
    return level
