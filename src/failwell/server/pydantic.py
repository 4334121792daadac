"""What pydantic found wrong with a request, as issues that give nothing away.

No submitted value leaves, nor what pydantic or a validator derived from one, unless the author has
said of a field that its value is harmless.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, cast, get_args

from pydantic_core.core_schema import ErrorType

from failwell.dialects.issues import MOST, joined
from failwell.model import Issue

_LONGEST = 200
_WINDOW = 4
"""Characters that a validator's own sentence may not share with what was submitted."""

_KNOWN = frozenset(get_args(ErrorType))
_OF_THE_VALIDATOR = {"value_error", "assertion_error"}
_OF_THE_RULE = {
    "class", "class_name", "decimal_places", "discriminator", "encoding", "expected",
    "expected_schemes", "expected_tags", "expected_version", "field_type", "ge", "gt", "le", "lt",
    "max_digits", "max_length", "min_length", "multiple_of", "pattern", "tz_expected",
    "whole_digits",
}  # fmt: skip
"""What a sentence may be filled in with: parts of the rule, none of them of the value."""


def issues_of(
    errors: Iterable[Mapping[str, Any]], body: Any = None, harmless: Collection[str] = ()
) -> tuple[Issue, ...]:
    """The issues of a validation that failed, `MOST` at most.

    The `path` of each begins with where it was (body, query, header, path, cookie); `pointer` is
    there for what was in the JSON `body`. `harmless` holds paths without their indices
    (`body.items.unit`): of these the value is told too.
    """
    return tuple(_issue(error, body, harmless) for error in list(errors)[:MOST])


def _issue(error: Mapping[str, Any], body: Any, harmless: Collection[str]) -> Issue:
    steps = tuple(error.get("loc", ()))
    names = [str(step) for step in steps if not isinstance(step, int)]
    is_harmless = ".".join(names) in harmless
    message = str(error.get("msg", ""))
    return Issue(
        message=message if is_harmless else told(error),
        path=_path(steps)[:_LONGEST] or None,
        pointer=joined(_found(steps[1:], body))[:_LONGEST] if steps[:1] == ("body",) else None,
        code=str(error["type"]) if "type" in error else None,
        value=error.get("input") if is_harmless else None,
    )


def told(error: Mapping[str, Any]) -> str:
    """Pydantic's sentence without what it owes to the value; a validator's own sentence where it
    has nothing in common with the value."""
    message, kind = str(error.get("msg", "")), error.get("type")
    if kind not in _KNOWN or kind in _OF_THE_VALIDATOR:
        shares = any(_shares(message, leaf) for leaf in _leaves(error.get("input")))
        return "Invalid" if shares else message
    context: Mapping[str, Any] = error.get("ctx") or {}
    for name, part in context.items():
        if name not in _OF_THE_RULE:
            message, found = _without(str(part), message)
            if not found:
                return "Invalid"
    return re.sub(r"(, error)?[,:] …$", "", message)


def _without(part: str, message: str) -> tuple[str, bool]:
    pattern = rf"(?<!\w){re.escape(part)}(?!\w)"
    shortened, times = re.subn(pattern, "…", message)
    return shortened, times > 0


def _shares(message: str, leaf: str) -> bool:
    said, leaf = message.casefold(), leaf.casefold()
    if len(leaf) <= _WINDOW:
        return bool(leaf) and re.search(rf"\b{re.escape(leaf)}\b", said) is not None
    return any(leaf[at : at + _WINDOW] in said for at in range(len(leaf) - _WINDOW + 1))


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in cast("Mapping[Any, Any]", value).values():
            yield from _leaves(inner)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for inner in cast("Iterable[Any]", value):
            yield from _leaves(inner)
    elif isinstance(value, bytes):
        yield value.decode("latin-1")
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _path(steps: tuple[Any, ...]) -> str:
    path = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in steps)
    return path.removeprefix(".")


def _found(steps: tuple[Any, ...], body: Any) -> list[Any]:
    """The steps that lead into the body: pydantic adds the names of a union's members to them."""
    here, kept = body, list[Any]()
    for step in steps:
        if (isinstance(here, dict) and step in here) or (
            isinstance(here, list) and isinstance(step, int) and step < len(cast("Any", here))
        ):
            here = cast("Any", here[step])
        elif step is not steps[-1] or not isinstance(here, dict) or str(step).startswith("["):
            continue
        kept.append(step)
    return kept
