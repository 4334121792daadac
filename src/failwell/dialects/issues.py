"""The single problems inside a failure, read from whichever list an API puts them in."""

from __future__ import annotations

import re
from typing import Any, cast

from failwell.model import Issue

MOST = 100
"""Issues that are read of one failure."""

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def read(items: Any) -> tuple[Issue, ...]:
    """The issues that a decoded list spells; what is not an issue is passed over.

    Knows FastAPI's `loc`/`msg`/`type`, RFC 9457's `pointer`/`detail`, `path` or `field` with
    `message` and `value`, and bare strings.
    """
    if not isinstance(items, list):
        return ()
    found = (_issue(item) for item in cast("list[Any]", items)[:MOST])
    return tuple(issue for issue in found if issue is not None)


def _issue(item: Any) -> Issue | None:
    if isinstance(item, str):
        return Issue(message=item)
    if not isinstance(item, dict):
        return None
    fields = cast("dict[str, Any]", item)
    message = _first(fields, "message", "msg", "detail", "reason", "title")
    if message is None:
        return None
    where = fields.get("loc")
    path = _dotted(where) if isinstance(where, list) else _first(fields, "path", "field", "param")
    pointer = _first(fields, "pointer")
    if pointer is not None:
        pointer = pointer.removeprefix("#")
    elif isinstance(where, list):
        pointer = _joined(cast("list[Any]", where))
    elif path is not None:
        pointer = pointer_of(path)
    return Issue(
        message=message,
        path=path,
        pointer=pointer,
        code=_first(fields, "code", "type"),
        value=fields.get("value"),
    )


def pointer_of(path: str) -> str:
    """The JSON pointer (RFC 6901) of a path like `parameters[0].bounds`."""
    return _joined([name or int(index) for name, index in _STEP.findall(path)])


def _joined(steps: list[Any]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def _dotted(steps: Any) -> str:
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path.removeprefix(".")


def _first(fields: dict[str, Any], *names: str) -> str | None:
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value:
            return value
    return None
