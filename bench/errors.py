"""An error's body to the exception that the caller catches.

Ours begins with the answer as the client adapter hands it on and ends when the exception is
caught: it is read by its dialect, judged by its evidence, and raised in the API's own class. What
it says in words is scrubbed of secrets when somebody looks: at its sentence, or at everything,
which are cases of their own. The bare case is `json.loads` and a plain exception. ionq-core
begins with an `httpx.Response` whose body is read, and goes its own way from there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx2
from ionq_core._transport import ErrorRaisingTransport
from ionq_core.exceptions import IonQError

from bench.rounds import Case, Repeat, Row, Table, compare
from failwell import GENERIC, Contract, FailwellError, Outcome
from failwell.apis.toolpath.contract import TOOLPATH
from failwell.clients.httpx2 import attempt
from failwell.dialects import Nested, Problem
from failwell.model import Request, Response
from failwell.policy import evidence

TARGET = 1.5
TARGET_LARGE = 0.3
ROUNDS = 200

URL = "https://api.example.org/v1/programs"
SENT = b'{"part_id":"prt_01HZX3YQ8D","material":"6061-T6","tolerance_mm":0.05,"quantity":12}'
MESSAGE = (
    "The program could not be generated: the selected tolerance of 0.05 mm is tighter than the "
    "machine profile 'VF-2 mill, 3 axis' allows for aluminium 6061-T6. Choose a tolerance of at "
    "least 0.08 mm, or a machine profile with a higher accuracy class, and send the request again."
)
PROBLEM = Contract(name="problems", dialect=Problem(), unlisted=Outcome.NOT_STARTED)
NESTED = Contract(name="nested", dialect=Nested(details="details"), unlisted=Outcome.NOT_STARTED)

NESTED_BODY = {
    "error": {
        "code": "invalid_request",
        "message": MESSAGE,
        "requestId": "req_01HZX3YQ8DTN4W6V5R2K7M9BCE",
        "status": 400,
        "documentation": "https://docs.example.org/errors#invalid_request",
    }
}
PROBLEM_BODY = {
    "type": "https://docs.example.org/errors/tolerance_too_tight",
    "title": "Tolerance too tight",
    "status": 400,
    "detail": MESSAGE[:280],
    "instance": "/v1/programs",
    "request_id": "req_01HZX3YQ8DTN4W6V5R2K7M9BCE",
}
FLAT_BODY = {
    "statusCode": 400,
    "error": "BadRequestError",
    "message": MESSAGE,
    "request_id": "req_01HZX3YQ8DTN4W6V5R2K7M9BCE",
}
LARGE_BODY = {
    "error": {
        "code": "invalid_request",
        "message": MESSAGE,
        "details": [
            {
                "path": f"features[{i}].tolerance",
                "message": "must be at least 0.08",
                "code": "too_small",
                "value": 0.05,
            }
            for i in range(1000)
        ],
    }
}


def tables() -> Iterator[Table]:
    """Three shapes of about 450 bytes, and one of 100 kB."""
    shapes: list[tuple[str, Contract, dict[str, Any], str]] = [
        ("nested, TOOLPATH", TOOLPATH, NESTED_BODY, "application/json"),
        ("problem", PROBLEM, PROBLEM_BODY, "application/problem+json"),
        ("any shape, GENERIC", GENERIC, FLAT_BODY, "application/json"),
    ]
    for name, contract, body, media in shapes:
        yield _table(f"An error of {{size}}: {name}", contract, body, media, TARGET)
    yield _table(
        "An error of {size}: nested with 1000 details",
        NESTED,
        LARGE_BODY,
        "application/json",
        TARGET_LARGE,
    )


def _table(
    title: str, contract: Contract, body: dict[str, Any], media: str, target: float
) -> Table:
    text = json.dumps(body, separators=(",", ":")).encode()
    size = f"{len(text)} bytes" if len(text) < 1000 else f"{len(text) / 1000:.0f} kB"
    fields = _fields(media, len(text))
    cases = [
        Case("failwell", _ours(contract, text, fields), target),
        Case("and its sentence read", _looked_at(contract, text, fields, str)),
        Case("and all looked at", _looked_at(contract, text, fields, _all)),
        Case("its reading alone", _read(contract, text, fields)),
        Case("ionq-core", _ionq(text, fields)),
    ]
    rows: list[Row] = compare(Case("json.loads + raise", _plain(text)), cases, ROUNDS)
    return Table(title.format(size=size), rows)


def _fields(media: str, size: int) -> dict[str, str]:
    return {
        "date": "Fri, 02 Jan 2026 03:04:05 GMT",
        "content-type": media,
        "content-length": str(size),
        "connection": "keep-alive",
        "x-request-id": "req_01HZX3YQ8DTN4W6V5R2K7M9BCE",
    }


def _plain(text: bytes) -> Repeat:
    def once() -> None:
        try:
            raise RuntimeError(json.loads(text))
        except RuntimeError:
            return

    return _many(once)


def _ours(contract: Contract, text: bytes, fields: dict[str, str]) -> Repeat:
    request, response = _answered(contract, text, fields)

    def once() -> None:
        verdict = evidence.judge(contract, request, response)
        assert verdict is not None
        try:
            raise contract.error(verdict.failure)
        except FailwellError:
            return

    return _many(once)


def _looked_at(
    contract: Contract,
    text: bytes,
    fields: dict[str, str],
    look: Callable[[FailwellError], object],
) -> Repeat:
    """The same, whose catcher looks."""
    request, response = _answered(contract, text, fields)

    def once() -> None:
        verdict = evidence.judge(contract, request, response)
        assert verdict is not None
        try:
            raise contract.error(verdict.failure)
        except FailwellError as error:
            look(error)

    return _many(once)


def _all(error: FailwellError) -> object:
    """Its words, and its body, details and issues."""
    return error.failure


def _read(contract: Contract, text: bytes, fields: dict[str, str]) -> Repeat:
    """What of it is reading and raising: no evidence, no redaction of what was sent."""
    _, response = _answered(contract, text, fields)

    def once() -> None:
        failure = contract.dialect.parse(response)
        assert failure is not None
        try:
            raise contract.error(failure)
        except FailwellError:
            return

    return _many(once)


def _answered(contract: Contract, text: bytes, fields: dict[str, str]) -> tuple[Request, Response]:
    """A write with a credential, and its refusal, both as the client adapter makes them."""
    key = "6e2f0c55-6f0e-4a5c-8d4c-0b9f4f1f7c11"
    headers = {
        "authorization": "Bearer tp_live_51f0c55d4c0b9f4f1f7c11",
        "content-type": "application/json",
        "idempotency-key": key,
    }
    with httpx2.Client() as client:
        asked = client.build_request("POST", URL, content=SENT, headers=headers)
    native = httpx2.Response(400, headers=fields, content=text, request=asked)
    request = Request(method="POST", url=asked.url, headers=asked.headers, body=SENT, key=key)
    return request, attempt.answer(native, asked, text)


def _ionq(text: bytes, fields: dict[str, str]) -> Repeat:
    response = httpx.Response(400, headers=fields, content=text)
    response.read()
    request = httpx.Request("POST", URL, content=SENT)
    transport = ErrorRaisingTransport(_Ready(response))

    def once() -> None:
        try:
            transport.handle_request(request)
        except IonQError:
            return

    return _many(once)


class _Ready(httpx.BaseTransport):
    """A transport with its answer at hand."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._response


def _many(once: Callable[[], None]) -> Repeat:
    def repeat(count: int) -> None:
        for _ in range(count):
            once()

    return repeat
