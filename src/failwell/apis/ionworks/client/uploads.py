"""Measurements: read, created, and uploaded in three acts: ask for signed links, put the files
there, confirm. Nothing is recorded as a measurement before the third.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx2
import msgspec

from failwell.apis.ionworks.client import answered, checks, existing, frames
from failwell.apis.ionworks.client.asked import fields, path, plain, write
from failwell.apis.ionworks.client.cells import CELLS, get
from failwell.apis.ionworks.client.records import CellMeasurement
from failwell.apis.ionworks.exceptions import JOB_FAILED, JOB_TIMEOUT, invalid_measurement
from failwell.apis.operation import Ask, Operation, belonging_to
from failwell.errors import ConflictError, InvalidRequestError
from failwell.job import Job
from failwell.policy.natural import differences
from failwell.settings import Options

T = TypeVar("T")

MEASUREMENTS = "cell_measurements"
SERIES, STEPS = "time_series.parquet", "steps.parquet"

PROCESSING = Job(
    url=f"{MEASUREMENTS}/{{id}}",
    state="processing_status",
    succeeded=frozenset({"ready"}),
    failed=frozenset({"failed"}),
    cancelled=frozenset(),
    reason="processing_error",
    first=0.25,
    cap=2.0,
    name="The processing of measurement",
    resume="client.cell_measurement.wait_for_processing('{id}')",
    failed_error=JOB_FAILED,
    timeout_error=JOB_TIMEOUT,
)
"""The steps of a time series are derived after the upload was confirmed."""


class Draft(msgspec.Struct, frozen=True):
    """A measurement that is about to be uploaded: its cell, its fields, its files by name."""

    cell: str
    measurement: dict[str, Any]
    files: dict[str, bytes]


class Upload(msgspec.Struct, frozen=True):
    """Where one file is to be put; whoever has the link may."""

    filename: str
    signed_url: str


class Begun(msgspec.Struct, frozen=True):
    """An upload that was begun; its id becomes the measurement's."""

    measurement_id: str
    uploads: list[Upload]


def draft(cell: str, detail: Mapping[str, Any]) -> Draft:
    """The upload of `{"measurement": {...}, "time_series": table, "steps": table}`.

    Raises `IonworksError` for a time series that Ionworks would not take, with all that is wrong
    with it in `issues`; `InvalidRequestError` for what is no measurement at all.
    """
    given = fields(detail, "A measurement")
    measurement = fields(given.get("measurement"), "detail['measurement']")
    if "time_series" not in given:
        raise InvalidRequestError.of(
            "A measurement needs its time_series; for single values, use create_properties()"
        )
    series = frames.columns_of(given["time_series"])
    is_cycled = measurement.pop("data_type", None) not in ("ocp", "eis")
    if is_cycled and (issues := checks.issues_of(series)):
        raise invalid_measurement(issues)
    files = {SERIES: frames.parquet_of(series)}
    if given.get("steps") is not None:
        files[STEPS] = frames.parquet_of(frames.columns_of(given["steps"]))
    return Draft(cell, measurement, files)


def begin(plan: Draft) -> Operation[Begun]:
    """The signed links."""
    named = {name: plan.measurement[name] for name in ("name", "notes") if name in plan.measurement}
    where = path(CELLS, plan.cell, MEASUREMENTS, "initiate-upload")
    response, _ = yield from write("POST", where, {"measurement": named})
    return answered.read(response, Begun)


def or_get(plan: Draft, act: Operation[T]) -> Operation[T | CellMeasurement]:
    """What an act of an upload gives, or the measurement that has this name already, of which a
    warning tells where its fields are not those that were given. (Its time series is not compared:
    it would have to be fetched.)"""
    try:
        return (yield from act)
    except ConflictError as clash:
        identifier = existing.named_by(clash)
        if identifier is None:
            raise
        with belonging_to(clash):
            response, _ = yield from Ask("GET", path(MEASUREMENTS, identifier))
    held = answered.read(response, dict[str, Any])
    issues = differences(_settled(plan.measurement), _settled(held))
    existing.warn("measurement", identifier, issues)
    return answered.read(response, CellMeasurement)


def _settled(measurement: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with times as instants and tags as a set: Ionworks spells both its own way."""
    told: dict[str, Any] = msgspec.to_builtins(dict(measurement), enc_hook=plain)
    for name in ("start_time", "end_time"):
        if isinstance(told.get(name), str):
            told[name] = _instant(told[name])
    if isinstance(told.get("tags"), list):
        told["tags"] = sorted({str(tag).strip().casefold() for tag in told["tags"]})
    return told


def _instant(said: str) -> str:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return said
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def put(plan: Draft, begun: Begun) -> Operation[None]:
    """The files, each at its link; for a client that sends no credential."""
    links = {upload.filename: upload.signed_url for upload in begun.uploads}
    for name, content in plan.files.items():
        if name not in links:
            raise InvalidRequestError.of(f"Ionworks gave no link to upload {name}")
        yield from Ask("PUT", links[name], content=content, headers=_BYTES, options=_ANY)


_BYTES = {"Content-Type": "application/octet-stream"}
_ANY = Options(expect="any")


def confirm(plan: Draft, begun: Begun) -> Operation[CellMeasurement]:
    """The measurement of what was uploaded."""
    body = {
        "cell_instance_id": plan.cell,
        "measurement": plan.measurement,
        "measurement_type": "time_series",
    }
    where = path(MEASUREMENTS, begun.measurement_id, "confirm-upload")
    response, _ = yield from write("POST", where, body)
    return answered.read(response, CellMeasurement)


def create_properties(
    cell: str, name: str, properties: Mapping[str, Any], more: Mapping[str, Any]
) -> Operation[CellMeasurement]:
    """A measurement that is properties alone."""
    body = {"name": name, "measurement_type": "properties", "properties": properties, **more}
    where = path(CELLS, cell, MEASUREMENTS, "create")
    response, _ = yield from write("POST", where, body)
    return answered.read(response, CellMeasurement)


def derived(measurement: str) -> Operation[dict[str, frames.Columns]]:
    """The steps and the cycles, by column."""
    response, _ = yield from Ask("GET", path(MEASUREMENTS, measurement, "steps_and_cycles"))
    return answered.read(response, dict[str, frames.Columns])


def link(*where: str) -> Operation[str]:
    """The signed link that a download is redirected to."""
    response, _ = yield from Ask("GET", path(*where, "download"), options=_ANY)
    location = response.headers.get("location")
    if location is None:
        raise answered.unreadable(response, "a redirect to the file")
    return str(httpx2.URL(response.url).join(location))


def fetch(url: str) -> Operation[bytes]:
    """The file behind a link; for a client that sends no credential."""
    response, _ = yield from Ask("GET", url, options=_ANY)
    return response.content


def get_measurement(identifier: str) -> Operation[CellMeasurement]:
    """The measurement with this id."""
    return get(MEASUREMENTS, CellMeasurement, identifier)
