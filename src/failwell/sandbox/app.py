"""The sandbox: the systems under their own paths, and the controls beside them."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Sequence
from typing import Any

from failwell.sandbox.controls import CONTROLS, Controls
from failwell.sandbox.mounted import Mounted
from failwell.sandbox.service import Service
from failwell.server.asgi import App, Receive, Scope, SendMessage, wrap

SYSTEMS = {
    "ionworks": "IonworksService",
    "ionq": "IonQService",
    "flow": "FlowService",
    "toolpath": "ToolpathService",
    "matcraft": "MatCraftService",
}
"""The systems that can be re-created, each by its class in `failwell.apis.<name>.service`."""


def services(only: Sequence[str] = (), **settings: Any) -> list[Service]:
    """The systems that the sandbox can re-create, or those of them that are named.

    Raises `ValueError` for a name that it does not know.
    """
    unknown = [name for name in only if name not in SYSTEMS]
    if unknown:
        raise ValueError(f"the sandbox has no {', '.join(unknown)}: it has {', '.join(SYSTEMS)}")
    return [_service(name, settings) for name in only or SYSTEMS]


def _service(name: str, settings: dict[str, Any]) -> Service:
    module = importlib.import_module(f"failwell.apis.{name}.service")
    make: Callable[..., Service] = getattr(module, SYSTEMS[name])
    return make(**settings)


def application(systems: Sequence[Service], *, seed: int | None = None) -> App:
    """The ASGI app that serves these systems and their controls; it starts and stops them.

    `seed` makes faults that come by chance repeat.
    """
    mounted = [Mounted(system, random.Random(seed)) for system in systems]
    controls = wrap(Controls(mounted).app(), CONTROLS)

    async def dispatch(scope: Scope, receive: Receive, send: SendMessage) -> None:
        for system in mounted:
            own = system.own(scope)
            if own is not None:
                system.requests += 1
                await system.app(own, receive, send)
                return
        await controls(scope, receive, send)

    return dispatch
