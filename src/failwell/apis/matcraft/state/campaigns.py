"""Campaigns as they are kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from failwell.apis.database import timestamp
from failwell.apis.matcraft.engine import Point
from failwell.apis.matcraft.mdl import Problem
from failwell.apis.matcraft.state.database import Database, new_id
from failwell.apis.matcraft.state.listing import Page, listed, one

ORDERS = ("created_at", "name", "domain", "status", "evaluations")
"""What a list may be ordered by."""

STATES = ("created", "sampling", "running", "completed", "converged", "failed", "stopped")


class NameTakenError(Exception):
    """Another record of the account has this name."""


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """A row: `problem` and `pareto` are JSON."""

    id: str
    account: str
    name: str
    domain: str
    status: str
    created_at: str
    problem: bytes
    dataset: str | None
    evaluations: int
    pareto: bytes
    surrogate: str | None
    code: str | None
    message: str | None

    @property
    def stated(self) -> Problem:
        """The problem that it is to solve."""
        return msgspec.json.decode(self.problem, type=Problem)


class Campaigns:
    """The table of campaigns; a deleted one stays as a row, and its name is free again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, account: str, problem: Problem, dataset: str | None) -> Campaign:
        """A new campaign, not started. Raises `NameTakenError`."""
        campaign = new_id("camp")
        stated = msgspec.json.encode(problem)
        values = (campaign, account, problem.name, problem.domain, timestamp(), stated, dataset)
        try:
            self._database.execute(
                "INSERT INTO campaigns (id, account, name, domain, status, created_at, problem,"
                " dataset) VALUES (?, ?, ?, ?, 'created', ?, ?, ?)",
                values,
            )
        except sqlite3.IntegrityError:
            raise NameTakenError(problem.name) from None
        return self.get(account, campaign)

    def is_taken(self, account: str, name: str) -> bool:
        """Whether a campaign of the account has this name."""
        filters = {"account": account, "name": name}
        return self.page(account, filters, Page())[1] > 0

    def get(self, account: str, campaign: str) -> Campaign:
        """The campaign with this id. Raises `LookupError`."""
        filters: dict[str, str | int] = {"id": campaign, "account": account, "deleted": 0}
        return one(self._database, Campaign, "campaigns", filters)

    def page(
        self, account: str, filters: Mapping[str, str], page: Page
    ) -> tuple[list[Campaign], int]:
        """A page of the account's campaigns, and how many there are."""
        wanted: dict[str, str | int] = {**filters, "account": account, "deleted": 0}
        return listed(self._database, Campaign, "campaigns", wanted, page)

    def move(self, campaign: str, before: str, after: str) -> bool:
        """Go from one status to another; False where it is not in the first."""
        cursor = self._database.execute(
            "UPDATE campaigns SET status = ? WHERE id = ? AND status = ? AND deleted = 0",
            (after, campaign, before),
        )
        return cursor.rowcount == 1

    def delete(self, campaign: str) -> None:
        """It is there no more."""
        self._database.execute("UPDATE campaigns SET deleted = 1 WHERE id = ?", (campaign,))

    def found(
        self, campaign: str, evaluations: int, pareto: tuple[Point, ...], surrogate: str | None
    ) -> None:
        """What has been found so far."""
        self._database.execute(
            "UPDATE campaigns SET evaluations = ?, pareto = ?, surrogate = ? WHERE id = ?",
            (evaluations, msgspec.json.encode(pareto), surrogate, campaign),
        )

    def failed(self, campaign: str, code: str, message: str) -> None:
        """Why it failed."""
        self._database.execute(
            "UPDATE campaigns SET code = ?, message = ? WHERE id = ?", (code, message, campaign)
        )
