"""Faults on real connections: what the client sees, what the server did, and what it logged."""

import asyncio
import gc
import json
import logging
import random
import re
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from failwell.sandbox.faults import Fault, FaultList, Match
from failwell.sandbox.wire import WIRE, FaultMiddleware, Server, running

BASE = "/toolpath/api/public/v0"
PARTS = f"{BASE}/parts"
LOCAL: Any = {"trust_env": False, "verify": False}
ANSWER = json.dumps({"id": "part_1", "name": "x" * 500}).encode()


class Parts:
    """A tiny app that counts what it was asked to do."""

    def __init__(self) -> None:
        self.effects = 0
        self.clients: list[tuple[str, int]] = []
        self.answer = ANSWER
        self.reads = True
        self.sized = True
        self.raises = False
        self.seconds = 0.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
            return
        if self.reads:
            while (await receive()).get("more_body"):
                pass
        await asyncio.sleep(self.seconds)
        self.effects += 1
        self.clients.append(scope["client"])
        if self.raises:
            raise LookupError("a mistake in the app")
        await self.respond(scope, send)

    async def live(self, receive: Any, send: Any) -> None:
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})

    async def respond(self, scope: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json"), (b"x-path", scope["path"].encode())]
        if self.sized:
            headers.append((b"Content-Length", b"%d" % len(self.answer)))
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        middle = len(self.answer) // 3
        body = {"type": "http.response.body"}
        await send({**body, "body": self.answer[:middle], "more_body": True})
        await send({**body, "body": self.answer[middle:]})


class World:
    """An app under faults on a real port."""

    def __init__(self, parts: Parts, faults: FaultList, url: str) -> None:
        self.parts = parts
        self.faults = faults
        self.url = url
        self.seen: list[tuple[str, str]] = []

    def suffer(self, fault: str, **options: Any) -> None:
        self.faults.replace([Fault(fault=fault, **options)])  # type: ignore[arg-type]

    def connect(self) -> socket.socket:
        url = httpx2.URL(self.url)
        return socket.create_connection((url.host, url.port), timeout=20)


def render(status: int, retry_after: str | None, scope: Any) -> Any:
    envelope = {"status": status, "retry_after": retry_after, "path": scope["path"]}
    return [(b"content-type", b"application/problem+json")], json.dumps(envelope).encode()


def eventually(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


@contextmanager
def a_world(render: Any = render, rng: random.Random | None = None) -> Iterator[World]:
    parts, faults, seen = Parts(), FaultList(), list[tuple[str, str]]()

    def note(fault: Fault, scope: Any) -> None:
        seen.append((fault.fault, scope["path"]))

    with running(FaultMiddleware(parts, faults, BASE, render, rng, note)) as url:
        world = World(parts, faults, url)
        world.seen = seen
        yield world


@pytest.fixture(scope="module")
def served() -> Iterator[World]:
    with a_world() as made:
        yield made


@pytest.fixture
def world(served: World) -> World:
    served.parts.__init__()  # type: ignore[misc]
    served.faults.replace([])
    served.seen.clear()
    return served


@pytest.fixture
def client(world: World) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=world.url, timeout=20, **LOCAL) as made:
        yield made


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test here also promises that the server logs no trouble."""
    yield
    if "noisy" not in request.fixturenames:
        records = caplog.get_records("setup") + caplog.get_records("call") + caplog.records
        assert [r.getMessage() for r in records if r.levelno >= logging.WARNING] == []


@pytest.fixture
def noisy() -> None:
    """Exempt a test whose app is meant to log an error."""


def request(method: str, path: str = PARTS, body: bytes = b"", extra: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: here\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def outcome(sock: socket.socket) -> tuple[bytes, str]:
    """Read to the end and say what the end was: "FIN" or "RST"."""
    received = bytearray()
    try:
        while data := sock.recv(65536):
            received += data
    except ConnectionResetError:
        return bytes(received), "RST"
    return bytes(received), "FIN"


def exchange(world: World, data: bytes) -> tuple[bytes, str]:
    with world.connect() as sock:
        sock.sendall(data)
        return outcome(sock)


def test_lose_answer_does_the_write_and_resets(world: World) -> None:
    """The app has run and the client gets an RST, not EOF, before any byte."""
    world.suffer("lose_answer")
    assert exchange(world, request("POST", body=b"{}")) == (b"", "RST")
    assert world.parts.effects == 1


def test_lose_answer_resets_even_when_the_app_left_the_body_unread(world: World) -> None:
    """An app that ignores the request body changes nothing for the client."""
    world.parts.reads = False
    world.suffer("lose_answer")
    assert exchange(world, request("POST", body=b"x" * 3_000_000)) == (b"", "RST")
    assert world.parts.effects == 1


def test_reset_does_nothing_and_resets(world: World) -> None:
    """The app is not called and the client gets an RST, not EOF, before any byte."""
    world.suffer("reset")
    assert exchange(world, request("POST", body=b"{}")) == (b"", "RST")
    assert world.parts.effects == 0


def test_reset_lets_the_client_finish_sending(world: World) -> None:
    """A large body is read to its end before the RST, so that sending never fails."""
    world.suffer("reset")
    with world.connect() as sock:
        sock.sendall(request("POST", body=b"x" * 5_000_000))
        assert outcome(sock) == (b"", "RST")


@pytest.mark.parametrize("fault", ["lose_answer", "reset"])
def test_a_client_sees_a_read_error_and_can_go_on(
    world: World, client: httpx2.Client, fault: str
) -> None:
    """httpx2 reports the reset as ReadError, and its next request is served."""
    world.suffer(fault, times=1)
    with pytest.raises(httpx2.ReadError):
        client.post(PARTS, json={})
    assert client.post(PARTS, json={}).content == ANSWER


def test_cut_body_delivers_half_and_then_fin(world: World) -> None:
    """Status, headers with the full length and exactly half the body arrive, then EOF."""
    world.suffer("cut_body")
    data, end = exchange(world, request("POST", body=b"{}"))
    head, _, body = data.partition(b"\r\n\r\n")
    assert end == "FIN"
    assert head.startswith(b"HTTP/1.1 201")
    assert b"content-length: %d" % len(ANSWER) in head.lower()
    assert body == ANSWER[: len(ANSWER) // 2]
    assert world.parts.effects == 1


def test_cut_body_delivers_a_large_half_to_a_slow_reader(world: World) -> None:
    """Not a byte of the half is lost, however late the client reads it."""
    world.parts.answer = random.Random(1).randbytes(6_000_001)
    world.suffer("cut_body")
    with world.connect() as sock:
        sock.sendall(request("GET"))
        time.sleep(0.3)
        data, end = outcome(sock)
    assert end == "FIN"
    assert data.partition(b"\r\n\r\n")[2] == world.parts.answer[:3_000_000]


def test_cut_body_ends_with_fin_while_the_client_still_sends(world: World) -> None:
    """A pipelined upload is read and dropped, so that it does not turn the FIN into an RST."""
    world.parts.seconds = 0.2
    world.suffer("cut_body")
    with world.connect() as sock:
        sock.sendall(request("GET") + request("POST", body=b"x" * 20_000_000))
        data, end = outcome(sock)
    assert end == "FIN"
    assert data.endswith(ANSWER[: len(ANSWER) // 2])
    assert world.parts.effects == 1


def test_cut_body_of_a_stream_announces_the_full_length(world: World) -> None:
    """An answer that would have been chunked is cut in the same way."""
    world.parts.sized = False
    world.suffer("cut_body")
    head, _, body = exchange(world, request("GET"))[0].partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(ANSWER) in head.lower()
    assert b"chunked" not in head
    assert body == ANSWER[: len(ANSWER) // 2]


def test_a_client_sees_a_protocol_error_for_a_cut_body(world: World, client: httpx2.Client) -> None:
    """httpx2 reports the missing half as RemoteProtocolError."""
    world.suffer("cut_body", times=1)
    with pytest.raises(httpx2.RemoteProtocolError):
        client.get(PARTS)
    assert client.get(PARTS).content == ANSWER


def test_truncate_is_complete_http_with_half_the_json(world: World, client: httpx2.Client) -> None:
    """The length is right for the half, the JSON is broken, and the connection lives on."""
    world.suffer("truncate", times=1)
    answer = client.post(PARTS, json={})
    assert answer.status_code == 201
    assert answer.headers.get_list("content-length") == [str(len(ANSWER) // 2)]
    assert answer.content == ANSWER[: len(ANSWER) // 2]
    assert client.get(PARTS).content == ANSWER
    assert world.parts.effects == 2
    assert len(set(world.parts.clients)) == 1


@pytest.mark.parametrize("fault", ["truncate", "cut_body"])
def test_an_answer_without_body_keeps_its_headers(
    world: World, client: httpx2.Client, fault: str
) -> None:
    """There is nothing to halve in the answer to HEAD, and its length stays as it was."""
    world.suffer(fault)
    world.parts.answer = b""
    answer = client.head(PARTS)
    assert (answer.status_code, answer.headers["content-length"]) == (201, "0")


def test_html_502_is_a_proxys_page(world: World, client: httpx2.Client) -> None:
    """Nothing is done, and the answer is HTML that no API would send."""
    world.suffer("html_502", retry_after="7")
    answer = client.post(PARTS, json={})
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["retry-after"] == "7"
    assert "<title>502 Bad Gateway</title>" in answer.text
    assert world.parts.effects == 0


def test_status_answers_with_the_owners_envelope(world: World, client: httpx2.Client) -> None:
    """Nothing is done, and the body is what `render` made of status and Retry-After."""
    world.suffer("status", status=429, retry_after="2")
    answer = client.post(PARTS, json={})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {"status": 429, "retry_after": "2", "path": PARTS}
    assert world.parts.effects == 0


def test_status_is_503_without_retry_after_by_default(world: World, client: httpx2.Client) -> None:
    """What is left out is not made up."""
    world.suffer("status")
    answer = client.get(PARTS)
    assert answer.status_code == 503
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("value", ["", "-1", "1e9", "soon", "9" * 400, "²", "1, 2", "a\tb", "nan"])
def test_a_hostile_retry_after_arrives_verbatim(
    world: World, client: httpx2.Client, value: str
) -> None:
    """Whatever fits on a header line is sent as it is."""
    world.suffer("status", retry_after=value)
    assert client.get(PARTS).headers.get_list("retry-after") == [value]


def test_headers_that_render_gives_are_kept() -> None:
    """The middleware adds only what `render` left out."""

    def own(status: int, retry_after: str | None, scope: Any) -> Any:
        return [(b"Retry-After", b"mine"), (b"Content-Length", b"2")], b"{}"

    with a_world(own) as world:
        world.suffer("status", retry_after="other")
        answer = httpx2.get(world.url + PARTS, **LOCAL)
    assert answer.headers.get_list("retry-after") == ["mine"]
    assert answer.headers.get_list("content-length") == ["2"]


@pytest.mark.parametrize(("fault", "status"), [("status", 503), ("html_502", 502)])
def test_a_committed_fault_does_the_write_first(
    world: World, client: httpx2.Client, fault: str, status: int
) -> None:
    """The app runs, its answer is thrown away, and the fault's answer is given."""
    world.suffer(fault, committed=True)
    answer = client.post(PARTS, json={})
    assert answer.status_code == status
    assert "x-path" not in answer.headers
    assert world.parts.effects == 1


@pytest.mark.parametrize("committed", [False, True])
def test_a_large_upload_gets_its_error_and_keeps_its_connection(
    world: World, client: httpx2.Client, committed: bool
) -> None:
    """An answer that needs no body is given after the body, so that clients never choke."""
    world.parts.reads = False
    world.suffer("status", committed=committed, times=2)
    for _ in range(2):
        assert client.post(PARTS, content=b"x" * 3_000_000).status_code == 503
    world.parts.reads = True
    assert client.post(PARTS, content=b"x" * 3_000_000).content == ANSWER
    assert len(set(world.parts.clients)) == 1


def test_delay_waits_and_goes_on(world: World, client: httpx2.Client) -> None:
    """The answer is the ordinary one, later."""
    world.suffer("delay", seconds=0.3)
    start = time.monotonic()
    assert client.post(PARTS, json={}).content == ANSWER
    assert time.monotonic() - start >= 0.3


def test_a_delayed_write_is_done_though_the_client_gave_up(world: World) -> None:
    """A client's timeout does not undo what the server is about to do."""
    world.suffer("delay", seconds=0.3)
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(world.url + PARTS, json={}, timeout=0.1, **LOCAL)
    eventually(lambda: world.parts.effects == 1)


def test_a_spent_fault_leaves_requests_alone(world: World, client: httpx2.Client) -> None:
    """After `times` uses the API works again, and `on_fault` has been told of each use."""
    world.suffer("status", times=2)
    assert [client.get(PARTS).status_code for _ in range(4)] == [503, 503, 201, 201]
    assert world.seen == [("status", PARTS)] * 2


@pytest.mark.parametrize("path", ["/", "/other/parts", f"{BASE}2/parts", f"/x{PARTS}"])
def test_requests_of_other_apis_are_left_alone(
    world: World, client: httpx2.Client, path: str
) -> None:
    """A fault reaches only what lies below its API's base URL."""
    world.suffer("status")
    assert client.get(path).status_code == 201


@pytest.mark.parametrize(
    ("path", "pattern"), [(BASE, "/"), (f"{BASE}/", "/"), (f"{PARTS}/1?a=b", "/parts/*")]
)
def test_a_path_is_matched_below_the_base_url(
    world: World, client: httpx2.Client, path: str, pattern: str
) -> None:
    """The base URL itself counts as "/", and a query string is no part of the path."""
    world.suffer("status", match=Match(path=pattern))
    assert client.get(path).status_code == 503


def test_weather_repeats_itself_for_a_seed() -> None:
    """With the same seed the same requests fail."""

    def weather() -> list[int]:
        with a_world(rng=random.Random(5)) as world, httpx2.Client(**LOCAL) as client:
            world.suffer("status", probability=0.4)
            return [client.get(world.url + PARTS).status_code for _ in range(40)]

    first = weather()
    assert set(first) == {201, 503}
    assert weather() == first


def test_pipelined_requests_are_answered_in_order(world: World) -> None:
    """Unfaulted and answered requests on one connection go on as without the middleware."""
    world.suffer("status", match=Match(path="/b"))
    asked = [request("GET", BASE + path) for path in ("/a", "/b", "/c")]
    last = request("GET", f"{BASE}/d", extra="Connection: close\r\n")
    data, end = exchange(world, b"".join(asked) + last)
    found = re.findall(rb"HTTP/1.1 (\d+)|x-path: (\S+)", data)
    statuses = [int(status) for status, _ in found if status]
    assert statuses == [201, 503, 201, 201]
    assert [path.decode()[-2:] for _, path in found if path] == ["/a", "/c", "/d"]
    assert end == "FIN"
    assert len(set(world.parts.clients)) == 1


def test_answers_are_not_held_back_by_nagle(world: World, client: httpx2.Client) -> None:
    """On a kept connection an answer takes far less than the 40 ms of a delayed ACK."""

    def timed() -> float:
        start = time.perf_counter()
        client.post(PARTS, json={})
        return time.perf_counter() - start

    assert statistics.median(timed() for _ in range(30)) < 0.03


def test_many_clients_suffer_independently(world: World) -> None:
    """Under load every client gets its own fault and nobody else's."""
    kinds = ["lose_answer", "cut_body", "reset", "none"]
    world.faults.replace(
        Fault(fault=kind, match=Match(path=f"/{kind}"))  # type: ignore[arg-type]
        for kind in kinds[:-1]
    )

    def suffer(kind: str) -> str:
        with httpx2.Client(**LOCAL, timeout=20) as client:
            try:
                return str(client.post(f"{world.url}{BASE}/{kind}", json={}).status_code)
            except httpx2.TransportError as error:
                return type(error).__name__

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(suffer, kinds * 25))
    assert results == ["ReadError", "RemoteProtocolError", "ReadError", "201"] * 25
    assert world.parts.effects == 75


@pytest.mark.usefixtures("noisy")
def test_a_mistake_in_the_app_is_not_hidden_by_a_fault(
    world: World, client: httpx2.Client, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception under a fault is logged and answered with 500, as without one."""
    world.parts.raises = True
    world.suffer("lose_answer")
    assert client.post(PARTS, json={}).status_code == 500
    assert "Exception in ASGI application" in caplog.text


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_other_scopes_pass_through_untouched(kind: str) -> None:
    """What is not HTTP reaches the app with the very same objects."""
    calls: list[tuple[Any, ...]] = []

    async def app(*args: Any) -> None:
        calls.append(args)

    faulty = FaultMiddleware(app, FaultList([Fault(fault="reset")]), BASE, render)
    args: tuple[Any, ...] = ({"type": kind, "path": PARTS}, object(), object())
    asyncio.run(faulty(*args))  # type: ignore[arg-type]
    assert all(got is given for got, given in zip(calls[0], args, strict=True))


def test_without_faults_nothing_is_looked_at() -> None:
    """An empty list costs one truth test: not even the path is read."""
    calls: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        calls.append(scope)

    faulty = FaultMiddleware(app, FaultList(), BASE, render)
    asyncio.run(faulty({}, object(), object()))  # type: ignore[arg-type]
    assert calls == [{}]


def test_a_fault_that_needs_a_wire_says_so_before_any_effect() -> None:
    """Under another server the write is not done and the error says what to use."""
    parts = Parts()
    faulty = FaultMiddleware(parts, FaultList([Fault(fault="lose_answer")]), BASE, render)

    async def go() -> None:
        transport = httpx2.ASGITransport(faulty)
        async with httpx2.AsyncClient(transport=transport, base_url="http://here") as client:
            await client.post(PARTS)

    with pytest.raises(RuntimeError, match=r"failwell\.sandbox\.wire\.Server"):
        asyncio.run(go())
    assert parts.effects == 0


def test_the_app_itself_can_break_its_connection() -> None:
    """Every HTTP scope carries a wire, with or without the middleware."""

    class Rude(Parts):
        async def respond(self, scope: Any, send: Any) -> None:
            await scope["extensions"][WIRE].reset()

    parts = Rude()
    with running(parts) as url:
        world = World(parts, FaultList(), url)
        assert exchange(world, request("GET")) == (b"", "RST")


def test_stopping_does_not_wait_for_a_delay() -> None:
    """A request in the middle of a long delay is cut off, silently and soon."""
    with a_world() as world:
        world.suffer("delay", seconds=300)
        sock = world.connect()
        sock.sendall(request("GET"))
        eventually(lambda: world.faults.used == {"delay": 1})
        start = time.monotonic()
    assert time.monotonic() - start < 3
    with sock:
        assert outcome(sock) == (b"", "FIN")
    assert world.parts.effects == 0


def test_stopping_lets_a_short_request_finish() -> None:
    """A request that is nearly done gets its answer."""
    with ThreadPoolExecutor(1) as pool:
        with a_world() as world:
            world.suffer("delay", seconds=0.3)
            answer = pool.submit(httpx2.get, world.url + PARTS, **LOCAL)
            eventually(lambda: world.faults.used == {"delay": 1})
        assert answer.result().content == ANSWER


def test_stopping_ends_idle_connections() -> None:
    """A client that keeps its connection open does not keep the server."""
    with httpx2.Client(**LOCAL) as client:
        with a_world() as world:
            assert client.get(world.url + PARTS).status_code == 201
            start = time.monotonic()
        assert time.monotonic() - start < 3
        with pytest.raises(httpx2.ConnectError):
            client.get(world.url + PARTS)


def test_the_thread_is_gone_after_the_block() -> None:
    """`running` leaves no thread behind, also when the block raises."""

    def fail() -> None:
        with a_world():
            raise KeyError("in the block")

    before = threading.active_count()
    with pytest.raises(KeyError):
        fail()
    assert threading.active_count() == before


def test_broken_connections_leave_nothing_open() -> None:
    """No socket, loop or task is left for the garbage collector to complain about."""
    with a_world() as world:
        for kind, end in [("lose_answer", "RST"), ("cut_body", "FIN"), ("reset", "RST")]:
            world.suffer(kind)
            assert exchange(world, request("GET"))[1] == end
    del world
    gc.collect()


def test_a_server_serves_in_the_current_loop() -> None:
    """`serve` calls `ready` with a working URL and returns after `stop`."""
    parts, urls = Parts(), list[str]()

    async def go() -> int:
        server, ready = Server(parts), asyncio.Event()
        task = asyncio.create_task(server.serve(lambda url: (urls.append(url), ready.set())[1]))
        await ready.wait()
        async with httpx2.AsyncClient(**LOCAL) as client:
            status = (await client.get(urls[0] + PARTS)).status_code
        server.stop()
        await task
        return status

    assert asyncio.run(go()) == 201
    assert urls[0].startswith("http://127.0.0.1:")


def test_a_port_in_use_is_an_oserror() -> None:
    """The caller learns at once that the port is taken."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"), running(Parts(), port=port):
            pass


@pytest.mark.usefixtures("noisy")
def test_an_app_that_fails_to_start_is_a_runtime_error() -> None:
    """The failure reaches the caller instead of hanging or killing the process."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError("no database")

    with pytest.raises(RuntimeError, match="failed to start"), running(app):
        pass
