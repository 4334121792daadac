"""Hostile requests in bulk: nothing hostile is reflected, no secret leaves, and there is no 500
that the app did not raise."""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPResponse
from typing import Any, NamedTuple

import httpx2
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from failwell.contract import Code, Contract, Idempotency, RequestIds
from failwell.dialects.nested import Nested
from failwell.model import Outcome
from failwell.policy.quota import Window
from failwell.sandbox.wire import HOST, running
from failwell.server.asgi import idempotent, limited, wrap
from failwell.stores.memory import MemoryStore

CASES = int(os.environ.get("FAILWELL_CASES", "10000"))
SECRET = "hunter2-s3cr3t"

CONTRACT = Contract(
    name="target",
    dialect=Nested(request_id="requestId"),
    codes=(
        Code(code="bad_request", status=400, proves=Outcome.NOT_STARTED),
        Code(code="conflict", status=409),
        Code(code="rate_limited", status=429, proves=Outcome.NOT_STARTED),
        Code(code="failed", status=500),
        Code(code="away", status=503, proves=Outcome.ROLLED_BACK),
    ),
    idempotency=Idempotency(keys="required"),
    request_ids=RequestIds(accepts=True),
)


# --- A thousand over one connection --------------------------------------------------------------


class Raw:
    """One connection, over which header lines are sent as they are."""

    def __init__(self, url: str) -> None:
        import socket

        port = httpx2.URL(url).port
        assert port is not None
        self.socket = socket.create_connection((HOST, port), timeout=20)

    def ask(self, *lines: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """The answer to one POST with these header lines: status, headers, body."""
        head = b"\r\n".join((b"POST / HTTP/1.1", b"Host: x", b"Content-Length: 2", *lines))
        self.socket.sendall(head + b"\r\n\r\n{}")
        response = HTTPResponse(self.socket, method="POST")
        response.begin()
        body = response.read()
        response.close()
        return response.status, response.getheaders(), body

    def close(self) -> None:
        self.socket.close()


class Target:
    """An app that counts how often it was reached."""

    def __init__(self) -> None:
        self.reached = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer `{}`."""
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        self.reached += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


@pytest.fixture
def target() -> Iterator[tuple[Target, Raw]]:
    target = Target()
    once = idempotent(CONTRACT, MemoryStore(), caller=lambda _: "ann")
    with running(wrap(once(target), CONTRACT)) as url, closing(Raw(url)) as line:
        yield target, line


def hostile(rng: random.Random, allowed: str) -> bytes:
    """A header value that is outside the alphabet, too long, or with bytes that it does not have.
    Uvicorn itself refuses line breaks, form feeds and NUL, and hangs up: no app sees them."""
    printable = bytes(range(0x21, 0x7F))
    everything = bytes(n for n in range(1, 256) if n not in b"\r\n\0\v\f")
    while True:
        match rng.randrange(4):
            case 0:
                value = bytes(rng.choices(printable, k=rng.choice([300, 5000, 8192, 16000])))
            case 1:
                value = bytes(rng.choices(everything, k=rng.randrange(1, 300)))
            case 2:
                value = rng.choice(
                    [b"<script>", b"../", b"a=1 tenantId=", b"%0d%0aX: ", b"\t;\x7f"]
                )
                value += bytes(rng.choices(printable, k=20)) + b" \x85\xff"
            case _:
                value = "ключ-\u202e-鍵".encode() + bytes(rng.choices(everything, k=9))
        if not re.fullmatch(allowed, value.strip(b" \t").decode("latin-1"), re.ASCII):
            return value


def test_a_thousand_hostile_request_ids(target: tuple[Target, Raw]) -> None:
    """None comes back, in no header and no body; each request gets an id of its own, and the
    connection serves all of them."""
    app, line = target
    rng, given = random.Random(1), set()
    for n in range(1000):
        value = hostile(rng, CONTRACT.request_ids.alphabet)
        key = b"Idempotency-Key: key-%d" % n if n % 2 else b"X-None: 1"
        status, fields, body = line.ask(b"X-Request-Id: " + value, key)
        assert status == (200 if n % 2 else 400)
        (own,) = (v for k, v in fields if k.lower() == "x-request-id")
        assert re.fullmatch(CONTRACT.request_ids.alphabet, own)
        given.add(own)
        said = repr(fields).encode() + body
        assert len(said) < 1000
        assert len(value) < 8 or value.strip() not in said
    assert len(given) == 1000
    assert app.reached == 500


def test_a_thousand_hostile_keys(target: tuple[Target, Raw]) -> None:
    """Each is refused with 400 and `not_started`, in the envelope, and not shown; the app is never
    reached, and the connection serves all of them."""
    app, line = target
    rng = random.Random(2)
    for n in range(1000):
        value = hostile(rng, r'"?[\x21-\x2b\x2d-\x7e]{1,255}"?')
        lines = [b"Idempotency-Key: " + value]
        if n % 5 == 0:
            lines = [b"Idempotency-Key: fine", b"Idempotency-Key: " + value[:200]]
        status, fields, body = line.ask(*lines)
        error = msgspec.json.decode(body)["error"]
        assert (status, error["code"]) == (400, "bad_request"), value
        assert ("failwell-outcome", "not_started") in [(k.lower(), v) for k, v in fields]
        assert len(value) < 8 or value.strip() not in body
    assert app.reached == 0


# --- Ten thousand, of every kind -----------------------------------------------------------------


class Said(NamedTuple):
    """What the wrapper sent."""

    status: int
    fields: list[tuple[bytes, bytes]]
    body: bytes

    def all(self, name: bytes) -> list[bytes]:
        """Every line of one header."""
        return [value for key, value in self.fields if key.lower() == name]


class Apps:
    """One app that does well or badly, behind keys and a quota; `raised` says whether it raised."""

    def __init__(self, number: int) -> None:
        self.raised = False
        apps = (
            self.ok,
            self.reads,
            self.raises,
            self.raises_late,
            self.plain,
            self.fails,
            self.mute,
        )
        store = MemoryStore()
        once = idempotent(CONTRACT, store, caller=self.caller, wait=0.0)
        quota = limited(CONTRACT, store, (Window(2, 3600.0),), caller=self.caller)
        self.wrapped = wrap(quota(once(apps[number])), CONTRACT)

    def caller(self, scope: Any) -> str:
        """Whoever the request says it is."""
        return dict(scope["headers"]).get(b"x-caller", b"").decode("latin-1")

    async def ok(self, scope: Any, receive: Any, send: Any) -> None:
        await self.answer(send, 200, b"fine")

    async def reads(self, scope: Any, receive: Any, send: Any) -> None:
        """As a framework does with a body that it cannot read."""
        body = (await receive())["body"]
        try:
            msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError):
            await self.answer(send, 422, b"Unprocessable Entity")
        else:
            await self.answer(send, 201, body, b"application/json")

    async def raises(self, scope: Any, receive: Any, send: Any) -> None:
        self.raised = True
        raise RuntimeError(SECRET, (await receive())["body"])

    async def raises_late(self, scope: Any, receive: Any, send: Any) -> None:
        """As Starlette does: an answer of its own, and then the exception."""
        self.raised = True
        await self.answer(send, 500, SECRET.encode())
        raise RuntimeError(SECRET)

    async def plain(self, scope: Any, receive: Any, send: Any) -> None:
        body = msgspec.json.encode({"detail": SECRET})
        await self.answer(send, 502, body, b"application/json")

    async def fails(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            raise RuntimeError(SECRET)
        except RuntimeError as error:
            raise CONTRACT.fail("away", retry_after=0.5) from error

    async def mute(self, scope: Any, receive: Any, send: Any) -> None:
        self.raised = True

    async def answer(
        self, send: Any, status: int, body: bytes, media: bytes = b"text/plain"
    ) -> None:
        fields = [(b"content-type", media), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    async def ask(self, scope: Any, body: list[bytes]) -> Said:
        """What the app says to a request."""
        pieces = list(body) or [b""]
        sent: list[Any] = []

        async def receive() -> Any:
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.wrapped(dict(scope), receive, send)
        start, *rest = sent
        assert start["type"] == "http.response.start"
        assert [m["type"] for m in rest] == ["http.response.body"] * len(rest)
        assert [m.get("more_body", False) for m in rest] == [True] * (len(rest) - 1) + [False]
        whole = b"".join(m.get("body", b"") for m in rest)
        return Said(start["status"], list(start["headers"]), whole)


names = st.sampled_from(
    b"idempotency-key idempotency-key x-request-id traceparent content-type authorization x-caller "
    b"accept retry-after failwell-outcome content-length".split()
)
words = st.sampled_from(
    [
        *b'k a-key "quoted" a,b application/json application/x+json */* applied'.split(),
        *(b"", b"a, b", b"Bearer " + SECRET.encode()),
        b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01",
    ]
)
fields = st.lists(st.tuples(names, words | st.binary(max_size=40)), max_size=6)
documents = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
bodies = (
    st.binary(max_size=60)
    | documents.map(lambda value: msgspec.json.encode(value))
    | st.sampled_from([b"[" * 3000, b'"\\ud800"', b"1e999", b"9" * 400, b"\xef\xbb\xbf{}", b"nul"])
)
methods = st.sampled_from(["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "BREW"])
scopes = st.fixed_dictionaries(
    {
        "type": st.just("http"),
        "method": methods,
        "path": st.text(max_size=12).map(lambda text: "/" + text),
        "query_string": st.binary(max_size=12),
        "headers": fields,
    }
)


@settings(
    max_examples=CASES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(
    number=st.integers(0, 6),
    scope=scopes,
    body=st.lists(bodies, max_size=2),
    times=st.integers(1, 3),
)
def _any_request(number: int, scope: Any, body: list[bytes], times: int) -> None:
    app = Apps(number)
    answers = [RUNNER.run(app.ask(scope, body)) for _ in range(times)]
    for said in answers:
        assert said.status < 500 or number >= 2
        assert said.status != 500 or app.raised
        check(scope["method"], said)
    assert [said.status == 429 for said in answers] == [False, False, True][:times]


def check(method: str, said: Said) -> None:
    """No secret, no line break, an id, and the envelope around every error."""
    everything = b"%r" % said.fields + said.body
    assert SECRET.encode() not in everything
    assert not any(b"\r" in value or b"\n" in value for _, value in said.fields)
    (own,) = said.all(b"x-request-id")
    assert re.fullmatch(CONTRACT.request_ids.alphabet, own.decode("latin-1"))
    if said.status >= 400:
        check_envelope(method, said)


def check_envelope(method: str, said: Said) -> None:
    """The envelope and nothing else, of a code of the catalogue, with a true length, and the
    outcome of a write in one word."""
    (media,), (length,) = said.all(b"content-type"), said.all(b"content-length")
    assert media == b"application/json"
    if method != "HEAD":
        assert int(length) == len(said.body)
        error = msgspec.json.decode(said.body)["error"]
        assert error["code"] in {entry.code for entry in CONTRACT.codes}
        assert {type(value) for value in error.values()} == {str}
    outcomes = [value.decode() for value in said.all(b"failwell-outcome")]
    if method in CONTRACT.safe:
        assert outcomes == []
    else:
        (outcome,) = outcomes
        assert Outcome(outcome)


RUNNER: asyncio.Runner


@pytest.mark.timeout(300)
def test_ten_thousand_requests(caplog: pytest.LogCaptureFixture) -> None:
    """Any method, path, headers and body, to apps that do well, raise, raise after an answer, give
    plain errors, fail by the contract or say nothing."""
    global RUNNER
    caplog.set_level("CRITICAL", "failwell.server")
    with asyncio.Runner() as RUNNER:
        _any_request()
