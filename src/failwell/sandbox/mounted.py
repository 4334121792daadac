"""A system in the sandbox, with what goes wrong at it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from failwell.contract import Contract
from failwell.model import Failure, kind_of
from failwell.sandbox.faults import FaultList
from failwell.sandbox.service import Service
from failwell.sandbox.wire import FaultMiddleware
from failwell.sandbox.wire.answer import Headers
from failwell.server.asgi import App, Scope
from failwell.server.context import RequestContext
from failwell.server.exchange import request_id


class Mounted:
    """A system in the sandbox: with the faults that are on for it, and the requests it got."""

    def __init__(self, system: Service, rng: random.Random) -> None:
        self.system = system
        self.base_path = system.base_path
        self.aliases: tuple[str, ...] = getattr(system, "aliases", ())
        self.faults = FaultList()
        self.requests = 0
        faulty: Any = FaultMiddleware(system.app, self.faults, system.base_path, self._failing, rng)
        self.app: App = faulty

    def own(self, scope: Scope) -> Scope | None:
        """A request to this system, as if it came by its base path; None for any other."""
        path: str = scope.get("path", "")
        for base in (self.base_path, *self.aliases):
            if path == base or path.startswith(base + "/"):
                return {**scope, "path": self.base_path + path.removeprefix(base)}
        return None

    def _failing(self, status: int, _: str | None, scope: Any) -> tuple[Headers, bytes]:
        """What the system itself would answer, had it failed with this status."""
        contract = _spoken(self.system, scope["path"])
        entry = contract.of_status(status)
        known_as = request_id(contract, scope["headers"])
        failure = Failure(
            kind=entry.kind or kind_of(status),
            status=status,
            code=entry.code,
            message=entry.means or entry.code,
        )
        signed = RequestContext(known_as, scope["headers"], contract).signed(failure)
        answer = contract.dialect.render(signed)
        named = {**answer.headers, contract.request_ids.header.lower(): known_as}
        return [(n.encode(), value.encode()) for n, value in named.items()], answer.body or b""


def _spoken(system: Service, path: str) -> Contract:
    """The contract that a path answers under, where a system has more than one."""
    chosen: Callable[[str], Contract] | None = getattr(system, "spoken", None)
    return system.contract if chosen is None else chosen(path)
