"""What IonQ gives, as the client hands it out. Members that are not named here are left out; times
are ISO 8601 text, as IonQ writes them.

Source: IonQ's API description v0.4.
"""

from __future__ import annotations

from typing import Any

import msgspec


class JobCreated(msgspec.Struct, frozen=True, kw_only=True):
    """A job that was submitted."""

    id: str
    status: str
    session_id: str | None = None


class JobFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job failed: one of IonQ's codes, such as `NotEnoughQubits`, and a sentence."""

    code: str
    message: str = ""


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it is now: submitted, ready, started, completed, failed or canceled.

    A job of several circuits has its parts in `child_job_ids`; each is a job, with results of its
    own.
    """

    id: str
    status: str
    type: str = ""
    backend: str = ""
    dry_run: bool = False
    submitter_id: str | None = None
    project_id: str | None = None
    parent_job_id: str | None = None
    child_job_ids: tuple[str, ...] | None = None
    session_id: str | None = None
    metadata: dict[str, Any] | None = None
    name: str | None = None
    shots: int | None = None
    submitted_at: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    predicted_wait_time_ms: float | None = None
    predicted_execution_duration_ms: float | None = None
    execution_duration_ms: float | None = None
    failure: JobFailure | None = None
    noise: dict[str, Any] | None = None
    output: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    stats: dict[str, Any] = {}
    results: dict[str, Any] | None = None


class JobPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some jobs, the newest first, and the cursor of the page after them."""

    jobs: tuple[JobRecord, ...]
    next: str | None = None


class JobEnded(msgspec.Struct, frozen=True, kw_only=True):
    """A job that was called off (`canceled`) or deleted."""

    id: str
    status: str


class JobsEnded(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs that were called off or deleted together."""

    ids: tuple[str, ...]
    status: str


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A session: created, started or ended."""

    id: str
    status: str
    active: bool = False
    backend: str | None = None
    created_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    organization_id: str | None = None
    project_id: str | None = None
    creator_id: str | None = None
    ender_id: str | None = None
    settings: dict[str, Any] = {}


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    """The sessions of a project."""

    sessions: tuple[Session, ...]
    organization_id: str | None = None


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """A machine: available, unavailable or retired."""

    backend: str
    status: str
    qubits: int
    average_queue_time: float = 0
    last_updated: str | None = None
    degraded: bool = False
    location: str | None = None
    characterization_id: str | None = None


class Characterization(msgspec.Struct, frozen=True, kw_only=True):
    """How well a machine was measured at a time."""

    id: str
    backend: str
    date: str
    qubits: int
    connectivity: tuple[tuple[int, int], ...] = ()
    fidelity: dict[str, Any] = {}
    timing: dict[str, Any] = {}


class Characterizations(msgspec.Struct, frozen=True, kw_only=True):
    """Some characterizations, the newest first, and how many pages are left."""

    characterizations: tuple[Characterization, ...]
    pages: int | None = None


class Whoami(msgspec.Struct, frozen=True, kw_only=True):
    """The API key that a client has."""

    key_id: str
    key_name: str
    project_id: str | None = None


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """An amount in a unit, such as usd."""

    value: float
    unit: str


class JobCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a job costs; none of both for a machine that is free."""

    dry_run: bool = False
    estimated_cost: Price | None = None
    cost: Price | None = None


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a job would cost, and how long it would take (ms)."""

    estimated_total_cost: float
    estimated_unit: str
    estimated_execution_time: float | None = None
    current_predicted_queue_time: float | None = None
    estimated_at: str | None = None
    estimate_context: dict[str, Any] = {}
    rate_card: dict[str, Any] = {}


class Usages(msgspec.Struct, frozen=True, kw_only=True):
    """What an organization used of the hardware; `usage_data` has the periods."""

    group_type: str
    modality: str
    job_count: int = 0
    amount_total: float = 0
    usage_unit: str | None = None
    time_us_total: float = 0
    usage_from: str | None = None
    usage_to: str | None = None
    usage_data: tuple[dict[str, Any], ...] = ()
