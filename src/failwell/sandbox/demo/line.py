"""What a run asks of each line of work, and the weather it has to bear."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

from failwell.sandbox.demo.report import Weather
from failwell.sandbox.demo.story import Item, Stage
from failwell.settings import Breaker, Budget, Policy, Retry

POLICY = Policy(
    retry=Retry(max_retries=8, base=0.2, cap=2.0),
    deadline=45.0,
    budget=Budget(ratio=1.0, floor=100),
    breaker=Breaker(failures=20),
)
"""How patient the clients of a run are. Half of all their attempts are made to fail, which is not
an outage: so a budget and a breaker that are meant for one must not end the work."""

_POST = {"method": "POST"}
WEATHER: dict[Weather, list[dict[str, Any]]] = {
    "none": [],
    "default": [
        {"match": _POST, "fault": "lose_answer", "probability": 0.20},
        {"match": _POST, "fault": "reset", "probability": 0.10},
        {"fault": "status", "status": 429, "retry_after": "0.5", "probability": 0.08},
        {"match": _POST, "fault": "cut_body", "probability": 0.06},
        {"match": _POST, "fault": "truncate", "probability": 0.06},
        {"fault": "html_502", "probability": 0.05},
        {"match": _POST, "fault": "html_502", "committed": True, "probability": 0.06},
    ],
    "heavy": [
        {"match": _POST, "fault": "lose_answer", "probability": 0.30},
        {"fault": "reset", "probability": 0.15},
        {"fault": "status", "status": 429, "retry_after": "0.5", "probability": 0.10},
        {"fault": "cut_body", "probability": 0.10},
        {"fault": "truncate", "probability": 0.10},
        {"match": _POST, "fault": "html_502", "committed": True, "probability": 0.15},
        {"fault": "status", "status": 500, "probability": 0.05},
        {"fault": "delay", "seconds": 0.3, "probability": 0.10},
    ],
}
"""What the network and the servers do, by the sandbox's own faults."""


def data(folder: str) -> list[Path]:
    """The files that come with failwell in this folder of its data, by name."""
    return sorted((Path(str(files("failwell.sandbox"))) / "data" / folder).iterdir())


class Line(Protocol):
    """One system's part of a run.

    `limits` are set before it begins; `component` is stopped in the middle of the run and started
    again after `away` seconds.
    """

    api: str
    at_once: int
    limits: dict[str, Any]
    component: str
    away: float

    def items(self) -> Sequence[Item]:
        """The pieces of work."""
        ...

    def open(self, about: dict[str, Any], stage: Stage) -> AbstractAsyncContextManager[Worker]:
        """A worker at the sandbox's system that is described in `about`."""
        ...


class Worker(Protocol):
    """Does the work of a line."""

    async def __call__(self, item: Item) -> None:
        """Bring one piece of work to its end, well or refused. Raises `FailwellError`."""
        ...
