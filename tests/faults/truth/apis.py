"""What the APIs of these tests claim of themselves; each keeps its claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

UNKNOWN, APPLIED, PARTLY = "unknown", "applied", "partially_applied"
NOT_STARTED, ROLLED_BACK = "not_started", "rolled_back"
WELL, SILENT = "well", "silent"
"""Two more words for an answer: that it is the success itself, and that it claims nothing."""

MARKS = {
    ("bad_input", 422): NOT_STARTED,
    ("no_auth", 401): NOT_STARTED,
    ("forbidden", 403): NOT_STARTED,
    ("not_found", 404): NOT_STARTED,
    ("gone", 410): NOT_STARTED,
    ("too_large", 413): NOT_STARTED,
    ("busy", 429): NOT_STARTED,
    ("exists", 409): NOT_STARTED,
    ("other_body", 409): NOT_STARTED,
    ("in_flight", 409): None,
    ("slow", 408): None,
    ("internal", 500): None,
    ("undone", 500): ROLLED_BACK,
    ("saved", 500): APPLIED,
    ("half", 500): PARTLY,
    ("gateway", 502): None,
    ("away", 503): ROLLED_BACK,
    ("full", 503): NOT_STARTED,
    ("unavailable", 503): None,
    ("upstream", 504): None,
}
"""The catalogue that every declared API of these tests publishes; None marks nothing."""


@dataclass(frozen=True)
class Api:
    """What an API claims, and `keeps` of keys: it keeps all of its claims.

    `takes_anything` is the caller's own word, for one call, that no JSON was promised. `look` is
    how a record is found: "plain", "settle" (a stated time after which it will not appear any
    more), "natural" (one record a name) or "tag".
    """

    name: str
    keys: Literal["honoured", "ignored", "none", "result"] = "ignored"
    keeps: bool = False
    json: bool = False
    whole: bool = False
    generic: bool = False
    look: Literal["plain", "settle", "natural", "tag"] | None = None
    takes_anything: bool = False
    existing: bool = False

    @property
    def trusted(self) -> bool:
        """Whether it claims that a keyed write may be sent again."""
        return self.keys in ("honoured", "result")


APIS = (
    Api("honoured", keys="honoured", keeps=True),
    Api("honoured json whole", keys="honoured", keeps=True, json=True, whole=True),
    Api("honoured looked up", keys="honoured", keeps=True, json=True, look="plain"),
    Api("result", keys="result", keeps=True, json=True),
    Api("ignored", keys="ignored"),
    Api("ignored json", keys="ignored", json=True),
    Api("secretly kept", keys="ignored", keeps=True, json=True),
    Api("none whole", keys="none", whole=True),
    Api("none json whole", keys="none", json=True, whole=True),
    Api("generic", generic=True),
    Api("generic kept", generic=True, keeps=True),
    Api("trusting", keys="honoured", keeps=True, generic=True),
    Api("looked up", keys="none", json=True, look="plain"),
    Api("settled", keys="none", json=True, look="settle"),
    Api("settled whole", keys="none", whole=True, look="settle"),
    Api("natural", keys="none", json=True, look="natural"),
    Api("natural existing", keys="none", json=True, look="natural", existing=True),
    Api("tagged", keys="none", json=True, look="tag"),
    Api("tagged settled", keys="none", json=True, look="tag", whole=True),
)

SETTLE_TIME = 0.15
"""Seconds after which what is not there will not appear any more, where an API states it."""
