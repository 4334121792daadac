"""How a run went, in figures that are counted from what the sandbox really did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from failwell.apis.flow.contract import FLOW
from failwell.apis.ionq.contract import IONQ
from failwell.apis.ionworks.contract import IONWORKS
from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.toolpath.contract import TOOLPATH
from failwell.sandbox.demo.story import Call, Item, Outage

Weather = Literal["none", "default", "heavy"]

NAMES = {api.name: api.title for api in (TOOLPATH, IONQ, FLOW, IONWORKS, MATCRAFT)}
"""The systems, in the order in which they are shown."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The pieces of work, and the books; `faults` are those that the sandbox injected and the
    components that it stopped, `created` is what it really created, by API and kind; `limits` are
    those that were set for the run, by API; `took` is in seconds."""

    items: tuple[Item, ...]
    weather: Weather
    faults: int
    duplicates: int
    lost: int
    took: float
    outages: tuple[Outage, ...] = ()
    created: Mapping[str, Mapping[str, int]] = {}
    limits: Mapping[str, Mapping[str, float]] = {}

    @property
    def is_clean(self) -> bool:
        """Nothing twice, nothing lost."""
        return self.duplicates == 0 and self.lost == 0

    @property
    def mistakes(self) -> int:
        """How many of the files that were given could not be worked on."""
        return sum(item.is_mistake for item in self.items)

    @property
    def figures(self) -> dict[str, int]:
        """The summary, by name, in the order in which it is told."""
        figures = totals(self.items)
        return {
            "files": len(self.items),
            "calls": figures.pop("calls"),
            "faults": self.faults,
            **figures,
            "duplicates": self.duplicates,
            "lost": self.lost,
        }


def totals(items: Sequence[Item]) -> dict[str, int]:
    """What is counted of pieces of work, by name."""
    calls: list[Call] = [call for item in items for call in item.calls]
    return {
        "calls": len(calls),
        "retries": sum(item.retries for item in items),
        "replays": sum(item.replays for item in items),
        "tokens": sum(call.renewed for call in calls),
        "waits": sum(call.queued > 0 for call in calls),
        "surfaced": sum(len(item.surfaced) for item in items),
    }
