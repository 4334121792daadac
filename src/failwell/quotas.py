"""What an answer says of its caller's quota, whichever of the three spellings it uses.

`RateLimit` with `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11), the older
`RateLimit-Limit`, `-Remaining`, `-Reset` of its first drafts, and the `X-RateLimit-*` trio that
has no standard: its reset is an epoch time, a number of seconds, or either in milliseconds.
A reader takes whatever a hostile peer may send and never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

import msgspec

from failwell.headers import LONGEST, parse_date


class Quota(msgspec.Struct, frozen=True):
    """One window of a quota, as an answer told it: how many calls it has in all (`limit`, None
    where that was not said), how many are left, and in how many seconds it begins anew (None
    where that was not said). `exact` says that the reset came with decimals."""

    name: str
    limit: int | None
    remaining: int
    reset: float | None
    exact: bool = False


_NUMBER = r"[ \t]*(-?[0-9]{1,18}(?:\.[0-9]{1,9})?)[ \t]*"
_SPAN = (
    r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m(?!s))?"
    r"(?:([0-9]{1,9}(?:\.[0-9]{1,9})?)s)?(?:([0-9]{1,12})ms)?"
)
_ITEM = r'[ \t]*(?:"([^"]{0,64})"|([A-Za-z0-9_.*-]{1,64}))[ \t]*((?:;[^,]{0,200})?)'
_TRIO = re.compile(
    r"(?:x-)?rate-?limit-(limit|remaining|reset)(?:-([a-z0-9]{1,32}))?", re.IGNORECASE
)
_MOST = 8
_YEAR = 366 * 86400.0
_LONGEST_SPAN = 10 * _YEAR


def parse_quotas(fields: Mapping[str, str], now: float) -> tuple[Quota, ...]:
    """The windows that an answer's header fields speak of; `now` is in epoch seconds."""
    fields = {name.lower(): value for name, value in fields.items() if "limit" in name.lower()} | {
        "date": fields.get("date", "")
    }
    if len(fields) == 1:
        return ()
    standard = tuple(islice(_standard(fields), _MOST))
    return standard or tuple(islice(_trios(fields, now), _MOST))


def _standard(fields: Mapping[str, str]) -> Iterator[Quota]:
    policies = dict(_items(fields.get("ratelimit-policy", "")))
    for name, said in _items(fields.get("ratelimit", "")):
        remaining = _number(said.get("r"))
        if remaining is not None:
            limit = _number(policies.get(name, {}).get("q"))
            whole = None if limit is None else int(limit)
            yield Quota(name, whole, int(remaining), _number(said.get("t")))


def _items(field: str) -> Iterator[tuple[str, dict[str, str]]]:
    for found in re.finditer(_ITEM, field[:2000]):
        pairs = (part.partition("=") for part in found[3].split(";") if "=" in part)
        yield found[1] or found[2], {key.strip(): value.strip() for key, _, value in pairs}


def _trios(fields: Mapping[str, str], now: float) -> Iterator[Quota]:
    trios: dict[str, dict[str, str]] = {}
    for name, value in fields.items():
        found = _TRIO.fullmatch(name)
        if found:
            trios.setdefault((found[2] or "").lower(), {})[found[1].lower()] = value
    date = parse_date(fields["date"]) if fields["date"] else None
    for name, trio in trios.items():
        remaining = _number(trio.get("remaining"))
        if remaining is not None:
            limit = _number(trio.get("limit"))
            reset, exact = _reset(trio.get("reset"), now if date is None else date)
            yield Quota(name, None if limit is None else int(limit), int(remaining), reset, exact)


def _reset(text: str | None, answered: float) -> tuple[float | None, bool]:
    """Seconds from the answer to the reset. What is no span of time in any quota is an epoch time;
    one that lies years ahead says nothing."""
    value = _number(text)
    if value is None:
        return _span(text or ""), True
    exact = "." in (text or "")
    if value < _LONGEST_SPAN:
        return min(value, LONGEST), exact
    is_milliseconds = value > 1000 * _LONGEST_SPAN
    left = (value / 1000 if is_milliseconds else value) - answered
    return (max(left, 0.0) if left < _YEAR else None), exact or is_milliseconds


def _span(text: str) -> float | None:
    """A span such as `6m0s`, `1.5s` or `20ms`."""
    found = re.fullmatch(_SPAN, text.strip())
    if not found or not any(found.groups()):
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in found.groups())
    return min(hours * 3600 + minutes * 60 + seconds + milliseconds / 1000, LONGEST)


def _number(text: str | None) -> float | None:
    found = re.fullmatch(_NUMBER, text) if text else None
    if found is None:
        return None
    return max(float(found[1]), 0.0)
