"""Flow, re-created locally: its three interfaces, its runner, and a true cause for each code.

The order of checks is: who asks, quota, whether Flow is open, route, method, log-in, size of the
body, Idempotency-Key, body, permission, state. Every answer says what is left of the quota, so it
is taken from before the route is known. What is written, is written in one transaction.
"""

from __future__ import annotations

import secrets
from typing import Any

from failwell.actions import Store
from failwell.apis.flow.access.guards import Guards
from failwell.apis.flow.contract import FLOW
from failwell.apis.flow.desk.desk import Desk
from failwell.apis.flow.desk.samples import Draft
from failwell.apis.flow.limits import Limits
from failwell.apis.flow.modes import Maintenance
from failwell.apis.flow.records import Database
from failwell.apis.flow.routes import BASE_PATH, application, contract_at
from failwell.apis.flow.runner.host import Runner
from failwell.apis.service import LocalService
from failwell.contract import Contract
from failwell.server.types import App


class FlowService(LocalService[Limits]):
    """The service and its controls. Alice may run pipelines and owns a sample that Carol may read;
    Bob may not run any."""

    name = "flow"
    base_path = BASE_PATH
    contract = FLOW
    lazy = frozenset({"maintenance"})

    def __init__(self, *, store: Store | None = None) -> None:
        super().__init__(Limits(), store)
        self._database = Database(lambda: self.folder)
        self._runner = Runner(lambda: self.allowed.concurrent_executions)
        self._maintenance = Maintenance()
        self.parts = {
            "runner": self._runner,
            "store": self._database,
            "maintenance": self._maintenance,
        }
        desk = Desk(self._database, self._runner, lambda: self.folder, lambda: self.allowed)
        guards = Guards(
            desk.accounts,
            self._database,
            self.store,
            lambda: self.allowed,
            lambda: self._maintenance.running,
            lambda: self.folder.name,
        )
        self._desk = desk
        self._passwords = {name: secrets.token_urlsafe(12) for name in _USERS}
        self.app: App = application(desk, guards, self.store)

    async def start(self) -> None:
        """Open a fresh database with its users, and the runner."""
        await super().start()
        for name in ("data", "work"):
            (self.folder / name).mkdir()
        self._enrol()

    def credentials(self) -> dict[str, Any]:
        """The users and their passwords."""
        return {
            name: {"username": name, "password": password}
            for name, password in self._passwords.items()
        }

    async def set_component(self, name: str, state: str) -> None:
        """Really stop or start a component; what had not ended goes on when all are back."""
        await super().set_component(name, state)
        if self._database.running and self._runner.running:
            self._desk.catch_up()

    def set_limits(self, limits: dict[str, Any]) -> None:
        """Change some of the limits. Raises `ValueError`; then none changes."""
        super().set_limits(limits)
        self._runner.pump()

    def spoken(self, path: str) -> Contract:
        """The contract that a path answers under: the envelope's, GraphQL's or that of `/v2`."""
        return contract_at(path)

    def effects(self) -> dict[str, Any]:
        """What was really created, whatever anybody was told."""
        return {"created": self._database.created()}

    def _enrol(self) -> None:
        """The users, and what they have from the start."""
        users = {
            username: self._desk.accounts.enrol(
                username, name, self._passwords[username], runs_pipelines=username == "alice"
            )
            for username, name in _USERS.items()
        }
        alice, carol = users["alice"], users["carol"]
        draft = Draft(name="Liver 1", sample_type="RNA-Seq", organism="Hs")
        sample = self._desk.samples.create(alice.number, draft, given=True)
        self._desk.sharing.share(sample, [carol.number], "read")


_USERS = {"alice": "Alice Archer", "bob": "Bob Brewer", "carol": "Carol Cooper"}
