"""What the sandbox asks of each system that it re-creates."""

from __future__ import annotations

from typing import Any, Protocol

from failwell.contract import Contract
from failwell.server.asgi import App


class Service(Protocol):
    """One system, re-created: a server for its API, and the controls over what makes it fail.

    One that answers under further paths names them in `aliases`, a tuple beside `base_path`; one
    that has several contracts says by `spoken(path)` which of them a path answers under.
    """

    name: str
    base_path: str
    contract: Contract
    app: App

    async def start(self) -> None:
        """Start its components."""
        ...

    async def stop(self) -> None:
        """Stop its components and forget its state."""
        ...

    def credentials(self) -> dict[str, Any]:
        """What callers may present, by what is good or bad about it."""
        ...

    def components(self) -> dict[str, str]:
        """Each component and its state: "running" or "stopped"."""
        ...

    async def set_component(self, name: str, state: str) -> None:
        """Really stop or start a component. Raises `LookupError` or `ValueError`."""
        ...

    def limits(self) -> dict[str, float]:
        """Rates, sizes and lifetimes, as they are now."""
        ...

    def set_limits(self, limits: dict[str, Any]) -> None:
        """Change some of the limits. Raises `LookupError` or `ValueError`; then none changes."""
        ...

    def effects(self) -> dict[str, Any]:
        """What was really created, whatever anybody was told."""
        ...
