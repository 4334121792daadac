"""What Toolpath's clients do, told once for sync and async."""

from __future__ import annotations

import base64
import gzip
import re
import uuid
from pathlib import Path
from typing import Any, Literal, TypeVar

import httpx2
import msgspec

from failwell.apis.operation import Ask, Operation, Pause
from failwell.apis.toolpath.contract import TOOLPATH
from failwell.apis.toolpath.exceptions import ToolpathJobFailedError, ToolpathJobTimeoutError
from failwell.contract import Options
from failwell.errors import ConflictError, FailwellError, InvalidRequestError
from failwell.headers import parse_retry_after
from failwell.model import Failure, Kind, Outcome

T = TypeVar("T")
J = TypeVar("J", "Part", "Program")

Units = Literal["mm", "in"]
Timings = Literal["fast", "refined"]
Status = Literal["processing", "ready", "failed"]
StepFile = str | bytes | Path

LARGEST_BODY = 25 * 1024 * 1024
"""Bytes of JSON that Toolpath takes at most."""

FIRST_PAUSE, GROWTH, LONGEST_PAUSE = 0.25, 1.5, 5.0
"""Seconds between two looks at something that is processing, and how they grow."""

_BEGINS = re.compile(r"ISO-10303-21\s*;")


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


def create_part(step: StepFile, name: str | None, units: Units, key: str | None) -> Operation[Part]:
    """A new part, processing."""
    text, source = _step(step)
    body: dict[str, Any] = {"name": name or _stem(source) or "part", "units": units}
    packed = gzip.compress(_encoded(text, source), compresslevel=6, mtime=0)
    body |= {
        "stepFile": base64.b64encode(packed).decode(),
        "stepFileCompression": "gzip+base64",
        "sourceFile": source,
    }
    if len(body["stepFile"]) > LARGEST_BODY - 1024:
        size = len(body["stepFile"]) / 1024 / 1024
        raise InvalidRequestError.of(
            f"{_named(source)} is {size:.0f} MB even when compressed: Toolpath takes 25 MB"
        )
    response, _ = yield from Ask("POST", "parts", json=body, options=_keyed(key))
    return _data(response, Part)


def get_part(part: str | Part) -> Operation[Part]:
    """The part as it is now."""
    response, _ = yield from Ask("GET", f"parts/{_id(part)}")
    return _data(response, Part)


def wait_for_part(part: str | Part, timeout: float) -> Operation[Part]:
    """The part when it is ready."""
    return (yield from _wait("parts", _id(part), Part, timeout))


def create_program(
    part: str | Part, cut_config: str | None, timeout: float, key: str | None
) -> Operation[Program]:
    """A new program, processing, once its part is ready.

    The not-ready 409 and a used key look the same on the wire; the part's own state tells them
    apart: only while it is processing is there anything to wait for.
    """
    body = {"partId": _id(part)} | ({"cutConfigId": cut_config} if cut_config else {})
    key = str(uuid.uuid4()) if key is None else key
    ask = Ask("POST", "programs", json=body, options=_keyed(key))
    try:
        response, _ = yield from ask
    except ConflictError as conflict:
        now = yield from get_part(part)
        if conflict.outcome is not Outcome.NOT_STARTED or now.status == "failed":
            raise
        if now.status == "processing":
            yield from wait_for_part(part, timeout)
        response, _ = yield from ask
    return _data(response, Program)


def get_program(program: str | Program) -> Operation[Program]:
    """The program as it is now."""
    response, _ = yield from Ask("GET", f"programs/{_id(program)}")
    return _data(response, Program)


def wait_for_program(program: str | Program, timeout: float) -> Operation[Program]:
    """The program when it is ready."""
    return (yield from _wait("programs", _id(program), Program, timeout))


def get_estimate(program: str | Program, timings: Timings, timeout: float) -> Operation[Estimate]:
    """The estimate, once it is there."""
    ask = Ask("GET", f"programs/{_id(program)}/estimate", params={"timings": timings})
    response, now = yield from ask
    ends, pause = now + timeout, FIRST_PAUSE
    while response.status_code == 202:
        if now >= ends:
            raise _late(f"The {timings} estimate of program {_id(program)}", "processing", timeout)
        yield from Pause(min(_pause(response, pause), ends - now))
        response, now = yield from ask
        pause = min(pause * GROWTH, LONGEST_PAUSE)
    return _data(response, Estimate)


def _wait(kind: str, identifier: str, cls: type[J], timeout: float) -> Operation[J]:
    response, now = yield from Ask("GET", f"{kind}/{identifier}")
    job = _data(response, cls)
    ends, pause = now + timeout, FIRST_PAUSE
    while job.status == "processing":
        if now >= ends:
            raise _late(f"{cls.__name__} {identifier}", job.status, timeout)
        yield from Pause(min(_pause(response, pause), ends - now))
        response, now = yield from Ask("GET", f"{kind}/{identifier}")
        job = _data(response, cls)
        pause = min(pause * GROWTH, LONGEST_PAUSE)
    if job.status == "failed":
        raise _failed(cls.__name__, job, response)
    return job


def _pause(response: httpx2.Response, pause: float) -> float:
    asked = parse_retry_after(response.headers.get("retry-after"), date=None, now=0.0)
    return max(pause, asked or 0.0)


def _failed(name: str, job: Part | Program, response: httpx2.Response) -> FailwellError:
    return ToolpathJobFailedError(
        Failure(
            kind=Kind.UNPROCESSABLE,
            code=job.failure_code,
            message=f"{name} {job.id} failed: {job.failure_reason or 'no reason given'}",
            request_id=response.headers.get(TOOLPATH.request_ids.header),
            api=TOOLPATH.name,
            advice="Change the input: the same part will fail in the Engine again.",
        )
    )


def _late(what: str, state: str, timeout: float) -> FailwellError:
    return ToolpathJobTimeoutError(
        Failure(
            kind=Kind.TIMEOUT,
            message=f"{what} is still {state} after {timeout:g} seconds",
            code=state,
            api=TOOLPATH.name,
            advice="It goes on without you: wait for it again by its id.",
        )
    )


def _keyed(key: str | None) -> Options | None:
    return None if key is None else Options(idempotency_key=key)


def _data(response: httpx2.Response, cls: type[T]) -> T:
    """The record under `data`; a body in another shape is told, not guessed at."""
    try:
        envelope: dict[str, msgspec.Raw] = msgspec.json.decode(
            response.content, type=dict[str, msgspec.Raw]
        )
        return msgspec.json.decode(envelope["data"], type=cls)
    except (msgspec.DecodeError, KeyError, UnicodeDecodeError, RecursionError) as error:
        raise TOOLPATH.error(
            Failure(
                kind=Kind.BAD_RESPONSE,
                status=response.status_code,
                message=f"The answer is not a {cls.__name__}: {error}",
                request_id=response.headers.get(TOOLPATH.request_ids.header),
                outcome=None if response.request.method == "GET" else Outcome.APPLIED,
                api=TOOLPATH.name,
                body=response.content[:2000],
            )
        ) from None


def _id(record: str | Part | Program) -> str:
    identifier = record if isinstance(record, str) else record.id
    if not re.fullmatch(r"[A-Za-z0-9_-]+", identifier):
        raise InvalidRequestError.of(f"{identifier!r} is not an id: letters, digits, - and _ only")
    return identifier


def _step(step: StepFile) -> tuple[str, str | None]:
    """The STEP text, and the name of its file."""
    source = None
    if isinstance(step, Path) or (isinstance(step, str) and not _is_text(step)):
        path = Path(step)
        source = path.name
        step = _read(path)
    if isinstance(step, bytes):
        step = _decoded(step, source)
    assert isinstance(step, str)
    if not step.strip():
        raise InvalidRequestError.of(f"{_named(source)} is empty")
    if not _BEGINS.search(step[:4096]):
        raise InvalidRequestError.of(
            f"{_named(source)} is not a STEP file: it does not begin with ISO-10303-21;"
        )
    return step, source


def _is_text(step: str) -> bool:
    """Whether it is STEP text, well or badly written, and not the path of a file."""
    return not step.strip() or "\n" in step or "ISO-10303-21" in step


def _encoded(text: str, source: str | None) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidRequestError.of(f"{_named(source)} holds text that is not Unicode") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        shown = str(path) if len(str(path)) < 200 else f"{str(path)[:60]}…"
        reason = getattr(error, "strerror", None) or error
        raise InvalidRequestError.of(f"The STEP file {shown!r} cannot be read: {reason}") from None


def _decoded(data: bytes, source: str | None) -> str:
    if b"\0" in data:
        raise InvalidRequestError.of(f"{_named(source)} is binary, not STEP text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _named(source: str | None) -> str:
    return f"The STEP file {source!r}" if source else "The STEP file"


def _stem(source: str | None) -> str | None:
    return None if source is None else Path(source).stem
