"""The workers: processes of their own that run campaigns.

``python -m failwell.apis.matcraft.engine`` is a worker; `Pool` starts as many as are needed, hands
them campaigns and hears what becomes of them. The two exchange JSON, one message a line. A worker
runs one campaign at a time and keeps reading meanwhile, so that it hears of a stop; it leaves when
its standard input closes, so it cannot outlive its service.
"""

from failwell.apis.matcraft.engine.messages import (
    Began,
    Ended,
    Event,
    Observation,
    Point,
    Progress,
    Run,
)
from failwell.apis.matcraft.engine.pool import Pool, WorkerUnavailableError

__all__ = [
    "Began",
    "Ended",
    "Event",
    "Observation",
    "Point",
    "Pool",
    "Progress",
    "Run",
    "WorkerUnavailableError",
]
