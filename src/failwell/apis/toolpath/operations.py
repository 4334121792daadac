"""What Toolpath's clients do, told once for sync and async."""

from __future__ import annotations

import base64
import gzip
import re
import reprlib
import uuid
from typing import Any, Literal, TypeVar, get_args

import httpx2
import msgspec

from failwell.apis.answers import BROKEN, unreadable
from failwell.apis.operation import Ask, Operation, Pause, belonging_to
from failwell.apis.toolpath import stepfile
from failwell.apis.toolpath.contract import TOOLPATH
from failwell.apis.toolpath.exceptions import ToolpathJobFailedError, ToolpathJobTimeoutError
from failwell.apis.toolpath.stepfile import StepFile
from failwell.errors import ConflictError, InvalidRequestError
from failwell.flows.ending import Finished
from failwell.flows.poll import poll
from failwell.flows.sight import Watch
from failwell.job import Job
from failwell.settings import Options

T = TypeVar("T")

Units = Literal["mm", "in"]
Timings = Literal["fast", "refined"]
Status = Literal["processing", "ready", "failed"]

LARGEST_BODY = 25 * 1024 * 1024
"""Bytes of JSON that Toolpath takes at most."""


class Part(msgspec.Struct, frozen=True, rename="camel"):
    """A part, as Toolpath gives it."""

    id: str
    status: Status
    name: str
    units: Units
    created_at: str
    failure_code: str | None = None
    failure_reason: str | None = None
    program_id: str | None = None
    source_file: str | None = None


class Program(msgspec.Struct, frozen=True, rename="camel"):
    """A program, as Toolpath gives it."""

    id: str
    part_id: str
    status: Status
    created_at: str
    updated_at: str
    failure_code: str | None = None
    failure_reason: str | None = None
    cut_config_id: str | None = None


class SetUp(msgspec.Struct, frozen=True, rename="camel"):
    """One set-up of an estimate: US cents and seconds."""

    cost_cents: int
    duration_seconds: int
    tool_changes: int = 0


class Estimate(msgspec.Struct, frozen=True, rename="camel"):
    """What a program costs and takes: whole US cents and whole seconds."""

    cost_cents: int
    duration_seconds: int
    timings: Timings
    material_cents: int = 0
    setups: tuple[SetUp, ...] = ()


def _job(url: str, **how: Any) -> Job:
    return Job(
        url=url,
        record="data",
        first=0.25,
        cap=5.0,
        failed_error=ToolpathJobFailedError,
        timeout_error=ToolpathJobTimeoutError,
        **how,
    )


def _made(url: str, **how: Any) -> Job:
    """A job whose record tells its state, and why it failed."""
    states = {"succeeded": frozenset({"ready"}), "failed": frozenset({"failed"})}
    return _job(url, reason="failureReason", code="failureCode", **states, **how)


PART = _made("parts/{id}", name="Part", resume="toolpath.parts.wait('{id}')")
PROGRAM = _made("programs/{id}", name="Program", resume="toolpath.programs.wait('{id}')")
ESTIMATES: dict[Timings, Job] = {
    timings: _job(
        f"programs/{{id}}/estimate?timings={timings}",
        name=f"The {timings} estimate of program",
        state=None,
        resume=f"toolpath.estimates.get('{{id}}', timings='{timings}')",
    )
    for timings in ("fast", "refined")
}
"""An estimate is 202 until it is there; it has no state of its own."""


def create_part(step: StepFile, name: str | None, units: Units, key: str | None) -> Operation[Part]:
    """A new part, processing."""
    _check_text("name", name)
    if units not in get_args(Units):
        raise InvalidRequestError.of(f"units is {reprlib.repr(units)}: use mm or in")
    text, source = stepfile.read(step)
    body: dict[str, Any] = {"name": name or stepfile.stem(source) or "part", "units": units}
    packed = gzip.compress(stepfile.encoded(text, source), compresslevel=6, mtime=0)
    body |= {
        "stepFile": base64.b64encode(packed).decode(),
        "stepFileCompression": "gzip+base64",
        "sourceFile": source,
    }
    if len(body["stepFile"]) > LARGEST_BODY - 1024:
        size = len(body["stepFile"]) / 1024 / 1024
        raise InvalidRequestError.of(
            f"{stepfile.named(source)} is {size:.0f} MB even when compressed: Toolpath takes 25 MB"
        )
    response, _ = yield from Ask("POST", "parts", json=body, options=_keyed(key))
    return _data(response, Part)


def get_part(part: str | Part) -> Operation[Part]:
    """The part as it is now."""
    response, _ = yield from Ask("GET", f"parts/{id_of(part)}")
    return _data(response, Part)


def create_program(
    part: str | Part, cut_config: str | None, timeout: float, key: str | None
) -> Operation[Program]:
    """A new program, processing, once its part is ready.

    The not-ready 409 and a used key look the same on the wire; the part's own state tells them
    apart: only while it is processing is there anything to wait for. With the same key the request
    may be sent once more even where an earlier answer was lost.
    """
    _check_text("cut_config", cut_config)
    body = {"partId": id_of(part)} | ({"cutConfigId": cut_config} if cut_config else {})
    key = str(uuid.uuid4()) if key is None else key
    ask = Ask("POST", "programs", json=body, options=_keyed(key))
    try:
        response, _ = yield from ask
    except ConflictError as conflict:
        with belonging_to(conflict):
            now = yield from get_part(part)
        if now.status == "failed":
            raise
        with belonging_to(conflict):
            if now.status == "processing":
                yield from _until_ready(now.id, timeout)
            response, _ = yield from ask
    return _data(response, Program)


def get_program(program: str | Program) -> Operation[Program]:
    """The program as it is now."""
    response, _ = yield from Ask("GET", f"programs/{id_of(program)}")
    return _data(response, Program)


def _until_ready(part_id: str, timeout: float) -> Operation[None]:
    now = yield from Pause(0.0)
    url = f"parts/{part_id}"
    watch = Watch(job=PART, contract=TOOLPATH, url=url, job_id=part_id, timeout=timeout)
    yield from poll(watch, now)


def part_of(ready: Finished) -> Part:
    """The part that was waited for."""
    return _data(ready.response, Part)


def program_of(ready: Finished) -> Program:
    """The program that was waited for."""
    return _data(ready.response, Program)


def estimate_of(ready: Finished) -> Estimate:
    """The estimate that was waited for."""
    return _data(ready.response, Estimate)


def _check_text(field: str, given: Any) -> None:
    """Raises `InvalidRequestError` for what is given and is blank, or no text at all."""
    if given is not None and not (isinstance(given, str) and given.strip()):
        said = f"{field} is {reprlib.repr(given)}: give a text that is not blank, or leave it out"
        raise InvalidRequestError.of(said)


def _keyed(key: str | None) -> Options | None:
    return None if key is None else Options(idempotency_key=key)


def _data(response: httpx2.Response, cls: type[T]) -> T:
    """The record under `data`."""
    try:
        envelope: dict[str, msgspec.Raw] = msgspec.json.decode(
            response.content, type=dict[str, msgspec.Raw]
        )
        return msgspec.json.decode(envelope["data"], type=cls)
    except BROKEN as error:
        raise unreadable(TOOLPATH, response, f"is not a {cls.__name__}: {error}") from None


def id_of(record: str | Part | Program) -> str:
    """The id. Raises `InvalidRequestError` for what is none."""
    identifier: Any = record.id if isinstance(record, (Part, Program)) else record
    if not isinstance(identifier, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", identifier):
        raise InvalidRequestError.of(f"{identifier!r} is not an id: letters, digits, - and _ only")
    return identifier


def estimate_job(timings: Timings) -> Job:
    """The wait for such an estimate. Raises `InvalidRequestError` where there is none."""
    job = ESTIMATES.get(timings)
    if job is None:
        raise InvalidRequestError.of(f"timings is {timings!r}: use {' or '.join(ESTIMATES)}")
    return job
