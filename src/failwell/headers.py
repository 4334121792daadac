"""Header fields that speak of failure, as `parse_x` and `dump_x` pairs.

A parser takes whatever a hostile peer may send: it returns None for what it cannot read and
never raises, unless its docstring says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

OUTCOME = "Failwell-Outcome"
"""The header in which a failwell server says what became of a failed write."""

LONGEST = 1e9
"""Seconds (about 31 years) at which a wait is no longer told from a longer one."""

_SECONDS = re.compile(r"[ \t]*(-?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)[ \t]*", re.ASCII)
_FAR_YEAR = re.compile(r"\b[0-9]{1,2}[ -][A-Za-z]{3}[ -][0-9]{5,}\b", re.ASCII)
_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


def parse_retry_after(value: str | None, *, date: str | None, now: float) -> float | None:
    """Seconds to wait from now on, so that no retry is earlier than asked; None if unreadable.

    `value` is the field's text: whole or decimal seconds, or an HTTP-date, which is measured
    against the answer's own `date` field where there is one, so that clocks need not agree, and
    against `now` (epoch seconds) otherwise. A past date or a negative number is 0.

    Source: RFC 9110 section 10.2.3; decimals are outside it and in use.
    """
    if value is None:
        return None
    seconds = _SECONDS.fullmatch(value)
    if seconds:
        return 0.0 if seconds[1] else min(float(seconds[2]), LONGEST)
    until = parse_date(value)
    if until is None:
        return LONGEST if _FAR_YEAR.search(value) else None
    answered = parse_date(date) if date else None
    return min(max(until - (now if answered is None else answered), 0.0), LONGEST)


def dump_retry_after(seconds: float) -> str:
    """The field's text: whole seconds, rounded up so that nobody is asked back too early."""
    return str(math.ceil(min(max(seconds, 0.0), LONGEST)))


def parse_date(value: str) -> float | None:
    """An HTTP-date (RFC 9110 section 5.6.7) in epoch seconds."""
    from email.utils import mktime_tz, parsedate_tz

    try:
        fields = parsedate_tz(value[:64])
        return None if fields is None else float(mktime_tz(fields))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def check_idempotency_key(key: str) -> str:
    """The key itself, where it is 1 to 255 visible ASCII characters without a comma.

    Raises `ValueError` that says what is wrong with it.
    """
    if not key:
        raise ValueError("the idempotency key is empty: give 1 to 255 characters, or none at all")
    if len(key) > 255:
        raise ValueError(f"the idempotency key has {len(key)} characters: at most 255 are allowed")
    if not _KEY.fullmatch(key):
        raise ValueError("the idempotency key may hold visible ASCII characters only, no spaces")
    if "," in key:
        raise ValueError("the idempotency key may not hold a comma: one key, not a list")
    return key


def parse_idempotency_key(lines: Sequence[str]) -> str | None:
    """The one key that these header lines carry, or None where there is no line.

    A quoted String (draft-ietf-httpapi-idempotency-key-header-07) and a bare token are the same
    key. Raises `ValueError` for two lines, a list, or a key outside the alphabet.
    """
    if not lines:
        return None
    if len(lines) > 1:
        raise ValueError(f"there are {len(lines)} Idempotency-Key header lines: send exactly one")
    key = lines[0].strip(" \t")
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return check_idempotency_key(key)


def media_type(content_type: str | None) -> str:
    """The type and subtype in lower case, without parameters (RFC 9110 section 8.3)."""
    return (content_type or "").partition(";")[0].strip().lower()


def is_json(media: str) -> bool:
    """Whether a media type is JSON by its name (RFC 8259) or its suffix (RFC 6839)."""
    return media == "application/json" or media.endswith("+json")
