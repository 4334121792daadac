"""The bodies that Ionworks takes and gives, and what it says of those that are wrong."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from failwell.apis.ionworks.contract import IONWORKS
from failwell.errors import FailwellError

S = TypeVar("S", bound=msgspec.Struct)

_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>[^\]]*)\]")


class Wrong(msgspec.Struct, frozen=True):
    """One thing that is wrong: where, what, and of which kind."""

    loc: tuple[str | int, ...]
    msg: str
    type: str = "value_error"


def unprocessable(problems: Iterable[Wrong]) -> FailwellError:
    """The 422 that lists these problems."""
    listed = list(problems)
    first = listed[0]
    where = ".".join(map(str, first.loc[1:])) or "the body"
    message = f"{where}: {first.msg}"
    if len(listed) > 1:
        message += f" (and {len(listed) - 1} more)"
    return IONWORKS.fail("VALIDATION_ERROR", message=message, details=listed)


def invalid(loc: tuple[str | int, ...], msg: str, kind: str = "value_error") -> FailwellError:
    """The 422 for one thing that is wrong."""
    return unprocessable([Wrong(loc, msg, kind)])


async def decoded(request: Request, cls: type[S], most: int) -> S:
    """The body as `cls`; unpacked it may have `most` bytes.

    Raises the 400 for what is not JSON, the 413 for too much of it, and the 422 that lists every
    field that is wrong.
    """
    body = _unpacked(await request.body(), request.headers.get("content-encoding", ""), most)
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"The body is not JSON: {error}"
        raise IONWORKS.fail("BAD_REQUEST", message=message) from None
    if not isinstance(given, dict):
        raise invalid(("body",), "Must be an object", "model_type")
    return checked(given, cls)


def checked(given: Any, cls: type[S], within: tuple[str | int, ...] = ("body",)) -> S:
    """The object as `cls`. Raises the 422 that lists every field that is wrong."""
    try:
        return msgspec.convert(given, cls)
    except (msgspec.ValidationError, RecursionError) as error:
        problems = [Wrong((*within, *p.loc), p.msg, p.type) for p in _problems(given, cls)]
        raise unprocessable(problems or [Wrong(within, str(error))]) from None


def _problems(given: dict[str, Any], cls: type[msgspec.Struct]) -> Iterable[Wrong]:
    for field in msgspec.structs.fields(cls):
        name = field.encode_name
        if name not in given:
            if field.required:
                yield Wrong((name,), "Field required", "missing")
            continue
        try:
            msgspec.convert(given[name], field.type)
        except msgspec.ValidationError as error:
            said, _, path = str(error).partition(" - at `$")
            yield Wrong((name, *_steps(path.rstrip("`"))), said)


def _steps(path: str) -> tuple[str | int, ...]:
    """The names and indices in a path such as `.a[0]`; what stands for any key is left out."""
    found = [(step["name"], step["index"]) for step in _STEP.finditer(path)]
    return tuple(
        name if name else int(index) for name, index in found if name or (index or "").isdigit()
    )


def _unpacked(body: bytes, coding: str, most: int) -> bytes:
    if coding.lower() in ("", "identity"):
        return body
    if coding.lower() != "gzip":
        raise IONWORKS.fail("BAD_REQUEST", message=f"Content-Encoding is {coding[:40]!r}: use gzip")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise IONWORKS.fail("BAD_REQUEST", message=f"The body is not gzip: {error}") from None
    if len(unpacked) > most:
        raise too_large(most)
    if not unpacker.eof:
        raise IONWORKS.fail("BAD_REQUEST", message="The body is gzip that is cut short")
    return unpacked


def too_large(most: int) -> FailwellError:
    """The 413 for a body over `most` bytes."""
    return IONWORKS.fail("PAYLOAD_TOO_LARGE", message=f"The body is over {most} bytes")


def answer(data: Any, status: int = 200) -> Response:
    """A success. Its content type is exactly `application/json`: the Python client asks for that,
    letter by letter, and takes anything else for a file."""
    return Response(msgspec.json.encode(data), status, media_type="application/json")


def nothing() -> Response:
    """The success of a DELETE."""
    return Response(status_code=204)
