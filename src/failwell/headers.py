"""Header fields that speak of failure, as `parse_x` and `dump_x` pairs.

A parser takes whatever a hostile peer may send: it returns None for what it cannot read and
never raises, unless its docstring says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache

OUTCOME = "Failwell-Outcome"
"""The header in which a failwell server says what became of a failed write."""

LONGEST = 1e9
"""Seconds (about 31 years) at which a wait is no longer told from a longer one."""

_SECONDS = r"[ \t]*(-?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)[ \t]*"
_ONE_OF_SEVERAL = r"[ \t]*(?:[A-Za-z]+,)?[^,]+"
_FAR_YEAR = r"(?a)\b[0-9]{1,2}[ -][A-Za-z]{3}[ -][0-9]{5,}\b|:[0-9]{2} [0-9]{5,}[ \t]*$"
_TRACEPARENT = r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}"
_KEY = r"[\x21-\x7e]{1,255}"


def parse_retry_after(value: str | None, *, date: str | None, now: float) -> float | None:
    """Seconds to wait from now on, so that no retry is earlier than asked; None if unreadable.

    `value` is the field's text: whole or decimal seconds, or an HTTP-date, which is measured
    against the answer's own `date` field where there is one, so that clocks need not agree, and
    against `now` (epoch seconds) otherwise. A past date or a negative number is 0. Of several, as
    where a proxy has added a field of its own, the longest holds.

    Source: RFC 9110 section 10.2.3; decimals are outside it and in use.
    """
    if value is None:
        return None
    asked = [_asked(one, date, now) for one in re.findall(_ONE_OF_SEVERAL, value)]
    return max((seconds for seconds in asked if seconds is not None), default=None)


def _asked(value: str, date: str | None, now: float) -> float | None:
    seconds = re.fullmatch(_SECONDS, value)
    if seconds:
        return 0.0 if seconds[1] else min(float(seconds[2]), LONGEST)
    until = parse_date(value)
    if until is None:
        return LONGEST if re.search(_FAR_YEAR, value) else None
    answered = parse_date(date) if date else None
    return min(max(until - (now if answered is None else answered), 0.0), LONGEST)


def dump_retry_after(seconds: float) -> str:
    """The field's text: whole seconds, rounded up so that nobody is asked back too early."""
    return str(math.ceil(min(max(seconds, 0.0), LONGEST)))


@lru_cache(maxsize=256)
def dump_rate_limit_policy(name: str, limit: int, seconds: float) -> str:
    """One policy of the `RateLimit-Policy` field: so many requests in so many seconds.

    Source: draft-ietf-httpapi-ratelimit-headers-11 section 3.
    """
    return f'"{name}";q={limit};w={math.ceil(seconds)}'


def dump_rate_limit(name: str, remaining: int, reset: float) -> str:
    """The `RateLimit` field: what is left of one policy, and for how many seconds.

    Source: draft-ietf-httpapi-ratelimit-headers-11 section 4.
    """
    return f'"{name}";r={remaining};t={math.ceil(max(reset, 0.0))}'


def dump_rate_limit_reset(now: float, reset: float) -> str:
    """`X-RateLimit-Reset` as epoch seconds, rounded up; `now` is epoch seconds, `reset` seconds."""
    return str(math.ceil(now + max(reset, 0.0)))


def parse_traceparent(value: str) -> str | None:
    """The trace id (32 lower-case hex digits) of a `traceparent` field; None for any other text.

    Source: W3C Trace Context, Level 1, section 3.2.
    """
    found = re.fullmatch(_TRACEPARENT, value.strip(" \t"))
    if found is None or found[1] == "ff" or not found[2].strip("0") or not found[3].strip("0"):
        return None
    return found[2]


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
    if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"the idempotency key is of type {type(key).__name__}: give a string")
    if not key:
        raise ValueError("the idempotency key is empty: give 1 to 255 characters, or none at all")
    if len(key) > 255:
        raise ValueError(f"the idempotency key has {len(key)} characters: at most 255 are allowed")
    if not re.fullmatch(_KEY, key):
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


@lru_cache(maxsize=128)
def media_type(content_type: str | None) -> str:
    """The type and subtype in lower case, without parameters (RFC 9110 section 8.3)."""
    return (content_type or "").partition(";")[0].strip().lower()


def is_json(media: str) -> bool:
    """Whether a media type is JSON by its name (RFC 8259) or its suffix (RFC 6839)."""
    return media == "application/json" or media.endswith("+json")
