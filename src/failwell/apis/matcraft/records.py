"""What MatCraft answers, as its clients give it: records, pages of them, and results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

T = TypeVar("T")
U = TypeVar("U")

Value: TypeAlias = float | int | str


class Reason(msgspec.Struct, frozen=True):
    """Why a campaign or a job failed: one of MatCraft's codes, and its words."""

    code: str
    message: str


class CampaignRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign as MatCraft gives it. `status` is created, sampling, running, completed,
    converged, failed or stopped; `budget` counts evaluations."""

    id: str
    name: str
    status: str
    domain: str | None = None
    created_at: str | None = None
    budget: int | None = None
    evaluations_completed: int = 0
    parameters_count: int | None = None
    objectives_count: int | None = None
    dataset_id: str | None = None
    job_id: str | None = None
    error: Reason | None = None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is."""

    phase: str | None = None
    iteration: int = 0
    total_iterations: int | None = None
    evaluations_completed: int = 0
    budget: int | None = None


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A job as MatCraft gives it: one run of a campaign. `status` is queued, running, completed,
    failed or cancelled; times are ISO 8601."""

    id: str
    status: str
    campaign_id: str | None = None
    created_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    worker_id: str | None = None
    progress: Progress = Progress()
    error: Reason | None = None


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a job's log; `at` is ISO 8601."""

    at: str
    level: str
    message: str


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation that no other dominates; `violation` sums by how much constraints fail."""

    parameters: dict[str, Value]
    objectives: dict[str, float]
    violation: float = 0.0


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be made large ("maximize") or small ("minimize")."""

    name: str
    direction: str


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The Pareto set that a campaign has found so far."""

    campaign_id: str
    status: str
    evaluations_completed: int = 0
    objectives: tuple[Objective, ...] = ()
    pareto_front: tuple[Point, ...] = ()
    surrogate: str | None = None


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A table of evaluations to start a campaign from; `preview` are its first rows, where it was
    read by its id."""

    id: str
    name: str
    rows: int
    columns: tuple[str, ...]
    description: str = ""
    size_bytes: int | None = None
    created_at: str | None = None
    preview: tuple[dict[str, str], ...] = ()


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign to begin with: `mdl` is its document."""

    id: str
    name: str
    mdl: dict[str, Any]
    domain: str | None = None
    description: str = ""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What a domain's formulas give for some parameters."""

    domain: str
    objectives: dict[str, float]


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list: its `items`, of `total` in all, as page `page` (from 1) of `pages`."""

    items: tuple[T, ...]
    total: int
    page: int
    pages: int

    def of(self, make: Callable[[T], U]) -> Page[U]:
        """This page, with what `make` makes of each item."""
        return Page(
            items=tuple(make(item) for item in self.items),
            total=self.total,
            page=self.page,
            pages=self.pages,
        )
