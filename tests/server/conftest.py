"""A shop behind the server half, and sockets to speak to it without a client's good manners."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPResponse
from typing import Any, NamedTuple

import httpx2
import msgspec
import pytest

from failwell.contract import Code, Contract, Idempotency, RequestIds
from failwell.dialects.nested import Nested
from failwell.model import Outcome


class Answer(NamedTuple):
    """One answer, read off a socket."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Every line of one header."""
        return [value for given, value in self.headers if given.lower() == name.lower()]

    @property
    def error(self) -> dict[str, Any]:
        """What is under `error`; the body must be the envelope and nothing else."""
        body = msgspec.json.decode(self.body)
        assert list(body) == ["error"]
        inner: dict[str, Any] = body["error"]
        return inner


class Line:
    """One TCP connection, over which requests are written byte by byte."""

    def __init__(self, url: str) -> None:
        parts = httpx2.URL(url)
        self.host = parts.host
        self.socket = socket.create_connection((parts.host, parts.port), timeout=20)

    def ask(
        self,
        method: str,
        path: str,
        *fields: tuple[bytes, bytes],
        body: bytes | None = None,
    ) -> Answer:
        """Send one request; its answer."""
        lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: " + self.host.encode()]
        lines += [name + b": " + value for name, value in fields]
        if body is not None:
            lines.append(b"Content-Length: %d" % len(body))
        self.socket.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + (body or b""))
        response = HTTPResponse(self.socket, method=method)
        response.begin()
        read = response.read()
        response.close()
        return Answer(response.status, response.getheaders(), read)

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


@contextmanager
def _dialled(url: str) -> Iterator[Line]:
    with closing(Line(url)) as line:
        yield line


@pytest.fixture(scope="session")
def dial() -> Any:
    """Open one connection to a URL: `with dial(url) as line: line.ask("GET", "/")`."""
    return _dialled


@pytest.fixture(scope="session")
def shop_contract() -> Contract:
    """A contract in which some refusals prove that nothing was done, and some prove nothing."""
    nothing = Outcome.NOT_STARTED
    return Contract(
        name="shop",
        dialect=Nested(request_id="requestId"),
        codes=(
            Code(code="bad_request", status=400, proves=nothing, means="Malformed"),
            Code(code="not_found", status=404, proves=nothing, means="Not there"),
            Code(code="not_allowed", status=405, proves=nothing, means="Not so"),
            Code(code="conflict", status=409, means="Clash"),
            Code(code="unprocessable", status=422, means="No sense"),
            Code(code="rate_limited", status=429, proves=nothing, means="Too many"),
            Code(code="failed", status=500, means="The shop failed"),
            Code(code="away", status=503, proves=Outcome.ROLLED_BACK, means="The shop is away"),
        ),
        idempotency=Idempotency(
            keys="required",
            methods=frozenset({"POST", "PUT", "DELETE"}),
            replays=frozenset({"content-type", "location"}),
        ),
        request_ids=RequestIds(accepts=True),
    )
