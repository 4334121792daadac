"""What the service and a worker say to each other: campaigns there, events back."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from failwell.apis.matcraft.mdl.model import Problem

READ_SIZE: Final = 1024 * 1024
"""Bytes that either side reads at a time."""

Value: TypeAlias = float | int | str


class Observation(msgspec.Struct, frozen=True):
    """A row that is known already: parameter values by name, objective values in order (NaN, as
    null, where the row holds none)."""

    parameters: dict[str, Value]
    objectives: tuple[float | None, ...]


class Run(msgspec.Struct, frozen=True, tag_field="do", tag="run"):
    """Run a campaign; `prior` are rows to start from."""

    id: str
    problem: Problem
    prior: tuple[Observation, ...] = ()


class Stop(msgspec.Struct, frozen=True, tag_field="do", tag="stop"):
    """Leave off a campaign, with what it has found so far."""

    id: str


Order: TypeAlias = Run | Stop


class Point(msgspec.Struct, frozen=True):
    """An evaluation that no other dominates; `violation` sums by how much constraints fail."""

    parameters: dict[str, Value]
    objectives: dict[str, float]
    violation: float = 0.0


class Ready(msgspec.Struct, frozen=True, tag_field="event", tag="ready"):
    """The worker reads orders from now on."""


class Began(msgspec.Struct, frozen=True, tag_field="event", tag="began"):
    """The worker has turned to a campaign."""

    id: str


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="progress"):
    """A batch has been evaluated; `surrogate` describes the model that chose it."""

    id: str
    phase: Literal["sampling", "optimizing"]
    iteration: int
    total_iterations: int
    evaluations: int
    pareto: tuple[Point, ...]
    surrogate: str | None = None


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="ended"):
    """The campaign is over; a failure has a code of MatCraft's and a message."""

    id: str
    status: Literal["completed", "converged", "stopped", "failed"]
    code: str | None = None
    message: str | None = None


Event: TypeAlias = Began | Progress | Ended
Message: TypeAlias = Ready | Began | Progress | Ended
