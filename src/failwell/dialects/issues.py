"""The single problems inside a failure, read from whichever list an API puts them in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import quote, unquote

import msgspec

from failwell.model import Failure, Issue, read_json

MOST = 100
"""Issues that are read of one failure."""

_LONGEST = 4096
"""Characters of a pointer that are decoded."""

_PATHS = ("path", "field", "param", "property", "propertyPath")
_STEP = r"([^.\[\]]+)|\[(\d+)\]"


def read(items: Any, *, bare: bool = False) -> tuple[Issue, ...]:
    """The issues that a decoded list spells; what is not an issue is passed over.

    Knows FastAPI's `loc`/`msg`/`type`, RFC 9457's `pointer`/`detail`, `path` or `field` with
    `message` and `value`, the `property` and `constraints` of class-validator, bare strings, and an
    object of fields with a list of strings each, or a `bare` string.
    """
    if isinstance(items, dict):
        return tuple(_by_field(cast("dict[str, Any]", items), bare=bare))[:MOST]
    if not isinstance(items, list):
        return ()
    found = (_issue(item) for item in cast("list[Any]", items)[:MOST])
    return tuple(issue for issue in found if issue is not None)


def read_raw(items: bytes) -> tuple[Issue, ...]:
    """The issues that the JSON of a list spells; of anything else none. Of a long list no more is
    decoded than is read."""
    if items[:1] != b"[":
        return ()
    try:
        listed = _list.decode(items)
    except (msgspec.DecodeError, RecursionError):
        return ()
    return read([read_json(bytes(item)) for item in listed[:MOST]])


def details_of(failure: Failure) -> Any:
    """What a body says beside code and message: the details as they are, else the issues, which
    `read` reads again; None where there are neither."""
    if failure.details_json:
        return msgspec.Raw(failure.details_json)
    return [msgspec.to_builtins(issue) for issue in failure.issues] or None


_list = msgspec.json.Decoder(list[msgspec.Raw])


def _by_field(fields: dict[str, Any], *, bare: bool) -> Iterator[Issue]:
    for path, listed in fields.items():
        if bare and isinstance(listed, str):
            listed = [listed]
        sentences = cast("list[Any]", listed) if isinstance(listed, list) else []
        if all(isinstance(sentence, str) and sentence.strip() for sentence in sentences):
            for sentence in sentences[:MOST]:
                yield Issue(message=sentence, path=path, pointer=pointer_of(path))


def _issue(item: Any) -> Issue | None:
    if isinstance(item, str):
        return Issue(message=item) if item.strip() else None
    if not isinstance(item, dict):
        return None
    fields = cast("dict[str, Any]", item)
    message = _first(fields, "message", "msg", "detail", "reason", "title") or _broken(fields)
    if message is None:
        return None
    where = fields.get("loc")
    path = _dotted(where) if isinstance(where, list) else _first(fields, *_PATHS)
    pointer = _first(fields, "pointer")
    if pointer is not None:
        pointer = unquote(pointer[1:_LONGEST]) if pointer.startswith("#") else pointer
    elif isinstance(where, list):
        pointer = joined(cast("list[Any]", where))
    elif path is not None:
        pointer = pointer_of(path)
    return Issue(
        message=message,
        path=path,
        pointer=pointer,
        code=_first(fields, "code", "type"),
        value=fields.get("value"),
    )


def _broken(fields: dict[str, Any]) -> str | None:
    """The constraints that a property breaks, as class-validator (NestJS) lists them."""
    told = fields.get("constraints")
    said = cast("dict[str, Any]", told).values() if isinstance(told, dict) else ()
    return "; ".join(sentence for sentence in said if isinstance(sentence, str)) or None


def pointer_of(path: str) -> str:
    """The JSON pointer (RFC 6901) of a path like `parameters[0].bounds`."""
    return joined([name or int(index) for name, index in re.findall(_STEP, path)])


def fragment_of(pointer: str) -> str:
    """A JSON pointer as a URI fragment (RFC 6901 section 6), as RFC 9457's example has it."""
    return "#" + quote(pointer, safe="/~!$&'()*+,;=:@?")


def joined(steps: list[Any]) -> str:
    """The JSON pointer (RFC 6901) of these names and indices."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def _dotted(steps: Any) -> str:
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path.removeprefix(".")


def _first(fields: dict[str, Any], *names: str) -> str | None:
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value.strip():
            return value
    return None
