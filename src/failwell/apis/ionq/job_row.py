"""A job as it is kept, and which jobs a list shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from failwell.apis.ionq.prices import Work

Status = Literal["submitted", "ready", "started", "completed", "failed", "canceled"]

FINAL = ("completed", "failed", "canceled")
SPLIT = "ionq.multi-circuit.v1"
"""The type of a job that is split into one for each of its circuits, and is not run itself."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A job; `flaw` is what it will fail of when its turn comes."""

    number: int
    id: str
    parent: str | None
    session: str | None
    submitter: str
    project: str
    type: str
    backend: str
    name: str | None
    metadata: str | None
    settings: str
    noise: str | None
    shots: int
    dry_run: int
    status: Status
    submitted: float
    started: float | None
    completed: float | None
    failure: str | None
    flaw: str | None
    qubits: int
    circuits: int
    one_qubit: int
    two_qubit: int
    price: float | None
    deleted: float | None

    @property
    def is_final(self) -> bool:
        """Whether nothing will become of it any more."""
        return self.status in FINAL

    @property
    def work(self) -> Work:
        """How much it is."""
        return Work(one_qubit=self.one_qubit, two_qubit=self.two_qubit, shots=self.shots)


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs a list shows; `below` is the number from which it goes down."""

    project: str
    ids: Sequence[str] = ()
    parent: str | None = None
    status: str | None = None
    targets: Sequence[str] = ()
    session: str | None = None
    submitter: str | None = None
    below: int | None = None

    def conditions(self) -> tuple[list[str], list[Any]]:
        """It in SQL, and its values. A list shows parts of jobs only to those who ask for them."""
        conditions = ["project = ?", "deleted IS NULL"]
        values: list[Any] = [self.project]
        if self.parent is None and not self.ids:
            conditions.append("parent IS NULL")
        single = {
            "parent = ?": self.parent,
            "status = ?": self.status,
            "session = ?": self.session,
            "submitter = ?": self.submitter,
            "number <= ?": self.below,
        }
        for condition, value in single.items():
            if value is not None:
                conditions.append(condition)
                values.append(value)
        for column, several in (("id", self.ids), ("backend", self.targets)):
            if several:
                conditions.append(f"{column} IN ({', '.join('?' * len(several))})")
                values.extend(several)
        return conditions, values
