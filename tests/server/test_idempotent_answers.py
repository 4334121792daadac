"""Whatever shape an answer has, a keyed write runs once: streams, cookies, packed and large bodies,
middlewares inside and outside, clients that leave, and the three profiles.

One handler for each shape, over real HTTP; how often each has run is counted by key.
"""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from failwell.contract import Code, Contract, Idempotency
from failwell.dialects.nested import Nested
from failwell.dialects.problem import Problem
from failwell.model import Outcome
from failwell.sandbox.wire import running
from failwell.server.asgi import idempotent, wrap
from failwell.server.guard import KEPT_ANSWER
from failwell.stores.memory import MemoryStore

OUTCOME = "Failwell-Outcome"
REPLAYED = "idempotent-replayed"


class Shop:
    """Handlers by the shape of their answers. A handler that waits goes on at `gate`."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.ran: Counter[str] = Counter()
        self.gate = threading.Event()
        self.banned: set[str] = set()
        self.url = ""
        self.http = httpx2.Client(trust_env=False, timeout=20)

    def app(self) -> Any:
        """Every handler behind the middleware, bare, and with others inside and outside of it."""
        once = idempotent(self.contract, MemoryStore(), caller=self.caller, wait=5.0)
        passing = Middleware(BaseHTTPMiddleware, dispatch=self.pass_on)
        packing = Middleware(GZipMiddleware, minimum_size=1)
        bare, inside, packed = (
            once(self.routes(*middlewares)) for middlewares in ((), (passing,), (packing,))
        )
        outside = Starlette(routes=[Mount("/", bare)], middleware=[passing])
        both = Starlette(routes=[Mount("/", inside)], middleware=[passing])
        mounts = {"/bare": bare, "/inside": inside, "/outside": outside, "/both": both}
        mounts["/packed"] = packed
        app = Starlette(routes=[Mount(path, app) for path, app in mounts.items()])
        app.add_middleware(Guarded, shop=self)
        return wrap(app, self.contract)

    def routes(self, *middleware: Middleware) -> Starlette:
        """The handlers, by name."""
        names = ("json", "empty", "stream", "events", "large", "huge", "cookies", "echo", "slow")
        names += ("failure", "failing")
        routes = [Route(f"/{n}", self.counted(n), methods=["GET", "POST"]) for n in names]
        routes.append(Route("/after", self.counted("after"), methods=["POST"]))
        return Starlette(routes=routes, middleware=middleware)

    def caller(self, scope: Any) -> str:
        """Who is asking."""
        return dict(scope["headers"]).get(b"x-caller", b"ann").decode()

    async def pass_on(self, request: Request, call_next: Any) -> Response:
        """A middleware as everybody writes them."""
        response: Response = await call_next(request)
        return response

    def counted(self, name: str) -> Any:
        """The handler of that name, counted by key."""

        async def handler(request: Request) -> Response:
            self.ran[request.headers.get("idempotency-key", "none")] += 1
            response: Response = await getattr(self, name)(request)
            return response

        return handler

    async def json(self, request: Request) -> Response:
        return JSONResponse({"n": sum(self.ran.values())}, 201)

    async def empty(self, request: Request) -> Response:
        return Response(status_code=204)

    async def stream(self, request: Request) -> Response:
        return StreamingResponse(self.pieces(), 201, media_type="text/plain")

    async def events(self, request: Request) -> Response:
        return StreamingResponse(self.pieces(), media_type="text/event-stream; charset=utf-8")

    async def pieces(self) -> AsyncIterator[bytes]:
        """Two pieces, the second one when the gate is opened."""
        yield b"data: one\n\n"
        while not self.gate.is_set():
            await asyncio.sleep(0.005)
        yield b"data: two\n\n"

    async def large(self, request: Request) -> Response:
        return Response(b"x" * (KEPT_ANSWER + 1), media_type="text/plain")

    async def huge(self, request: Request) -> Response:
        pieces = (b"x" * 65536 for _ in range(KEPT_ANSWER // 65536 + 1))
        return StreamingResponse(pieces, media_type="text/plain")

    async def failure(self, request: Request) -> Response:
        return Response(b"x" * (KEPT_ANSWER + 1), 500, media_type="text/plain")

    async def failing(self, request: Request) -> Response:
        return StreamingResponse(self.pieces(), 500, media_type="text/event-stream")

    async def cookies(self, request: Request) -> Response:
        response = PlainTextResponse("hello")
        response.set_cookie("one", "1")
        response.set_cookie("two", "2")
        return response

    async def echo(self, request: Request) -> Response:
        return Response(await request.body(), media_type="application/octet-stream")

    async def slow(self, request: Request) -> Response:
        await asyncio.to_thread(self.gate.wait, 10)
        return JSONResponse({"slow": True}, 201)

    async def after(self, request: Request) -> Response:
        return JSONResponse({}, 201, background=BackgroundTask(self.fail))

    def fail(self) -> None:
        raise RuntimeError("hunter2")

    def post(self, path: str, key: str, **given: Any) -> httpx2.Response:
        """One keyed write."""
        fields = {"Idempotency-Key": key, **given.pop("headers", {})}
        return self.http.post(self.url + path, headers=fields, **given)


class Guarded:
    """Authentication, outside of the keys."""

    def __init__(self, app: Any, shop: Shop) -> None:
        self.app = app
        self.shop = shop

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and self.shop.caller(scope) in self.shop.banned:
            raise self.shop.contract.fail("forbidden")
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def served(shop_contract: Contract) -> Iterator[Shop]:
    forbidden = Code(code="forbidden", status=403, proves=Outcome.NOT_STARTED)
    codes = (*shop_contract.codes, forbidden)
    shop = Shop(msgspec.structs.replace(shop_contract, codes=codes))
    with running(shop.app()) as shop.url, shop.http:
        yield shop


@pytest.fixture
def shop(served: Shop) -> Iterator[Shop]:
    served.gate.clear()
    yield served
    served.gate.set()


@pytest.fixture
def key() -> str:
    return str(uuid.uuid4())


AROUND = ["/bare", "/inside", "/outside", "/both"]


def is_refused_as_done(response: httpx2.Response) -> bool:
    """Whether it says: carried out, and the answer was not kept."""
    assert "was carried out; its answer was not kept" in response.text
    return (response.status_code, response.headers[OUTCOME]) == (409, "applied")


# --- Streams -------------------------------------------------------------------------------------


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/stream", "/events"])
def test_a_stream_flows_on(shop: Shop, key: str, around: str, method: str, path: str) -> None:
    """The first piece arrives before the second is made, with a key and without, and both arrive:
    the connection is never broken."""
    fields = {"Idempotency-Key": key}
    with shop.http.stream(method, shop.url + around + path, headers=fields) as response:
        pieces = response.iter_raw()
        assert next(pieces) == b"data: one\n\n"
        shop.gate.set()
        assert b"".join(pieces) == b"data: two\n\n"
    assert shop.ran[key] == 1


@pytest.mark.parametrize("around", AROUND)
def test_a_streamed_write_is_replayed_to_the_byte(shop: Shop, key: str, around: str) -> None:
    """A stream is teed on its way: the same key gets the whole of it again, and runs once."""
    shop.gate.set()
    first, again = (shop.post(around + "/stream", key) for _ in range(2))
    assert (first.status_code, first.content) == (201, b"data: one\n\ndata: two\n\n")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers[REPLAYED] == "true"
    assert shop.ran[key] == 1


def test_a_get_is_not_replayed(shop: Shop, key: str) -> None:
    """A stream that is read runs each time, and carries no mark."""
    shop.gate.set()
    for n in (1, 2):
        got = shop.http.get(shop.url + "/bare/stream", headers={"Idempotency-Key": key})
        assert got.content == b"data: one\n\ndata: two\n\n"
        assert REPLAYED not in got.headers
        assert shop.ran[key] == n


@pytest.mark.parametrize("around", AROUND)
def test_events_are_never_stored(shop: Shop, key: str, around: str) -> None:
    """A stream of events is no answer to give again: the retry learns that it was carried out."""
    shop.gate.set()
    assert shop.post(around + "/events", key).status_code == 200
    assert is_refused_as_done(shop.post(around + "/events", key))
    assert shop.ran[key] == 1


@pytest.mark.parametrize("path", ["/large", "/huge"])
def test_an_answer_that_is_too_large_is_given_once(shop: Shop, key: str, path: str) -> None:
    """An answer above what is kept, whole or streamed, arrives whole; the retry learns that it was
    carried out, and nothing runs twice."""
    first = shop.post("/bare" + path, key)
    assert (first.status_code, set(first.content)) == (200, {ord("x")})
    assert len(first.content) > KEPT_ANSWER
    assert is_refused_as_done(shop.post("/bare" + path, key))
    assert shop.ran[key] == 1


@pytest.mark.parametrize("path", ["/failure", "/failing"])
def test_a_failure_that_is_not_kept_stays_unknown(shop: Shop, key: str, path: str) -> None:
    """A 500 that is too large to be kept, or a stream of events: nobody knows what it left, and
    nothing runs twice."""
    shop.gate.set()
    told = [shop.post("/bare" + path, key) for _ in range(3)]
    assert [(one.status_code, one.headers[OUTCOME]) for one in told] == [
        (500, "unknown"),
        (409, "unknown"),
        (409, "unknown"),
    ]
    assert "has failed, and its answer was not kept" in told[1].text
    assert shop.ran[key] == 1


@pytest.mark.parametrize("around", AROUND)
def test_half_a_stream_is_never_replayed_as_the_whole(shop: Shop, key: str, around: str) -> None:
    """A client that hangs up in the middle of a stream ends it: what was teed is not its answer.
    The retry learns that it was carried out."""
    fields = {"Idempotency-Key": key}
    with shop.http.stream("POST", shop.url + around + "/stream", headers=fields) as response:
        assert next(response.iter_raw()) == b"data: one\n\n"
    time.sleep(0.1)
    shop.gate.set()
    again = shop.post(around + "/stream", key)
    assert shop.ran[key] == 1
    assert is_refused_as_done(again)


# --- Bodies and headers --------------------------------------------------------------------------


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("path", ["/json", "/empty"])
def test_middlewares_around_it_change_nothing(shop: Shop, key: str, around: str, path: str) -> None:
    """A `BaseHTTPMiddleware` inside, outside or both: one run, and the same answer again, for a
    204 too."""
    first, again = (shop.post(around + path, key) for _ in range(2))
    assert (first.status_code, again.status_code) in ((201, 201), (204, 204))
    assert (again.content, again.headers[REPLAYED]) == (first.content, "true")
    assert shop.ran[key] == 1


def test_cookies_are_set_once(shop: Shop, key: str) -> None:
    """The first answer keeps both of its `Set-Cookie` lines, the replay has neither."""
    first, again = (shop.post("/bare/cookies", key) for _ in range(2))
    assert len(first.headers.get_list("set-cookie")) == 2
    assert "set-cookie" not in again.headers
    assert (again.text, shop.ran[key]) == ("hello", 1)


def test_a_packed_answer_can_be_read_when_it_is_replayed(shop: Shop, key: str) -> None:
    """A gzip body is replayed with its `Content-Encoding`, whatever the contract replays."""
    first, again = (
        shop.post("/packed/cookies", key, headers={"Accept-Encoding": "gzip"}) for _ in range(2)
    )
    assert first.headers["content-encoding"] == again.headers["content-encoding"] == "gzip"
    assert (first.text, again.text) == ("hello", "hello")
    assert shop.ran[key] == 1


def test_a_chunked_body_is_the_same_body(shop: Shop, key: str) -> None:
    """How a body was cut on the wire does not count: chunked and then in one piece is one write."""
    first = shop.post("/bare/echo", key, content=iter([b"in two ", b"pieces"]))
    again = shop.post("/bare/echo", key, content=b"in two pieces")
    other = shop.post("/bare/echo", key, content=b"in two piece")
    assert first.content == again.content == b"in two pieces"
    assert (other.status_code, other.headers[OUTCOME]) == (409, "not_started")
    assert shop.ran[key] == 1


def test_a_packed_body_is_compared_by_its_bytes(shop: Shop, key: str) -> None:
    """A gzip request body reaches the handler as it came, and its repetition is the same write."""
    packed = gzip.compress(b'{"a": 1}', mtime=0)
    fields = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    first, again = (shop.post("/bare/echo", key, content=packed, headers=fields) for _ in range(2))
    assert first.content == again.content == packed
    assert (again.headers[REPLAYED], shop.ran[key]) == ("true", 1)


def test_a_key_of_five_thousand_characters_is_refused(shop: Shop) -> None:
    """400, and nothing runs."""
    response = shop.post("/bare/json", "k" * 5000)
    assert (response.status_code, response.headers[OUTCOME]) == (400, "not_started")
    assert shop.ran["k" * 5000] == 0


def test_two_key_lines_are_refused(shop: Shop, dial: Any) -> None:
    """Two lines are no key, not even two equal ones: 400, and nothing runs."""
    for second in (b"other", b"same"):
        fields = [(b"Idempotency-Key", b"same"), (b"Idempotency-Key", second)]
        with dial(shop.url) as line:
            assert line.ask("POST", "/bare/json", *fields, body=b"").status == 400
    assert shop.ran["same"] == shop.ran["other"] == 0


# --- Clients that leave --------------------------------------------------------------------------


@pytest.mark.parametrize("around", AROUND)
def test_a_client_that_gives_up_and_retries_runs_nothing_twice(
    shop: Shop, key: str, around: str
) -> None:
    """Gone after 0.2 s, back at once: the retry waits for the first run and gets its answer."""
    with pytest.raises(httpx2.ReadTimeout):
        shop.post(around + "/slow", key, timeout=0.2)
    with ThreadPoolExecutor(1) as pool:
        again = pool.submit(shop.post, around + "/slow", key)
        time.sleep(0.1)
        assert not again.done()
        shop.gate.set()
        assert (again.result().status_code, again.result().headers[REPLAYED]) == (201, "true")
    assert shop.ran[key] == 1


def test_a_request_that_is_cut_off_starts_nothing(
    shop: Shop, dial: Any, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that hangs up before its body is whole: the handler does not run, the key is free,
    and it is no error of the server's."""
    with caplog.at_level("INFO", "failwell.server"), dial(shop.url) as line:
        fields = f"Host: x\r\nIdempotency-Key: {key}\r\nContent-Length: 9\r\n\r\nhalf"
        line.socket.sendall(f"POST /bare/echo HTTP/1.1\r\n{fields}".encode())
        line.close()
        ends = time.monotonic() + 10
        while "before it was whole" not in caplog.text:
            assert time.monotonic() < ends
            time.sleep(0.01)
    assert {record.levelname for record in caplog.records} == {"INFO"}
    assert shop.ran[key] == 0
    assert shop.post("/bare/echo", key, content=b"whole").content == b"whole"


def test_a_caller_is_authorised_again_before_a_replay(shop: Shop, key: str) -> None:
    """Who has lost the right to ask gets the refusal and not a word of the answer that was kept;
    who has it back gets the replay."""
    first = shop.post("/bare/cookies", key)
    shop.banned.add("ann")
    refused = shop.post("/bare/cookies", key)
    shop.banned.clear()
    assert (refused.status_code, "hello" in refused.text) == (403, False)
    assert shop.post("/bare/cookies", key).content == first.content
    assert shop.ran[key] == 1


def test_another_caller_has_keys_of_its_own(shop: Shop, key: str) -> None:
    """The same key of two callers is two writes."""
    for n, caller in enumerate(("ann", "bob"), 1):
        assert REPLAYED not in shop.post("/bare/json", key, headers={"X-Caller": caller}).headers
        assert shop.ran[key] == n


def test_what_fails_after_the_answer_was_made_is_not_a_success(shop: Shop, key: str) -> None:
    """A keyed answer leaves when the app is done: a commit or a background task that fails after
    it makes a 500 of it, with an honest unknown, and nothing runs twice."""
    first, again = (shop.post("/bare/after", key) for _ in range(2))
    assert (first.status_code, first.headers[OUTCOME]) == (500, "unknown")
    assert (again.status_code, again.headers[REPLAYED]) == (500, "true")
    assert "hunter2" not in first.text
    assert shop.ran[key] == 1


def test_a_failure_after_a_whole_answer_leaves_the_connection_alive(
    shop_contract: Contract, dial: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a key the answer is out when a background task fails: it stands, the connection goes
    on, and the failure is in the log."""

    def fail() -> None:
        raise RuntimeError("hunter2")

    async def handler(request: Request) -> Response:
        return JSONResponse({}, background=BackgroundTask(fail))

    app = Starlette(routes=[Route("/", handler)])
    with running(wrap(app, shop_contract)) as url, dial(url) as line:
        assert [line.ask("GET", "/").status for _ in range(3)] == [200, 200, 200]
    said = [r for r in caplog.records if "failed after it was answered" in r.getMessage()]
    assert len(said) == 3
    assert said[0].exc_info is not None


@pytest.mark.parametrize("media", ["text/event-stream", "Text/Event-Stream; charset=utf-8"])
def test_events_that_break_end_with_an_error_event(
    shop_contract: Contract, dial: Any, media: str
) -> None:
    """A stream of events that fails says so in its own words, says nothing of the cause, ends
    properly and leaves the connection alive, with a key and without."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"data: one\n\n"
        raise RuntimeError("hunter2")

    async def handler(request: Request) -> Response:
        return StreamingResponse(pieces(), headers={"Content-Type": media})

    once = idempotent(shop_contract, MemoryStore(), caller=lambda _: "ann")
    app = once(Starlette(routes=[Route("/", handler, methods=["GET", "POST"])]))
    with running(wrap(app, shop_contract)) as url, dial(url) as line:
        written = line.ask("POST", "/", (b"Idempotency-Key", b"k"), body=b"")
        read = line.ask("GET", "/")
    for answer in (written, read):
        first, _, event = answer.body.partition(b"\n\n")
        assert first == b"data: one"
        name, data = event.strip().split(b"\n")
        assert name == b"event: error"
        assert msgspec.json.decode(data.removeprefix(b"data: "))["error"]["code"] == "failed"
        assert b"hunter2" not in answer.body


# --- Profiles ------------------------------------------------------------------------------------

CODES = (
    Code(code="bad", status=400, proves=Outcome.NOT_STARTED),
    Code(code="clash", status=409),
    Code(code="other_body", status=422, proves=Outcome.NOT_STARTED),
)


class Profile:
    """One handler under a profile; its answers come in the order of `answers`."""

    def __init__(self, rules: Idempotency, dialect: Any) -> None:
        self.contract = Contract(name="shop", dialect=dialect, codes=CODES, idempotency=rules)
        self.gate = threading.Event()
        self.started = threading.Event()
        self.answer = Response(b'{"id": 7}', 201, media_type="application/json")

    async def serve(self, request: Request) -> Response:
        """Answer when the gate is open."""
        self.started.set()
        await asyncio.to_thread(self.gate.wait, 10)
        return self.answer

    def app(self) -> Any:
        """The handler at `/`."""
        once = idempotent(self.contract, MemoryStore(), caller=lambda _: "ann", wait=0.0)
        return wrap(
            once(Starlette(routes=[Route("/", self.serve, methods=["POST"])])), self.contract
        )


def write(url: str, key: str | None, body: Any = None) -> httpx2.Response:
    fields = {} if key is None else {"Idempotency-Key": key}
    return httpx2.post(url, json=body, headers=fields, trust_env=False, timeout=20)


@pytest.mark.parametrize(
    ("rules", "statuses"),
    [
        (Idempotency.classic("clash", missing=("bad", 400)), (201, 409, 409, 201)),
        (Idempotency.ietf("clash", "other_body", missing=("bad", 400)), (400, 409, 422, 201)),
        (Idempotency.flow("clash", missing=("bad", 400)), (201, 409, 409, 409)),
    ],
)
def test_a_profile_chooses_the_statuses(
    rules: Idempotency, statuses: tuple[int, int, int, int]
) -> None:
    """Without a key, while the first runs, with another body, and again: by the profile's table.
    Only another body is proof that nothing was started."""
    profile = Profile(rules, Nested())
    with running(profile.app()) as url, ThreadPoolExecutor(1) as pool:
        first = pool.submit(write, url, "k", {"n": 1})
        assert profile.started.wait(10)
        busy, other = write(url, "k", {"n": 1}), write(url, "k", {"n": 2})
        profile.gate.set()
        assert first.result().status_code == 201
        again, without = write(url, "k", {"n": 1}), write(url, None, {"n": 1})
    said = [without, busy, other, again]
    assert tuple(answer.status_code for answer in said) == statuses
    assert (busy.headers[OUTCOME], other.headers[OUTCOME]) == ("unknown", "not_started")
    assert int(busy.headers["retry-after"]) >= 1
    assert again.headers[REPLAYED] == "true"


@pytest.mark.parametrize("dialect", [Nested(), Problem()])
@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (Response(b'{"id": 7, "x": 1e3}', 201, media_type="application/json"), {"id": 7, "x": 1e3}),
        (Response("grün".encode(), 200, media_type="text/plain"), "grün"),
        (Response(b"\xff\x00", 200, media_type="application/octet-stream"), "\ufffd\x00"),
        (Response(status_code=204), None),
    ],
)
def test_the_flow_profile_gives_the_first_answer_inside_the_conflict(
    dialect: Any, answer: Response, result: Any
) -> None:
    """A used key: 409, `applied`, and the first answer's body in `result`, whatever it was."""
    profile = Profile(Idempotency.flow("clash", missing=("bad", 400)), dialect)
    profile.answer = answer
    profile.gate.set()
    with running(profile.app()) as url:
        first, again = write(url, "k"), write(url, "k")
    assert first.status_code == answer.status_code
    assert (again.status_code, again.headers[OUTCOME]) == (409, "applied")
    assert again.json()["result"] == result
    assert again.headers["content-type"] == dialect.media_type


def test_the_flow_profile_replays_errors_as_they_were() -> None:
    """A refusal that was kept is no result: it is given again as it was."""
    profile = Profile(Idempotency.flow("clash", missing=("bad", 400)), Nested())
    profile.answer = Response(b'{"error":{"code":"clash","message":"No"}}', 409)
    profile.answer.headers["content-type"] = "application/json"
    profile.gate.set()
    with running(profile.app()) as url:
        first, again = write(url, "k"), write(url, "k")
    assert again.content == first.content
    assert "result" not in again.json()
