"""When may the next call go, so that the quota is used and never passed?

A call must satisfy all that is known in one decision: *limits* that were told by hand (`told.py`),
*meters*, which follow what the answers say (`meter.py`), or else a *guess* from refusals alone
(`guess.py`). `traffic.py` brings them together, `flights.py` counts the calls that are out.
"""

from failwell.policy.governor.meter import Meter
from failwell.policy.governor.traffic import (
    IDLE,
    Delay,
    Place,
    Ticket,
    Traffic,
    answered,
    is_idle,
    landed,
    refused,
    route_of,
    take,
)

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
