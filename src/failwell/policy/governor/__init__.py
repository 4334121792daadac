"""When may the next call go, so that the quota is used and never passed?

A call must satisfy all that is known in one decision: *limits* that were told by hand (`told.py`),
*meters*, which follow what the answers say (`meter.py`), or else a *guess* from refusals alone
(`guess.py`). `traffic.py` brings them together, `flights.py` counts the calls that are out, and
`records.py` is what is kept.

While nothing is known of a quota (`is_idle`) there is nothing to decide: how it is done is read
when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from failwell.policy.governor.records import (
    IDLE,
    Delay,
    Meter,
    Place,
    Ticket,
    Traffic,
    is_idle,
)

if TYPE_CHECKING:
    from failwell.policy.governor.traffic import answered, landed, refused, route_of, take

__all__ = [
    "IDLE",
    "Delay",
    "Meter",
    "Place",
    "Ticket",
    "Traffic",
    "answered",
    "is_idle",
    "landed",
    "refused",
    "route_of",
    "take",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from failwell.policy.governor import traffic

    found = globals()[name] = getattr(traffic, name)
    return found
