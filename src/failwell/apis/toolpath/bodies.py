"""The bodies that Toolpath takes and gives, and the STEP text inside the ones it takes."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Any, Literal, TypeVar

import msgspec

from failwell.apis.toolpath.contract import TOOLPATH
from failwell.apis.toolpath.machining import Estimate
from failwell.apis.toolpath.rows import PartRow, ProgramRow

T = TypeVar("T")

LARGEST_STEP = 64 * 1024 * 1024
"""Bytes of STEP text that a compressed `stepFile` may unpack to."""


class NewPart(msgspec.Struct, rename="camel"):
    """The body of `POST /parts`."""

    name: str
    units: Literal["mm", "in"]
    step_file: str
    step_file_compression: Literal["gzip+base64"] | None = None
    source_file: str | None = None


class NewProgram(msgspec.Struct, rename="camel"):
    """The body of `POST /programs`."""

    part_id: str
    cut_config_id: str | None = None


_WANTED = {
    "`$.units`": "; use mm or in",
    "`$.stepFileCompression`": "; use gzip+base64, or leave it out",
}


def decoded(body: bytes, cls: type[T]) -> T:
    """The body as `cls`. Raises Toolpath's own `invalid_request`, which says what is wrong."""
    try:
        return msgspec.json.decode(body, type=cls)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = str(error) if body.strip() else "it is empty, and no JSON object"
        wanted = next((words for path, words in _WANTED.items() if path in said), "")
        message = f"The body is not right: {said}{wanted}"
        raise TOOLPATH.fail("invalid_request", 400, message=message) from None


def step_text(new: NewPart) -> str:
    """The STEP text of a new part. Raises `invalid_request` for content that does not decode."""
    if new.step_file_compression is None:
        return new.step_file
    try:
        packed = base64.b64decode(new.step_file, validate=True)
        unpacker = zlib.decompressobj(wbits=31)
        data = unpacker.decompress(packed, LARGEST_STEP + 1)
        if len(data) > LARGEST_STEP:
            raise ValueError(f"unpacked it is over {LARGEST_STEP // 1024**2} MiB")
        if not unpacker.eof or unpacker.unused_data:
            raise ValueError("it is cut short, or not one gzip file")
        return data.decode("utf-8", "replace")
    except (binascii.Error, zlib.error, ValueError) as error:
        message = f"stepFile does not decode as gzip+base64: {error}"
        raise TOOLPATH.fail("invalid_request", 400, message=message) from None


def part_json(part: PartRow, program_id: str | None) -> dict[str, Any]:
    """A part, as it is given."""
    return {
        "id": part.id,
        "status": part.status,
        "name": part.name,
        "units": part.units,
        "sourceFile": part.source_file,
        "createdAt": part.created,
        "failureCode": part.failure_code,
        "failureReason": part.failure_reason,
        "programId": program_id,
    }


def program_json(program: ProgramRow) -> dict[str, Any]:
    """A program, as it is given."""
    return {
        "id": program.id,
        "partId": f"part{program.part:04d}",
        "cutConfigId": program.cut_config,
        "status": program.status,
        "createdAt": program.created,
        "updatedAt": program.updated,
        "failureCode": program.failure_code,
        "failureReason": program.failure_reason,
    }


def estimate_json(program: ProgramRow, estimate: Estimate) -> dict[str, Any]:
    """An estimate, as it is given: money in US cents, time in seconds."""
    return {
        "programId": program.id,
        "status": "ready",
        "timings": estimate.timings,
        "costCents": estimate.cents,
        "materialCents": estimate.material_cents,
        "durationSeconds": estimate.seconds,
        "setups": [
            {"costCents": s.cents, "durationSeconds": s.seconds, "toolChanges": s.tool_changes}
            for s in estimate.set_ups
        ],
    }
