"""The query strings that IonQ takes, read with its own words for what is wrong in one."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta
from starlette.requests import Request

from failwell.apis.ionq.refusals import bad_request, blamed

T = TypeVar("T", bound=msgspec.Struct)

_Text = Annotated[str, Meta(max_length=4096)]
_Day = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d", max_length=40)]
_Integer = Annotated[int, Meta(ge=0, le=2**31 - 1)]
JobStatus = Literal["submitted", "ready", "started", "canceled", "failed", "completed"]


class JobList(msgspec.Struct, rename={"next_": "next"}):
    """`GET /jobs`; `target` may be several, parted by commas."""

    ids: Annotated[list[_Text], Meta(max_length=500)] = []
    parent_job_id: _Text | None = None
    status: JobStatus | None = None
    target: _Text | None = None
    session_id: _Text | None = None
    submitter_id: _Text | None = None
    limit: Annotated[int, Meta(ge=1, le=25)] = 25
    next_: _Text | None = None


class Characterizations(msgspec.Struct):
    """`GET /backends/{backend}/characterizations`; from `start` on, before `end`."""

    start: _Day | None = None
    end: _Day | None = None
    limit: Annotated[int, Meta(ge=1, le=10)] = 10
    page: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 1


class SessionList(msgspec.Struct):
    """`GET /sessions`."""

    active: bool | None = None


class ResultsOf(msgspec.Struct):
    """`GET /jobs/{id}/results/probabilities`."""

    sharpen: bool = False


class EstimateOf(msgspec.Struct, rename={"one_qubit": "1q_gates", "two_qubit": "2q_gates"}):
    """`GET /jobs/estimate`."""

    backend: _Text
    type: _Text = "ionq.circuit.v1"
    qubits: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 25
    shots: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000
    one_qubit: _Integer = 0
    two_qubit: _Integer = 0
    error_mitigation: bool = False


class UsageOf(msgspec.Struct):
    """`GET /organizations/{id}/usage`; from `start_date` on, before `end_date`."""

    start_date: datetime.date
    end_date: datetime.date
    group_by: Literal["job", "project", "user"]
    modality: Literal["daily", "weekly", "monthly"]


_LISTS = frozenset({"ids"})


def read(request: Request, cls: type[T]) -> T:
    """The query as `cls`. Raises a 400 that names the parameter."""
    given = request.query_params
    fields = {name: given.getlist(name) if name in _LISTS else given[name] for name in given}
    try:
        return msgspec.convert(fields, cls, strict=False)
    except msgspec.ValidationError as error:
        what, key = blamed(str(error))
        raise bad_request(f'"{key}" {what}', key, "query") from None
