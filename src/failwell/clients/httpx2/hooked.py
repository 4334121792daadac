"""The event hooks of a client's user, to whom refusals are shown read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec


class ReadFirst(msgspec.Struct, frozen=True):
    """The hooks as they are `given`, at any time; where there are some for answers, after one that
    reads a refusal: when a hook raises, httpx2 closes what is not read."""

    given: dict[str, list[Any]]
    read: Callable[[Any], object]

    def __getitem__(self, name: str) -> list[Any]:
        hooks = self.given[name]
        return [self.read, *hooks] if hooks and name == "response" else hooks
