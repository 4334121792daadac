"""How a run went, in figures that are counted from what the sandbox really did."""

from __future__ import annotations

from typing import Literal

import msgspec

from failwell.sandbox.demo.story import Item

Weather = Literal["none", "default", "heavy"]

NAMES = {
    "toolpath": "Toolpath",
    "ionq": "IonQ",
    "flow": "Flow",
    "ionworks": "Ionworks",
    "matcraft": "MatCraft",
}
"""The systems, in the order in which they are shown."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The pieces of work, and the books; `faults` are those that the sandbox injected and the
    components that it stopped, `took` is in seconds."""

    items: tuple[Item, ...]
    weather: Weather
    faults: int
    duplicates: int
    lost: int
    took: float

    @property
    def is_clean(self) -> bool:
        """Nothing twice, nothing lost."""
        return self.duplicates == 0 and self.lost == 0

    @property
    def figures(self) -> dict[str, int]:
        """The summary, by name, in the order in which it is told."""
        calls = [call for item in self.items for call in item.calls]
        return {
            "files": len(self.items),
            "calls": len(calls),
            "faults": self.faults,
            "retries": sum(item.retries for item in self.items),
            "replays": sum(item.replays for item in self.items),
            "tokens": sum(call.renewed for call in calls),
            "waits": sum(call.queued > 0 for call in calls),
            "surfaced": sum(len(item.surfaced) for item in self.items),
            "duplicates": self.duplicates,
            "lost": self.lost,
        }
