"""IonQ's endpoints: jobs, sessions, machines and what they cost, each called as `x.sync(…)`,
`x.sync_detailed(…)`, `await x.asyncio(…)` or `await x.asyncio_detailed(…)`.

A `body` is a mapping, or an object with `to_dict()`.

Source: IonQ's API description v0.4; names of endpoints and arguments are those of its client 0.2.0.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Literal

from failwell.apis.ionq.client import IonQClient
from failwell.apis.ionq.endpoint import Body, Call, Endpoint, address, posted
from failwell.apis.ionq.records import (
    Backend,
    Characterization,
    Characterizations,
    Estimate,
    JobCost,
    JobCreated,
    JobEnded,
    JobPage,
    JobRecord,
    JobsEnded,
    Session,
    Sessions,
    Usages,
    Whoami,
)
from failwell.apis.operation import Ask

# --- Jobs -----------------------------------------------------------------------------------------


@Endpoint
def create_job(*, client: IonQClient, body: Body) -> Call[JobCreated]:
    """Submit a job. It gets a tag of its own in its metadata, by which a job whose answer was lost
    is found; one with ten keys of metadata has no room for it."""
    return Call(client, posted("POST", "jobs", body), JobCreated)


@Endpoint
def get_job(uuid: str, *, client: IonQClient) -> Call[JobRecord]:
    """The job as it is now."""
    return Call(client, Ask("GET", address("jobs", uuid)), JobRecord)


@Endpoint
def get_jobs(
    *,
    client: IonQClient,
    ids: Sequence[str] | None = None,
    parent_job_id: str | None = None,
    status: str | None = None,
    target: str | None = None,
    session_id: str | None = None,
    submitter_id: str | None = None,
    limit: int | None = None,
    next: str | None = None,
) -> Call[JobPage]:
    """A page of jobs, the newest first; `limit` is 1 to 25, `next` the cursor of the page before.
    `iter_jobs` goes through all pages."""
    path = address(
        "jobs",
        ids=ids,
        parent_job_id=parent_job_id,
        status=status,
        target=target,
        session_id=session_id,
        submitter_id=submitter_id,
        limit=limit,
        next=next,
    )
    return Call(client, Ask("GET", path), JobPage)


@Endpoint
def get_job_probabilities(
    uuid: str, *, client: IonQClient, sharpen: bool | None = None
) -> Call[dict[str, float]]:
    """The probability of each state (a decimal number) of a job that has completed."""
    path = address("jobs", uuid, "results", "probabilities", sharpen=sharpen)
    return Call(client, Ask("GET", path), dict[str, float])


@Endpoint
def get_job_cost(uuid: str, *, client: IonQClient) -> Call[JobCost]:
    """What the job costs."""
    return Call(client, Ask("GET", address("jobs", uuid, "cost")), JobCost)


@Endpoint
def estimate_job_cost(
    *,
    client: IonQClient,
    backend: str,
    type_: str = "ionq.circuit.v1",
    qubits: int = 25,
    shots: int = 1000,
    field_1q_gates: int = 0,
    field_2q_gates: int = 0,
    error_mitigation: bool = False,
) -> Call[Estimate]:
    """What a job would cost."""
    gates = {"1q_gates": field_1q_gates, "2q_gates": field_2q_gates}
    asked = {"backend": backend, "type": type_, "qubits": qubits, "shots": shots}
    path = address("jobs", "estimate", **asked, **gates, error_mitigation=error_mitigation)
    return Call(client, Ask("GET", path), Estimate)


@Endpoint
def cancel_job(uuid: str, *, client: IonQClient) -> Call[JobEnded]:
    """Call the job off. Raises `ConflictError` for one that has ended."""
    return Call(client, Ask("PUT", address("jobs", uuid, "status", "cancel")), JobEnded)


@Endpoint
def cancel_jobs(*, client: IonQClient, body: Body) -> Call[JobsEnded]:
    """Call off those of `{"ids": […]}` that have not ended."""
    return Call(client, posted("PUT", address("jobs", "status", "cancel"), body), JobsEnded)


@Endpoint
def delete_job(uuid: str, *, client: IonQClient) -> Call[JobEnded]:
    """Call the job off where it has not ended, and delete it."""
    return Call(client, Ask("DELETE", address("jobs", uuid)), JobEnded)


@Endpoint
def delete_jobs(*, client: IonQClient, body: Body) -> Call[JobsEnded]:
    """Delete the jobs of `{"ids": […]}`."""
    return Call(client, posted("DELETE", "jobs", body), JobsEnded)


# --- Sessions -------------------------------------------------------------------------------------


@Endpoint
def create_session(*, client: IonQClient, body: Body) -> Call[Session]:
    """Begin a session on a backend. It has no room for a tag: where its answer is lost, look at
    `get_sessions`."""
    return Call(client, posted("POST", "sessions", body), Session)


@Endpoint
def get_session(session_id: str, *, client: IonQClient) -> Call[Session]:
    """The session as it is now."""
    return Call(client, Ask("GET", address("sessions", session_id)), Session)


@Endpoint
def get_sessions(*, client: IonQClient, active: bool | None = None) -> Call[Sessions]:
    """The sessions of the key's project."""
    return Call(client, Ask("GET", address("sessions", active=active)), Sessions)


@Endpoint
def get_session_jobs(
    session_id: str,
    *,
    client: IonQClient,
    ids: Sequence[str] | None = None,
    parent_job_id: str | None = None,
    status: str | None = None,
    target: str | None = None,
    submitter_id: str | None = None,
    limit: int | None = None,
    next: str | None = None,
) -> Call[JobPage]:
    """A page of the session's jobs, the newest first; see `get_jobs`."""
    path = address(
        "sessions",
        session_id,
        "jobs",
        ids=ids,
        parent_job_id=parent_job_id,
        status=status,
        target=target,
        submitter_id=submitter_id,
        limit=limit,
        next=next,
    )
    return Call(client, Ask("GET", path), JobPage)


@Endpoint
def end_session(session_id: str, *, client: IonQClient) -> Call[Session]:
    """End the session; its jobs are still run. Raises `ConflictError` for one that has ended."""
    return Call(client, Ask("POST", address("sessions", session_id, "end")), Session)


# --- Machines, keys and usage ---------------------------------------------------------------------


@Endpoint
def get_backends(*, client: IonQClient) -> Call[tuple[Backend, ...]]:
    """The machines."""
    return Call(client, Ask("GET", "backends"), tuple[Backend, ...])


@Endpoint
def get_backend(backend: str, *, client: IonQClient) -> Call[Backend]:
    """The machine of this name, such as simulator or qpu.forte-1."""
    return Call(client, Ask("GET", address("backends", backend)), Backend)


@Endpoint
def get_characterizations_for_backend(
    backend: str,
    *,
    client: IonQClient,
    start: str | None = None,
    end: str | None = None,
    limit: int = 10,
    page: int | None = None,
) -> Call[Characterizations]:
    """How well the machine was measured from `start` to `end` (ISO 8601); `limit` is 1 to 10."""
    asked = {"start": start, "end": end, "limit": limit, "page": page}
    path = address("backends", backend, "characterizations", **asked)
    return Call(client, Ask("GET", path), Characterizations)


@Endpoint
def get_characterization(backend: str, uuid: str, *, client: IonQClient) -> Call[Characterization]:
    """One measurement of the machine."""
    path = address("backends", backend, "characterizations", uuid)
    return Call(client, Ask("GET", path), Characterization)


@Endpoint
def get_whoami(*, client: IonQClient) -> Call[Whoami]:
    """The API key that the client has."""
    return Call(client, Ask("GET", "whoami"), Whoami)


@Endpoint
def get_usages(
    organization_id: str,
    *,
    client: IonQClient,
    start_date: datetime.date,
    end_date: datetime.date,
    group_by: Literal["job", "project", "user"],
    modality: Literal["daily", "weekly", "monthly"],
) -> Call[Usages]:
    """What an organization used of the hardware from `start_date` on, before `end_date`."""
    dates = {"start_date": start_date.isoformat(), "end_date": end_date.isoformat()}
    how = {"group_by": group_by, "modality": modality}
    path = address("organizations", organization_id, "usage", **dates, **how)
    return Call(client, Ask("GET", path), Usages)
