"""The outer half: no failure leaves without the contract's envelope and a request id, none says a
word of its cause, and what is no failure leaves as it was.

Served over real HTTP; the client is a bare one, or a socket.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import uuid
from collections.abc import Iterator
from typing import Any

import fastapi
import httpx2
import pydantic
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

import failwell
from failwell.contract import Contract
from failwell.dialects.nested import Nested
from failwell.dialects.problem import Problem
from failwell.errors import RateLimitError
from failwell.model import Attempt, Failure, Kind, Outcome
from failwell.sandbox.wire import running
from failwell.server import context
from failwell.server.asgi import wrap

CAUSE = "hunter2 at db.internal"
OWN = b'{"error": {"code":"conflict","message":"Taken",  "requestId":"r-of-the-app"}}'
ID = "X-Request-Id"
OUTCOME = "Failwell-Outcome"


def is_minted(request_id: str) -> bool:
    """Whether it is a UUID, as the wrapper makes them."""
    return str(uuid.UUID(request_id)) == request_id


async def told(request: Request) -> Response:
    return JSONResponse({"id": context.request_id(), "sum": len(await request.body())})


def told_in_a_thread(request: Request) -> Response:
    return JSONResponse({"id": context.request_id()})


async def boom(request: Request) -> Response:
    raise RuntimeError(CAUSE)


async def streamed(request: Request) -> Response:
    async def chunks() -> Any:
        for n in range(3):
            yield b"chunk %d;" % n

    return StreamingResponse(chunks(), media_type="text/plain")


async def broken_stream(request: Request) -> Response:
    async def chunks() -> Any:
        yield b"the first chunk;"
        await asyncio.sleep(0.02)
        raise RuntimeError(CAUSE)

    return StreamingResponse(chunks(), media_type="text/plain")


async def cookies(request: Request) -> Response:
    response = JSONResponse({}, headers={"ETag": '"1"'})
    response.set_cookie("one", "1")
    response.set_cookie("two", "2")
    return response


async def packed(request: Request) -> Response:
    return Response(gzip.compress(b"x" * 99, mtime=0), headers={"Content-Encoding": "gzip"})


async def own(request: Request) -> Response:
    return Response(OWN, 409, {"X-Extra": "kept"}, media_type="application/json")


async def own_with_outcome(request: Request) -> Response:
    return Response(OWN, 409, {OUTCOME: "applied"}, media_type="application/json")


def http_error(status: int, detail: str | None = None, **fields: str) -> Any:
    async def endpoint(request: Request) -> Response:
        raise HTTPException(status, detail, headers=fields or None)

    return endpoint


async def html_error(request: Request) -> Response:
    return Response(f"<html>{CAUSE}</html>", 502, media_type="text/html")


async def upstream(request: Request) -> Response:
    """A client of another API fails in the middle of a handler, after an effect."""
    failure = Failure(
        kind=Kind.RATE_LIMITED,
        message=CAUSE,
        status=429,
        code="rate_limited",
        outcome=Outcome.NOT_STARTED,
        retry_after=7.0,
        api="shop",
    )
    raise RateLimitError(failure, (Attempt(number=1, method="POST", url="u", at=0, elapsed=0),))


async def silent(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI app that answers nothing."""


told_app = Starlette(routes=[Route("/", told)])


async def bare_boom(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError(CAUSE)


class Strict:
    """A pure ASGI middleware that fails by itself."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") == "/in-middleware":
            raise RuntimeError(CAUSE)
        await self.app(scope, receive, send)


async def moody(request: Request, call_next: Any) -> Response:
    """A `BaseHTTPMiddleware` that fails by itself, after the handler."""
    await call_next(request)
    raise RuntimeError(CAUSE)


def shop(contract: Contract) -> Starlette:
    def raising(*code: Any, **said: Any) -> Any:
        async def endpoint(request: Request) -> Response:
            raise contract.fail(*code, **said)

        return endpoint

    async def raising_from(request: Request) -> Response:
        try:
            raise RuntimeError(CAUSE)
        except RuntimeError as error:
            raise contract.fail("away") from error

    both = ["GET", "POST"]
    return Starlette(
        routes=[
            Route("/told", told, methods=both),
            Route("/told-in-a-thread", told_in_a_thread, methods=both),
            Route("/boom", boom, methods=both),
            Route("/streamed", streamed),
            Route("/broken-stream", broken_stream),
            Route("/cookies", cookies),
            Route("/packed", packed),
            Route("/empty", lambda _: Response(status_code=204)),
            Route("/moved", lambda _: Response(status_code=307, headers={"Location": "/told"})),
            Route("/own", own, methods=both),
            Route("/own-with-outcome", own_with_outcome, methods=both),
            Route("/404", http_error(404, "There is no such shelf"), methods=both),
            Route("/400", http_error(400, "Say how many"), methods=both),
            Route("/409", http_error(409, "Sold"), methods=both),
            Route("/408", http_error(408, "Too slow"), methods=both),
            Route("/418", http_error(418), methods=both),
            Route("/429", http_error(429, "Slower", **{"Retry-After": "9"}), methods=both),
            Route("/503", http_error(503, CAUSE), methods=both),
            Route("/502", html_error, methods=both),
            Route("/fail", raising("conflict", message="Sold out"), methods=both),
            Route("/fail-busy", raising("rate_limited", retry_after=1.2), methods=both),
            Route("/fail-away", raising("away"), methods=both),
            Route("/fail-from", raising_from, methods=both),
            Route("/upstream", upstream, methods=both),
            Route("/in-middleware", told, methods=both),
            Mount("/in-http-middleware", BaseHTTPMiddleware(told_app, dispatch=moody)),
            Mount("/sub", Starlette(routes=[Route("/boom", boom)])),
            Mount("/bare", bare_boom),
            Mount("/silent", silent),
        ],
        middleware=[Middleware(Strict)],
    )


@pytest.fixture(scope="module")
def url(shop_contract: Contract) -> Iterator[str]:
    """The shop, wrapped."""
    with running(wrap(shop(shop_contract), shop_contract)) as served:
        yield served


@pytest.fixture(scope="module")
def naked_url(shop_contract: Contract) -> Iterator[str]:
    """The same shop without the wrapper."""
    with running(shop(shop_contract)) as served:
        yield served


@pytest.fixture(scope="module")
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client(trust_env=False, timeout=20) as client:
        yield client


def error_of(response: httpx2.Response) -> dict[str, Any]:
    """What is under `error`; the body must be the whole envelope and the header must agree."""
    body = response.json()
    assert list(body) == ["error"]
    assert set(body["error"]) == {"code", "message", "requestId"}
    assert response.headers["content-type"] == "application/json"
    assert body["error"]["requestId"] == response.headers[ID]
    inner: dict[str, Any] = body["error"]
    return inner


# --- Request ids ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/told", "/boom", "/nowhere", "/fail", "/empty", "/moved"])
def test_every_answer_carries_the_callers_id(http: httpx2.Client, url: str, path: str) -> None:
    """An id that the contract allows comes back once, on successes, redirects and errors alike."""
    response = http.get(url + path, headers={ID: "job-7.retry_1"})
    assert response.headers.get_list(ID) == ["job-7.retry_1"]


@pytest.mark.parametrize("path", ["/told", "/boom", "/nowhere", "/fail", "/empty"])
def test_an_id_is_made_where_none_came(http: httpx2.Client, url: str, path: str) -> None:
    """Without an id a UUID is made, a new one for each request."""
    first, second = (http.get(url + path).headers[ID] for _ in range(2))
    assert is_minted(first)
    assert first != second


@pytest.mark.parametrize(
    "hostile",
    [
        b"with\x01control",
        b"\x7f",
        b"x" * 8192,
        b"x" * 129,
        "häßlich".encode(),
        b"\xff\xfe",
        b"two words",
        b"<script>",
        b"tab\there",
        b"",
    ],
)
@pytest.mark.parametrize("path", ["/told", "/boom"])
def test_a_hostile_id_is_never_reflected(dial: Any, url: str, path: str, hostile: bytes) -> None:
    """An id outside the contract's alphabet is replaced, in header and body, not echoed."""
    with dial(url) as line:
        answer = line.ask("GET", path, (b"X-Request-Id", hostile))
    (given,) = answer.all(ID)
    assert is_minted(given)
    assert given.encode() in answer.body
    if hostile:
        everything = answer.body + repr(answer.headers).encode("latin-1", "replace")
        assert hostile not in everything


def test_two_ids_are_none(dial: Any, url: str) -> None:
    """Two header lines leave open which one is meant: neither is taken over."""
    with dial(url) as line:
        answer = line.ask("GET", "/told", (b"X-Request-Id", b"one"), (b"x-request-id", b"two"))
    (given,) = answer.all(ID)
    assert is_minted(given)


def test_ids_that_the_contract_does_not_accept_are_replaced(shop_contract: Contract) -> None:
    """Where callers may not choose ids, even a plain one is replaced."""
    contract = Contract(name="closed", dialect=Problem())
    scope = {"type": "http", "method": "GET", "headers": [(b"x-request-id", b"mine")]}
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    async def keep(message: Any) -> None:
        sent.append(message)

    asyncio.run(wrap(app, contract)(scope, keep, keep))  # type: ignore[arg-type]
    assert is_minted(dict(sent[0]["headers"])[b"x-request-id"].decode())


@pytest.mark.parametrize("path", ["/told", "/told-in-a-thread"])
def test_handlers_know_the_id(http: httpx2.Client, url: str, path: str) -> None:
    """`context.request_id()` is the answer's id, in async handlers and in those run in threads."""
    response = http.get(url + path)
    assert response.json()["id"] == response.headers[ID]


def test_an_id_does_not_outlive_its_request(dial: Any, url: str) -> None:
    """A server may go on reading a connection in the context of a request that is over (uvicorn
    does, after a large body): the next request on it is still known by its own id."""
    large = b"x" * 300_000
    with dial(url) as line:
        for given in (b"one", b"two", None, b"three"):
            fields = [] if given is None else [(b"X-Request-Id", given)]
            answer = line.ask("POST", "/told", *fields, body=large)
            (known,) = answer.all(ID)
            assert known.encode() in answer.body
            assert is_minted(known) if given is None else known.encode() == given


def test_a_wrapper_inside_another_keeps_the_id(
    http: httpx2.Client, shop_contract: Contract
) -> None:
    """Two wrappers around one app name the request by one id, in header and body."""
    with running(wrap(wrap(shop(shop_contract), shop_contract), shop_contract)) as url:
        minted, given = http.get(url + "/boom"), http.get(url + "/boom", headers={ID: "mine"})
    assert error_of(minted)["requestId"] == minted.headers[ID]
    assert error_of(given)["requestId"] == "mine"
    assert len(minted.headers.get_list(ID)) == 1


def test_outside_of_a_request_there_is_no_id() -> None:
    """Code that serves nothing gets None, not the id of somebody else's request."""
    assert context.request_id() is None


# --- Envelopes -----------------------------------------------------------------------------------


def test_an_unknown_route_is_in_the_envelope(http: httpx2.Client, url: str) -> None:
    """The router's plain 404 leaves as the contract's own, with words of its own."""
    response = http.get(url + "/nowhere")
    assert response.status_code == 404
    assert error_of(response)["code"] == "not_found"
    assert error_of(response)["message"] == "No such route"


def test_a_wrong_method_keeps_allow(http: httpx2.Client, url: str) -> None:
    """The router's 405 leaves in the envelope and still says which methods there are."""
    response = http.delete(url + "/told")
    assert response.status_code == 405
    assert error_of(response)["code"] == "not_allowed"
    assert {word.strip() for word in response.headers["allow"].split(",")} == {
        "GET",
        "HEAD",
        "POST",
    }


@pytest.mark.parametrize(
    "path", ["/boom", "/in-middleware", "/in-http-middleware/", "/sub/boom", "/bare/x"]
)
def test_an_unhandled_exception_says_nothing_of_its_cause(
    http: httpx2.Client, url: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """From a handler, a middleware, a mounted app: a 500 in the envelope, its cause in the log."""
    with caplog.at_level(logging.INFO, "failwell.server"):
        response = http.get(url + path, headers={ID: "req-9"})
    assert response.status_code == 500
    assert error_of(response) == {
        "code": "failed",
        "message": "The shop failed",
        "requestId": "req-9",
    }
    shown = response.text + repr(response.headers.multi_items())
    for word in ("hunter2", "db.internal", "RuntimeError", "Traceback"):
        assert word not in shown
    (record,) = [r for r in caplog.records if r.name == "failwell.server"]
    assert record.levelno == logging.ERROR
    assert "req-9" in record.getMessage()
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == CAUSE
    assert record.exc_info[2] is not None


@pytest.mark.parametrize("path", ["/boom", "/fail", "/nowhere", "/503", "/silent/x"])
def test_a_failure_leaves_the_connection_alive(dial: Any, url: str, path: str) -> None:
    """After an error the same socket serves the next request, with a body on the way or not."""
    with dial(url) as line:
        for _ in range(2):
            assert line.ask("POST", path, body=b"x" * 5000).status >= 400
            after = line.ask("POST", "/told", body=b"12345")
            assert (after.status, after.all("connection")) == (200, [])
            assert b'"sum":5' in after.body


def test_an_app_that_answers_nothing_is_a_500(
    http: httpx2.Client, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An app that returns without an answer gets the contract's 500, and a line in the log."""
    response = http.get(url + "/silent/x")
    assert response.status_code == 500
    assert error_of(response)["code"] == "failed"
    assert any(r.name == "failwell.server" and r.levelno == logging.ERROR for r in caplog.records)


@pytest.mark.parametrize(
    ("path", "status", "code", "message"),
    [
        ("/404", 404, "not_found", "There is no such shelf"),
        ("/400", 400, "bad_request", "Say how many"),
        ("/418", 418, "bad_request", "Malformed"),
        ("/503", 503, "away", "The shop is away"),
        ("/502", 502, "failed", "The shop failed"),
    ],
)
def test_a_plain_error_is_put_into_the_envelope(
    http: httpx2.Client, url: str, path: str, status: int, code: str, message: str
) -> None:
    """A framework's plain error keeps its status and, below 500, its sentence; above, no word."""
    response = http.get(url + path)
    assert response.status_code == status
    assert error_of(response)["code"] == code
    assert error_of(response)["message"] == message
    assert "hunter2" not in response.text


def test_headers_of_a_plain_error_are_kept(http: httpx2.Client, url: str) -> None:
    """What a framework's error says in its headers goes out once; its length is made anew."""
    response = http.get(url + "/429")
    assert response.headers.get_list("retry-after") == ["9"]
    assert response.headers.get_list("content-length") == [str(len(response.content))]


def test_the_apps_own_envelope_passes_unchanged(http: httpx2.Client, url: str) -> None:
    """An error that is in the contract's shape already leaves byte for byte, with its headers."""
    response = http.get(url + "/own", headers={ID: "mine"})
    assert response.status_code == 409
    assert response.content == OWN
    assert response.headers["x-extra"] == "kept"
    assert response.headers[ID] == "mine"


def test_the_contracts_failures_are_raised_and_rendered(
    http: httpx2.Client, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """`contract.fail` leaves as it was meant, and as no error in the log."""
    with caplog.at_level(logging.INFO, "failwell.server"):
        response = http.get(url + "/fail")
    assert response.status_code == 409
    assert error_of(response)["message"] == "Sold out"
    assert {r.levelno for r in caplog.records if r.name == "failwell.server"} == {logging.INFO}


def test_retry_after_is_rounded_up(http: httpx2.Client, url: str) -> None:
    """A failure that knows when to come back says so in whole seconds, never too early."""
    response = http.get(url + "/fail-busy")
    assert (response.status_code, response.headers["retry-after"]) == (429, "2")


def test_a_failure_with_a_cause_leaves_its_traceback_in_the_log(
    http: httpx2.Client, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """`raise contract.fail(503) from error`: the caller gets the 503, the log gets the error."""
    response = http.get(url + "/fail-from")
    assert error_of(response)["code"] == "away"
    assert "hunter2" not in response.text
    (record,) = [r for r in caplog.records if r.name == "failwell.server"]
    assert record.exc_info is not None
    assert CAUSE in str(record.exc_info[1].__cause__)  # type: ignore[union-attr]


def test_another_apis_failure_is_not_passed_off_as_ours(http: httpx2.Client, url: str) -> None:
    """A client's error that nobody handled is a 500: neither its status, words, `Retry-After` nor
    its proof that nothing was done are this server's."""
    response = http.post(url + "/upstream")
    assert response.status_code == 500
    assert error_of(response)["code"] == "failed"
    assert "hunter2" not in response.text
    assert "retry-after" not in response.headers
    assert response.headers[OUTCOME] == "unknown"


def test_a_stream_that_breaks_is_cut(dial: Any, url: str) -> None:
    """An exception after the answer began cuts the connection, so that no one takes the part that
    came for the whole; nothing of the cause follows it."""
    with dial(url) as line:
        line.socket.sendall(b"GET /broken-stream HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        while chunk := line.socket.recv(65536):
            received += chunk
    assert received.startswith(b"HTTP/1.1 200")
    assert b"the first chunk;" in received
    assert not received.endswith(b"0\r\n\r\n")
    assert b"hunter2" not in received


@pytest.mark.parametrize("path", ["/nowhere", "/boom", "/404", "/fail"])
def test_head_has_the_headers_and_no_body(dial: Any, url: str, path: str) -> None:
    """An error that answers HEAD has the headers of the GET, and the connection goes on."""
    with dial(url) as line:
        got = line.ask("GET", path)
        headed = line.ask("HEAD", path)
        assert line.ask("GET", "/told").status == 200
    assert (headed.status, headed.body) == (got.status, b"")
    assert headed.all("content-length") == got.all("content-length") == [str(len(got.body))]


def test_the_wrapper_itself_sends_head_no_body(shop_contract: Contract) -> None:
    """Not every server drops the body of an answer to HEAD: the wrapper sends none."""
    scope = {"type": "http", "method": "HEAD", "headers": [], "path": "/"}
    sent: list[Any] = []

    async def keep(message: Any) -> None:
        sent.append(message)

    asyncio.run(wrap(bare_boom, shop_contract)(scope, keep, keep))  # type: ignore[arg-type]
    assert sent[0]["status"] == 500
    assert sent[1]["body"] == b""


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_what_is_not_http_passes_through(shop_contract: Contract, kind: str) -> None:
    """Other scopes reach the app as they are: same scope, same channels, same exceptions."""
    seen: list[Any] = []

    async def app(*given: Any) -> None:
        seen.extend(given)
        raise KeyError("its own affair")

    given: tuple[Any, ...] = ({"type": kind}, object(), object())
    with pytest.raises(KeyError):
        asyncio.run(wrap(app, shop_contract)(*given))  # type: ignore[arg-type]
    assert all(a is b for a, b in zip(seen, given, strict=True))


# --- Did the write take effect? ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        ("/nowhere", "not_started"),
        ("/400", "not_started"),
        ("/429", "not_started"),
        ("/own", "unknown"),
        ("/own-with-outcome", "applied"),
        ("/fail", "unknown"),
        ("/fail-busy", "not_started"),
        ("/fail-away", "rolled_back"),
        ("/boom", "unknown"),
        ("/409", "unknown"),
        ("/408", "unknown"),
        ("/418", "unknown"),
        ("/503", "unknown"),
        ("/502", "unknown"),
        ("/in-middleware", "unknown"),
        ("/silent/x", "unknown"),
    ],
)
def test_an_error_of_a_write_says_what_became_of_it(
    http: httpx2.Client, url: str, path: str, outcome: str
) -> None:
    """`Failwell-Outcome` is on every error of a write, and says no more than is proven: a 503 that
    some middleware made up is not the contract's own, which is rolled back."""
    response = http.post(url + path)
    assert response.status_code >= 400
    assert response.headers.get_list(OUTCOME) == [outcome]


@pytest.mark.parametrize("path", ["/boom", "/nowhere", "/fail-away", "/told"])
def test_a_read_has_no_outcome(http: httpx2.Client, url: str, path: str) -> None:
    """A read has nothing to take effect; nor does a success need the word."""
    assert OUTCOME not in http.get(url + path).headers
    assert OUTCOME not in http.post(url + "/told").headers


def test_the_outcome_is_in_the_body_where_the_dialect_has_room(dial: Any) -> None:
    """A problem document says it as an extension member, beside the header."""
    contract = Contract(name="problems", dialect=Problem())
    app = Starlette(routes=[Mount("/", bare_boom)])
    with running(wrap(app, contract)) as url, dial(url) as line:
        answer = line.ask("POST", "/", body=b"")
        read = line.ask("GET", "/")
    assert answer.all("content-type") == ["application/problem+json"]
    assert b'"outcome":"unknown"' in answer.body
    assert answer.all(OUTCOME) == ["unknown"]
    assert b"outcome" not in read.body


# --- Successes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/streamed", "/cookies", "/packed", "/empty", "/moved"])
def test_a_success_leaves_as_it_was(dial: Any, url: str, naked_url: str, path: str) -> None:
    """Streams, 204s, two cookies, packed bodies, redirects: the same bytes and the same headers in
    the same order as without the wrapper, and the id after them."""

    def plain(answer: Any) -> list[tuple[str, str]]:
        return [(k, v) for k, v in answer.headers if k.lower() not in ("date", ID.lower())]

    with dial(url) as line, dial(naked_url) as naked:
        ours, theirs = line.ask("GET", path), naked.ask("GET", path)
    assert (ours.status, ours.body, plain(ours)) == (theirs.status, theirs.body, plain(theirs))
    assert len(ours.all(ID)) == 1


def test_a_stream_is_not_held_back(dial: Any, url: str) -> None:
    """The first chunk of a success leaves before the second is made: nothing is collected."""
    sent: list[Any] = []
    go_on = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        assert [message["type"] for message in sent] == [
            "http.response.start",
            "http.response.body",
        ]
        go_on.set()

    async def keep(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "headers": []}
    asyncio.run(wrap(app, failwell.GENERIC)(scope, keep, keep))  # type: ignore[arg-type]
    assert go_on.is_set()


# --- Frameworks ----------------------------------------------------------------------------------


class Account(pydantic.BaseModel):
    age: int
    password: str


def fast(contract: Contract) -> Any:
    app = fastapi.FastAPI()

    @app.get("/told")
    def handler() -> dict[str, Any]:
        return {"id": context.request_id()}

    @app.get("/boom")
    async def fails() -> None:
        raise RuntimeError(CAUSE)

    @app.post("/accounts")
    async def create(account: Account) -> None: ...

    @app.get("/fail")
    async def refuses() -> None:
        raise contract.fail("conflict", message="Sold out")

    return app


def bare(contract: Contract) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        match scope["path"]:
            case "/told":
                await JSONResponse({"id": context.request_id()})(scope, receive, send)
            case "/boom":
                raise RuntimeError(CAUSE)
            case "/fail":
                raise contract.fail("conflict", message="Sold out")
            case _:
                await PlainTextResponse("Not Found", 404)(scope, receive, send)

    return app


@pytest.mark.parametrize("framework", [shop, fast, bare])
def test_it_knows_no_framework(
    http: httpx2.Client, shop_contract: Contract, framework: Any
) -> None:
    """Starlette, FastAPI and a bare ASGI app get the same envelopes from the same wrapper."""
    with running(wrap(framework(shop_contract), shop_contract)) as url:
        ok, boomed = http.get(url + "/told"), http.get(url + "/boom")
        failed, lost = http.get(url + "/fail"), http.get(url + "/nowhere")
    assert ok.json()["id"] == ok.headers[ID]
    assert (boomed.status_code, error_of(boomed)["message"]) == (500, "The shop failed")
    assert (failed.status_code, error_of(failed)["message"]) == (409, "Sold out")
    assert (lost.status_code, error_of(lost)["code"]) == (404, "not_found")


def test_fastapis_validation_gives_no_submitted_value_away(
    http: httpx2.Client, shop_contract: Contract
) -> None:
    """FastAPI's 422 repeats what was sent; in the envelope it does not."""
    with running(wrap(fast(shop_contract), shop_contract)) as url:
        response = http.post(url + "/accounts", json={"age": "hunter2", "password": ["hunter2"]})
    assert response.status_code == 422
    assert error_of(response)["code"] == "unprocessable"
    assert "hunter2" not in response.text


def test_json_without_a_sentence_is_kept_beside_one() -> None:
    """What an app says in JSON of its own is no sentence: it goes where details go."""

    async def clash(request: Request) -> Response:
        return JSONResponse({"mine": 1}, 409)

    app = Starlette(routes=[Route("/", clash, methods=["POST"])])
    contract = Contract(name="shop", dialect=Nested(details="details"))
    with running(wrap(app, contract)) as url, httpx2.Client(trust_env=False) as client:
        said = client.post(url).json()["error"]
    assert (said["details"], said["message"]) == ({"mine": 1}, "conflict")
