"""IonQ's refusals, each with the words and the `validation` that its envelope asks for."""

from __future__ import annotations

import re
from typing import Literal, TypeVar

import msgspec

from failwell.apis.ionq.contract import IONQ

T = TypeVar("T")

Source = Literal["body", "query", "params"]

_PLACE = re.compile(r"^(?P<what>.*?)(?: - at (?:`key` in )?`\$\.?(?P<where>.*)`)?$", re.DOTALL)
_MEMBER = re.compile(r"(?P<fault>missing required|unknown) field `(?P<name>[^`]+)`")


_WORDS = (
    ("Expected ", "must be "),
    (", got ", ", not "),
    ("Invalid enum value", "has an unknown value"),
    ("Number out of range", "is out of range"),
    ("`", ""),
)
"""What msgspec says, in words that follow the key."""


def bad_request(message: str, key: str | None = None, source: Source = "body") -> Exception:
    """400: this key of the request is bad; None where it is the whole."""
    keys = [] if key is None else [key]
    details = {"keys": keys, "source": source}
    return IONQ.fail("Bad Request", message=message, details=details)


def not_found(what: str) -> Exception:
    """404: `what` is not there."""
    return IONQ.fail("Not Found Error", message=f"{what} not found")


def conflict(message: str) -> Exception:
    """409: it is not in a state for that."""
    return IONQ.fail("Conflict", message=message)


def too_large(message: str) -> Exception:
    """413: more than is allowed."""
    return IONQ.fail("Request Entity Too Large", message=message)


def decoded(body: bytes | msgspec.Raw, cls: type[T], below: str = "") -> T:
    """The JSON as `cls`. Raises a 400 that names the key; `below` is the key that holds it all."""
    try:
        return msgspec.json.decode(body, type=cls)
    except msgspec.ValidationError as error:
        what, key = blamed(str(error), below)
        raise bad_request(f'"{key}" {what}' if key else f"The body {what}", key) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request(f"The body is not JSON: {error}", below or None) from None


def blamed(sentence: str, below: str = "") -> tuple[str, str | None]:
    """What msgspec found wrong, and the key it was wrong about; None where it is the whole."""
    found = _PLACE.match(sentence)
    assert found is not None
    what, where = found["what"], found["where"] or ""
    member = _MEMBER.search(what)
    if member is not None:
        what = "is missing" if member["fault"].startswith("missing") else "is not known"
    parts = [below, where.replace("[...]", ""), member["name"] if member else ""]
    for theirs, ours in _WORDS:
        what = what.replace(theirs, ours)
    return what, ".".join(part for part in parts if part) or None
