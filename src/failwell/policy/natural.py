"""Is the record that is there already the one that was sent?

It is where it holds what was sent: every member that was declared is in the record with the same
value. What the record holds besides (its id, when it was made, what the server filled in) says
nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from failwell.model import Issue

MOST = 20
"""Differences that are told; more of them help nobody."""


def differences(
    sent: Any, record: Any, compare: Collection[str] | None = None
) -> tuple[Issue, ...]:
    """Where the record is not what was sent; empty where it holds all of it.

    `compare` names the members that count; None stands for all that were sent. A member that was
    sent as null may be missing; numbers are equal by their value (1 and 1.0), lists member by
    member.
    """
    if compare is not None and isinstance(sent, dict):
        members = cast("dict[str, Any]", sent)
        sent = {name: members[name] for name in members if name in compare}
    found: list[Issue] = []
    _compare(sent, record, (), found)
    return tuple(found[:MOST])


def _compare(sent: Any, there: Any, way: tuple[str, ...], found: list[Issue]) -> None:
    if isinstance(sent, dict) and isinstance(there, dict):
        held = cast("dict[str, Any]", there)
        for name, value in cast("dict[str, Any]", sent).items():
            _compare(value, held.get(name), (*way, name), found)
    elif isinstance(sent, list) and isinstance(there, list):
        _compare_lists(cast("list[Any]", sent), cast("list[Any]", there), way, found)
    elif not _is_equal(sent, there):
        found.append(_issue(sent, there, way))


def _compare_lists(
    sent: list[Any], there: list[Any], way: tuple[str, ...], found: list[Issue]
) -> None:
    if len(sent) != len(there):
        found.append(_issue(sent, there, way))
        return
    for place, (ours, theirs) in enumerate(zip(sent, there, strict=True)):
        _compare(ours, theirs, (*way, str(place)), found)


def _is_equal(sent: Any, there: Any) -> bool:
    """Equality as JSON has it: true is not 1."""
    return isinstance(sent, bool) == isinstance(there, bool) and bool(sent == there)


def _issue(sent: Any, there: Any, way: tuple[str, ...]) -> Issue:
    steps = [step.replace("~", "~0").replace("/", "~1") for step in way]
    return Issue(
        message=f"was sent as {_shown(sent)} and is {_shown(there)} there",
        path=".".join(way) or None,
        pointer="".join(f"/{step}" for step in steps),
        code="differs",
        value=there,
    )


def _shown(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:57]}..."
