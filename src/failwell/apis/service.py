"""What every re-created system has beside its routes: a folder for its state, components that can
really be stopped, and limits that can be changed while it serves."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

import msgspec

from failwell.actions import Store
from failwell.contract import Contract
from failwell.server.asgi import App
from failwell.stores.memory import MemoryStore

L = TypeVar("L", bound=msgspec.Struct)


class Component(Protocol):
    """A part of a system whose absence callers feel: a process, a database, a mode."""

    @property
    def running(self) -> bool: ...

    async def start(self) -> None:
        """Bring it up; nothing happens where it is up."""
        ...

    async def stop(self) -> None:
        """Take it down for real; nothing happens where it is down."""
        ...


class LocalService(Generic[L]):
    """A system in the sandbox; one that re-creates an API gives it a name, a path, routes and
    causes for its errors.

    `limits` holds rates, sizes and lifetimes (a msgspec Struct that forbids unknown fields and
    states its bounds); `store` is where idempotency records and quotas live; `folder` is where all
    other state is kept, from one life to the next: in an empty one that goes afterwards if left
    out. `components` are started in their order and stopped in reverse; `lazy` names those that the
    system starts itself when they are first needed.
    """

    name: str
    base_path: str
    contract: Contract
    app: App
    parts: Mapping[str, Component]
    lazy: frozenset[str] = frozenset()

    def __init__(self, limits: L, store: Store | None = None, folder: Path | None = None) -> None:
        self.allowed = limits
        self.store: Store = store or MemoryStore()
        self.folder = Path()
        self._kept = folder
        self._temporary = contextlib.ExitStack()

    async def start(self) -> None:
        """Open the folder and start the components that are not lazy: all of them, or none."""
        self.folder = self._kept or self._fresh()
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            for name, component in self.parts.items():
                if name not in self.lazy:
                    await component.start()
        except BaseException:
            await self._end()
            raise

    async def stop(self) -> None:
        """Stop the components, and forget all state that has no folder of its own."""
        await self._end()

    def _fresh(self) -> Path:
        made = tempfile.TemporaryDirectory(prefix=f"failwell-{self.name}-")
        return Path(self._temporary.enter_context(made))

    async def _end(self) -> None:
        try:
            for component in reversed(list(self.parts.values())):
                await component.stop()
        finally:
            self._temporary.close()

    def components(self) -> dict[str, str]:
        """Each component and its state: "running" or "stopped"; a lazy one that has not been
        needed yet is running, for it would answer."""
        return {name: self._state(name) for name in self.parts}

    def _state(self, name: str) -> Literal["running", "stopped"]:
        return "running" if self.parts[name].running else "stopped"

    async def set_component(self, name: str, state: str) -> None:
        """Really stop or start a component. Raises `LookupError` or `ValueError`."""
        if name not in self.parts:
            known = ", ".join(self.parts)
            raise LookupError(f"{self.name} has no component {name!r}: it has {known}")
        if state == "running":
            await self.parts[name].start()
        elif state == "stopped":
            await self.parts[name].stop()
        else:
            raise ValueError(f"state is {state!r}: use running or stopped")

    def limits(self) -> dict[str, Any]:
        """Rates, sizes and lifetimes, as they are now."""
        return msgspec.structs.asdict(self.allowed)

    def set_limits(self, limits: dict[str, Any]) -> None:
        """Change some of the limits. Raises `ValueError`; then none changes."""
        try:
            self.allowed = msgspec.convert(self.limits() | limits, type(self.allowed))
        except msgspec.ValidationError as error:
            raise ValueError(f"{error}; the limits are {', '.join(self.limits())}") from None
