"""The inner half: a keyed write runs once, whatever happens to it and whoever repeats it.

One app with one middleware for each set of settings, over real HTTP, once with records in memory
and once in SQLite. What the handler is to do is said in the request's body; what it did is
counted.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from failwell import stores
from failwell.contract import Contract
from failwell.errors import RateLimitError
from failwell.model import Attempt, Failure, Kind, Outcome
from failwell.policy.idempotency import Claim, Complete, Refuse, Release, Renew, Replay, Run, Stored
from failwell.sandbox.wire import running
from failwell.server.asgi import idempotent, wrap
from failwell.stores.memory import MemoryStore
from failwell.stores.sqlite import SQLiteStore

OUTCOME = "Failwell-Outcome"
ID = "X-Request-Id"


class Bench:
    """The app under test: what it has done, by the `tag` in the request, and its store."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.offset = 0.0
        self.done: Counter[str] = Counter()
        self.gates: dict[str, threading.Event] = {}
        self.url = ""
        self.http = httpx2.Client(trust_env=False, timeout=20)

    def clock(self) -> float:
        """The store's clock, which tests move by `offset`."""
        return time.time() + self.offset

    def app(self, store: Any) -> Any:
        """The handler behind several settings of the middleware, and the wrapper around all."""
        settings: dict[str, dict[str, Any]] = {
            "/orders": {},
            "/others": {},
            "/impatient": {"wait": 0.05},
            "/brief": {"lease": 0.3, "wait": 0.0},
            "/undone": {"on_error": "release"},
        }

        def caller(scope: Any) -> str:
            return dict(scope["headers"]).get(b"x-caller", b"ann").decode()

        def mount(path: str, how: dict[str, Any]) -> Mount:
            once = idempotent(self.contract, store, caller=caller, **how)
            methods = ["GET", "POST", "DELETE", "PATCH"]
            return Mount(path, once(Starlette(routes=[Route("/", self.serve, methods=methods)])))

        return wrap(Starlette(routes=[mount(*each) for each in settings.items()]), self.contract)

    async def serve(self, request: Request) -> Response:
        """Do what the body says, after the effect."""
        asked = await request.json() if await request.body() else {}
        tag = asked.get("tag", "none")
        self.done[tag] += 1
        if tag in self.gates:
            await asyncio.to_thread(self.gates[tag].wait, 10)
        return self.answer(asked, self.done[tag])

    def answer(self, asked: dict[str, Any], count: int) -> Response:
        match asked.get("do"):
            case "empty":
                return Response(status_code=204)
            case "bytes":
                return Response(bytes(range(256)), 201, media_type="application/octet-stream")
            case "stream":
                parts = (b"%d;" % n for n in range(count, count + 3))
                return StreamingResponse(parts, 200, media_type="text/plain")
            case "fail":
                raise self.contract.fail(asked["code"], message="No")
            case "fail but done":
                raise self.contract.fail("away", message="No", outcome=Outcome.UNKNOWN)
            case "http":
                raise HTTPException(asked["status"], "Plain")
            case "say":
                return Response(b"{}", asked["status"], {OUTCOME: asked["outcome"]})
            case "raise":
                raise RuntimeError("hunter2")
            case "upstream":
                failure = Failure(
                    kind=Kind.RATE_LIMITED,
                    message="hunter2",
                    status=429,
                    code="rate_limited",
                    outcome=Outcome.NOT_STARTED,
                    api="shop",
                )
                sent = Attempt(number=1, method="POST", url="u", at=0, elapsed=0)
                raise RateLimitError(failure, (sent,))
        fields = {"Location": "/orders/7", "ETag": '"1"', "X-Own": "1"}
        response = JSONResponse({"count": count, "text": "ü"}, 201, fields)
        response.set_cookie("session", "secret")
        return response

    def post(self, path: str = "/orders/", *, key: str | None, **asked: Any) -> httpx2.Response:
        """One write; keywords that begin with `x_` are header fields."""
        fields = {n.replace("_", "-"): asked.pop(n) for n in list(asked) if n.startswith("x_")}
        if key is not None:
            fields["Idempotency-Key"] = key
        return self.http.post(self.url + path, json=asked, headers=fields)

    @contextmanager
    def held(self, tag: str) -> Iterator[threading.Event]:
        """Keep the handler of this tag at work until the block ends or the event is set."""
        self.gates[tag] = threading.Event()
        try:
            yield self.gates[tag]
        finally:
            self.gates[tag].set()

    def started(self, tag: str) -> None:
        """Return when the handler has begun."""
        until(lambda: self.done[tag] > 0)


def until(condition: Any) -> None:
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def bench(
    request: pytest.FixtureRequest,
    shop_contract: Contract,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bench]:
    bench = Bench(shop_contract)
    store: Any = MemoryStore(clock=bench.clock)
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("store") / "records.db"
        store = SQLiteStore(str(path), clock=bench.clock)
    with running(bench.app(store)) as bench.url, bench.http:
        yield bench
    store.close()


@pytest.fixture
def key() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def tag() -> str:
    return uuid.uuid4().hex


def error_of(response: httpx2.Response) -> dict[str, Any]:
    inner: dict[str, Any] = response.json()["error"]
    assert set(inner) == {"code", "message", "requestId"}
    assert isinstance(inner["requestId"], str)
    return inner


# --- Replays -------------------------------------------------------------------------------------


def test_a_repeated_write_is_replayed(bench: Bench, key: str, tag: str) -> None:
    """The same key and body: one effect, and the same status and bytes again."""
    first = bench.post(key=key, tag=tag)
    again = bench.post(key=key, tag=tag)
    assert bench.done[tag] == 1
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert (first.status_code, first.json()["count"]) == (201, 1)


def test_a_replay_carries_only_what_the_contract_allows(bench: Bench, key: str, tag: str) -> None:
    """Allowed headers, the mark, and this request's id: no cookie, no old id, nothing else."""
    first = bench.post(key=key, tag=tag, x_request_id="first")
    again = bench.post(key=key, tag=tag, x_request_id="second")
    assert "idempotent-replayed" not in first.headers
    assert {"set-cookie", "etag", "x-own", "location"} <= set(first.headers)
    assert set(again.headers) == {
        "content-type",
        "content-length",
        "location",
        "date",
        "idempotent-replayed",
        "x-request-id",
    }
    assert again.headers["location"] == "/orders/7"
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers.get_list(ID) == ["second"]


@pytest.mark.parametrize("do", ["empty", "bytes", "stream"])
def test_any_success_is_replayed(bench: Bench, key: str, tag: str, do: str) -> None:
    """A 204, raw bytes and a stream are replayed as they were, and run once."""
    first = bench.post(key=key, tag=tag, do=do)
    again = bench.post(key=key, tag=tag, do=do)
    assert bench.done[tag] == 1
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers.get("content-type") == first.headers.get("content-type")
    if do == "empty":
        assert (again.status_code, "content-length" in again.headers) == (204, False)


def test_a_delete_is_keyed_too(bench: Bench, key: str) -> None:
    """Every method that the contract names takes a key."""
    fields = {"Idempotency-Key": key}
    before = bench.done["none"]
    first, again = (bench.http.delete(bench.url + "/orders/", headers=fields) for _ in range(2))
    assert bench.done["none"] == before + 1
    assert again.content == first.content


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_other_methods_are_left_alone(bench: Bench, key: str, method: str) -> None:
    """A method that the contract does not name runs each time, with a key or without."""
    before = bench.done["none"]
    for fields in ({"Idempotency-Key": key}, {"Idempotency-Key": key}, {}):
        assert bench.http.request(method, bench.url + "/orders/", headers=fields).status_code == 201
    assert bench.done["none"] == before + 3


def test_the_meaning_of_json_counts_not_its_spelling(bench: Bench, key: str, tag: str) -> None:
    """Order of keys and white space do not make another body."""
    fields = {"Idempotency-Key": key, "Content-Type": "application/json; charset=utf-8"}
    spellings = (f'{{"tag": "{tag}", "n": 1}}', f'{{ "n":1,\n "tag":"{tag}" }}')
    first, again = (
        bench.http.post(bench.url + "/orders/", content=text, headers=fields) for text in spellings
    )
    assert bench.done[tag] == 1
    assert again.content == first.content


# --- Another request under a used key ------------------------------------------------------------


def test_another_body_is_the_contracts_conflict(bench: Bench, key: str, tag: str) -> None:
    """A used key with another body: 409, nothing done, and the first answer is still there."""
    first = bench.post(key=key, tag=tag)
    other = bench.post(key=key, tag=tag, n=2)
    assert (other.status_code, error_of(other)["code"]) == (409, "conflict")
    assert other.headers[OUTCOME] == "not_started"
    assert "retry-after" not in other.headers
    assert bench.post(key=key, tag=tag).content == first.content
    assert bench.done[tag] == 1


def test_another_query_is_another_request(bench: Bench, key: str, tag: str) -> None:
    """The query belongs to what is asked; the order of its parameters does not."""
    bench.post("/orders/?a=1&b=2", key=key, tag=tag)
    assert bench.post("/orders/?b=2&a=1", key=key, tag=tag).status_code == 201
    assert bench.post("/orders/?a=1&b=3", key=key, tag=tag).status_code == 409
    assert bench.done[tag] == 1


def test_keys_are_the_callers_own_on_one_path(bench: Bench, key: str, tag: str) -> None:
    """The same key of another caller, on another path or with another method, is another key."""
    bench.post(key=key, tag=tag)
    bench.post(key=key, tag=tag, x_caller="bob")
    bench.post("/others/", key=key, tag=tag)
    fields = {"Idempotency-Key": key}
    bench.http.request("DELETE", bench.url + "/orders/", json={"tag": tag}, headers=fields)
    assert bench.done[tag] == 4


def test_scopes_cannot_be_made_to_meet(shop_contract: Contract) -> None:
    """A caller's name that spells out method and path reaches no record but its own."""
    ran: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        ran.append(scope["caller"])
        await Response(b"secret of " + scope["caller"].encode())(scope, receive, send)

    once = idempotent(shop_contract, MemoryStore(), caller=lambda scope: scope["caller"])(app)

    async def ask(caller: str, path: str) -> None:
        async def receive() -> Any:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None: ...

        fields = [(b"idempotency-key", b"k")]
        scope = {"type": "http", "method": "POST", "path": path, "headers": fields}
        await once({**scope, "caller": caller}, receive, send)

    async def both() -> None:
        await ask("ann", "/x\nPOST\n/y")
        await ask("ann\nPOST\n/x", "/y")

    asyncio.run(both())
    assert len(ran) == 2


# --- Keys that are none --------------------------------------------------------------------------


def test_a_key_is_required(bench: Bench, tag: str) -> None:
    """Without a key where the contract requires one: its own refusal, and nothing is done."""
    response = bench.post(key=None, tag=tag)
    assert (response.status_code, error_of(response)["code"]) == (400, "bad_request")
    assert "Idempotency-Key" in error_of(response)["message"]
    assert response.headers[OUTCOME] == "not_started"
    assert bench.done[tag] == 0


def test_a_key_may_be_left_out_where_the_contract_says_so(shop_contract: Contract) -> None:
    """Where keys are honoured and not required, a write without one runs each time."""
    import msgspec

    rules = msgspec.structs.replace(shop_contract.idempotency, keys="honoured")
    bench = Bench(msgspec.structs.replace(shop_contract, idempotency=rules))
    with running(bench.app(MemoryStore())) as bench.url, bench.http:
        for _ in range(2):
            assert bench.post(key=None, tag="t").status_code == 201
        for _ in range(2):
            assert bench.post(key="k", tag="t").status_code == 201
    assert bench.done["t"] == 3


@pytest.mark.parametrize(
    "lines",
    [
        [b""],
        [b"   "],
        [b'""'],
        [b"k" * 256],
        [b"one", b"two"],
        [b"same", b"same"],
        [b"one, two"],
        [b"one,two"],
        ["schlüssel".encode()],
        [b"\xff\xfe"],
        [b"with space"],
        [b"with\x01control"],
    ],
)
def test_a_malformed_key_is_refused(bench: Bench, dial: Any, tag: str, lines: list[bytes]) -> None:
    """Empty, too long, several, a list, outside visible ASCII: 400, and nothing is done."""
    body = b'{"tag": "%s"}' % tag.encode()
    fields = [(b"Idempotency-Key", line) for line in lines]
    with dial(bench.url) as line:
        answer = line.ask("POST", "/orders/", *fields, body=body)
    assert (answer.status, answer.error["code"]) == (400, "bad_request")
    assert answer.all(OUTCOME) == ["not_started"]
    assert bench.done[tag] == 0


@pytest.mark.parametrize("key", ["k", "k" * 255, "!#$%&'*+-.^_`|~/:;<=>?@[]{}()"])
def test_every_wellformed_key_is_a_key(bench: Bench, tag: str, key: str) -> None:
    """1 to 255 visible ASCII characters without a comma are taken."""
    assert bench.post(key=key, tag=tag, x_caller=tag).status_code == 201


def test_a_quoted_key_is_the_same_key(bench: Bench, key: str, tag: str) -> None:
    """The draft's quoted string and the bare token name one key."""
    bench.post(key=key, tag=tag)
    assert "idempotent-replayed" in bench.post(key=f'"{key}"', tag=tag).headers
    assert bench.done[tag] == 1


# --- In flight -----------------------------------------------------------------------------------


def test_a_second_request_waits_for_the_first(bench: Bench, key: str, tag: str) -> None:
    """While the first runs the second waits, and then gets the first one's answer."""
    with ThreadPoolExecutor(2) as pool, bench.held(tag) as gate:
        first = pool.submit(bench.post, key=key, tag=tag)
        bench.started(tag)
        second = pool.submit(bench.post, key=key, tag=tag)
        time.sleep(0.1)
        assert not second.done()
        gate.set()
        assert second.result().content == first.result().content
    assert "idempotent-replayed" in second.result().headers
    assert bench.done[tag] == 1


def test_waiting_has_an_end(bench: Bench, key: str, tag: str) -> None:
    """When the wait is over: 409, an honest unknown, and when to come back, which is not the
    whole lease of a holder who is alive; the first goes on."""
    with ThreadPoolExecutor(1) as pool, bench.held(tag) as gate:
        first = pool.submit(bench.post, "/impatient/", key=key, tag=tag)
        bench.started(tag)
        second = bench.post("/impatient/", key=key, tag=tag)
        other = bench.post("/impatient/", key=key, tag=tag, n=2)
        gate.set()
        assert first.result().status_code == 201
    assert (second.status_code, error_of(second)["code"]) == (409, "conflict")
    assert second.headers[OUTCOME] == "unknown"
    assert 1 <= int(second.headers["retry-after"]) <= 5
    assert other.headers[OUTCOME] == "not_started"
    assert bench.post("/impatient/", key=key, tag=tag).content == first.result().content
    assert bench.done[tag] == 1


def test_twenty_at_once_are_one(bench: Bench, key: str, tag: str) -> None:
    """Twenty requests with one key at the same moment: one effect, twenty equal answers."""
    with ThreadPoolExecutor(20) as pool, bench.held(tag) as gate:
        asked = [pool.submit(bench.post, key=key, tag=tag) for _ in range(20)]
        bench.started(tag)
        gate.set()
        answers = [each.result() for each in asked]
    assert bench.done[tag] == 1
    assert {(a.status_code, a.content) for a in answers} == {(201, answers[0].content)}
    assert sum("idempotent-replayed" in a.headers for a in answers) == 19


def test_a_handler_that_outlives_its_lease_keeps_it(bench: Bench, key: str, tag: str) -> None:
    """A lease of 0.3 s under a handler of a second: it is renewed, nobody else runs or is told
    that the holder is gone, and the answer is replayed in the end."""
    with ThreadPoolExecutor(1) as pool, bench.held(tag) as gate:
        first = pool.submit(bench.post, "/brief/", key=key, tag=tag)
        bench.started(tag)
        ends = time.monotonic() + 1.0
        while time.monotonic() < ends:
            busy = bench.post("/brief/", key=key, tag=tag)
            assert (busy.status_code, busy.headers["retry-after"]) == (409, "1")
            assert "still being processed" in error_of(busy)["message"]
            time.sleep(0.1)
        gate.set()
        assert first.result().status_code == 201
    assert bench.post("/brief/", key=key, tag=tag).content == first.result().content
    assert bench.done[tag] == 1


# --- Failures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"do": "fail", "code": "away"}, 503),
        ({"do": "fail", "code": "not_found"}, 404),
        ({"do": "fail", "code": "rate_limited"}, 429),
        ({"do": "http", "status": 404}, 404),
        ({"do": "http", "status": 429}, 429),
        ({"do": "say", "status": 500, "outcome": "rolled_back"}, 500),
        ({"do": "say", "status": 409, "outcome": "not_started"}, 409),
    ],
)
def test_what_left_nothing_frees_the_key(
    bench: Bench, key: str, tag: str, asked: dict[str, Any], status: int
) -> None:
    """Rolled back or not started: the key is free again, for the same body or for another."""
    for n in (1, 2):
        response = bench.post(key=key, tag=tag, **asked)
        assert (response.status_code, bench.done[tag]) == (status, n)
        assert "idempotent-replayed" not in response.headers
        assert response.headers[OUTCOME] in ("not_started", "rolled_back")
    assert bench.post(key=key, tag=tag).status_code == 201


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"do": "fail", "code": "conflict"}, 409),
        ({"do": "fail", "code": "unprocessable"}, 422),
        ({"do": "fail but done"}, 503),
        ({"do": "http", "status": 409}, 409),
        ({"do": "http", "status": 422}, 422),
        ({"do": "http", "status": 503}, 503),
    ],
)
def test_what_proves_nothing_is_stored(
    bench: Bench, key: str, tag: str, asked: dict[str, Any], status: int
) -> None:
    """A refusal that may have come after an effect is given again, to the byte, and not run again;
    a plain 503 that is not the contract's own counts among them."""
    first = bench.post(key=key, tag=tag, x_request_id="first", **asked)
    again = bench.post(key=key, tag=tag, x_request_id="second", **asked)
    assert bench.done[tag] == 1
    assert (first.status_code, again.status_code) == (status, status)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers[ID] == "second"
    assert error_of(again)["code"] == error_of(first)["code"]
    assert first.headers[OUTCOME] == again.headers[OUTCOME] == "unknown"
    assert error_of(first)["requestId"] == "first"
    if asked["do"] != "http":
        assert again.content == first.content


def test_an_unhandled_exception_is_kept(bench: Bench, key: str, tag: str) -> None:
    """Nobody knows what it left behind: the same 500 again, to the byte, and no second run."""
    first = bench.post(key=key, tag=tag, do="raise")
    again = bench.post(key=key, tag=tag, do="raise")
    assert bench.done[tag] == 1
    assert (first.status_code, again.status_code) == (500, 500)
    assert again.content == first.content
    assert first.headers[OUTCOME] == again.headers[OUTCOME] == "unknown"
    assert "hunter2" not in first.text + again.text


def test_an_exception_that_undoes_everything_frees_the_key(
    bench: Bench, key: str, tag: str
) -> None:
    """With `on_error="release"` the author vouches for it: the same key runs again."""
    for n in (1, 2):
        assert bench.post("/undone/", key=key, tag=tag, do="raise").status_code == 500
        assert bench.done[tag] == n
    assert bench.post("/undone/", key=key, tag=tag).status_code == 201


def test_another_apis_proof_is_none_of_ours(bench: Bench, key: str, tag: str) -> None:
    """A client's error in the handler proves that *its* call did nothing, not that ours did: the
    key is not freed."""
    first = bench.post(key=key, tag=tag, do="upstream")
    again = bench.post(key=key, tag=tag, do="upstream")
    assert (first.status_code, again.status_code, bench.done[tag]) == (500, 500, 1)


# --- Time ----------------------------------------------------------------------------------------


def test_a_key_is_new_after_its_retention(bench: Bench, key: str, tag: str) -> None:
    """For 24 h it is replayed; then it is a new key, for whichever body."""
    bench.post(key=key, tag=tag)
    bench.offset += 86400 - 60
    assert "idempotent-replayed" in bench.post(key=key, tag=tag).headers
    bench.offset += 120
    assert bench.post(key=key, tag=tag, n=2).status_code == 201
    assert bench.done[tag] == 2


def claim(token: str, *, rerun: bool = False) -> Claim:
    return Claim(fingerprint="f", token=token, lease=30.0, retention=86400.0, rerun=rerun)


ANSWER = Stored(status=201, headers=(), body=b"late")


@pytest.fixture(params=["memory", "sqlite"])
def timed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Any, list[float]]]:
    """A store and its clock, to be moved by hand."""
    now = [1000.0]
    store: Any = MemoryStore(clock=lambda: now[0])
    if request.param == "sqlite":
        store = SQLiteStore(str(tmp_path / "records.db"), clock=lambda: now[0])
    yield store, now
    store.close()


def test_a_late_holder_overwrites_nothing(timed: tuple[Any, list[float]]) -> None:
    """Once another run has the key, the first holder can neither renew, complete nor free it."""
    store, now = timed
    assert store.update("slot", claim("first")) == Run()
    now[0] += 31
    assert store.update("slot", claim("second", rerun=True)) == Run()
    late = (
        Renew(token="first", lease=30.0),
        Complete(token="first", answer=ANSWER, retention=86400.0),
        Release(token="first"),
    )
    assert [store.update("slot", change) for change in late] == [False, False, False]
    assert store.update("slot", claim("third")) == Refuse("running", 30.0)
    done = Stored(status=201, headers=(("content-type", "text/plain"),), body=b"\x00\xff")
    assert store.update("slot", Complete(token="second", answer=done, retention=60.0))
    assert store.update("slot", claim("fourth")) == Replay(done)


def test_a_holder_that_was_taken_for_gone_may_still_answer(timed: tuple[Any, list[float]]) -> None:
    """After its lease the outcome is uncertain for good, unless the holder itself comes back."""
    store, now = timed
    store.update("slot", claim("first"))
    now[0] += 31
    assert store.update("slot", claim("second")) == Refuse("uncertain")
    now[0] -= 20
    assert store.update("slot", claim("third")) == Refuse("uncertain")
    assert store.update("slot", Renew(token="first", lease=30.0))
    assert store.update("slot", claim("fourth")) == Refuse("running", 30.0)
    assert store.update("slot", Complete(token="first", answer=ANSWER, retention=86400.0))
    assert store.update("slot", claim("fifth")) == Replay(ANSWER)


# --- Crashes -------------------------------------------------------------------------------------

CRASHING = """
import asyncio, sys
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from failwell import stores
from failwell.contract import Code, Contract, Idempotency
from failwell.dialects.nested import Nested
from failwell.sandbox.wire import Server
from failwell.server.asgi import idempotent, wrap

database, effects, hangs = sys.argv[1], sys.argv[2], sys.argv[3] == "hangs"
contract = Contract(
    name="shop",
    dialect=Nested(request_id="requestId"),
    codes=(
        Code(code="bad_request", status=400),
        Code(code="conflict", status=409),
        Code(code="failed", status=500),
    ),
    idempotency=Idempotency(keys="required"),
)

async def serve(request):
    with open(effects, "a") as book:
        book.write(request.url.path + "\\n")
    if hangs:
        await asyncio.sleep(60)
    return JSONResponse({"done": True}, 201)

def mount(path, on_error):
    store = stores.open("sqlite:///" + database)
    once = idempotent(
        contract, store, caller=lambda _: "ann", lease=0.5, wait=0.0, on_error=on_error
    )
    return Mount(path, once(Starlette(routes=[Route("/", serve, methods=["POST"])])))

app = Starlette(routes=[mount("/keep", "keep"), mount("/release", "release")])
asyncio.run(Server(wrap(app, contract)).serve(lambda url: print(url, flush=True)))
"""


@contextmanager
def process(tmp_path: Path, how: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of its own, over the store and the book of effects in `tmp_path`."""
    arguments = (str(tmp_path / "records.db"), str(tmp_path / "effects"), how)
    server = subprocess.Popen(
        [sys.executable, "-c", CRASHING, *arguments], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        yield server, server.stdout.readline().strip()
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def test_after_a_kill_nobody_runs_it_again(tmp_path: Path) -> None:
    """`kill -9` in the middle of a handler. Within the lease: still running. After it: an honest
    unknown, again and again, and no second run, also where the author vouched that an exception
    undoes everything: there was none."""
    book = tmp_path / "effects"
    fields = {"Idempotency-Key": "k"}

    def effects() -> list[str]:
        return book.read_text().split() if book.exists() else []

    def write(url: str, path: str) -> httpx2.Response:
        return httpx2.post(url + path, json={}, headers=fields, trust_env=False, timeout=20)

    with process(tmp_path, "hangs") as (server, url), ThreadPoolExecutor(2) as pool:
        lost = [pool.submit(write, url, path) for path in ("/keep/", "/release/")]
        until(lambda: len(effects()) == 2)
        server.send_signal(signal.SIGKILL)
        for each in lost:
            assert isinstance(each.exception(20), httpx2.TransportError)
    with process(tmp_path, "answers") as (_, url):
        for path in ("/keep/", "/release/"):
            until(lambda path=path: "ended without an answer" in write(url, path).text)
        kept = [write(url, path) for path in ("/keep/", "/release/") for _ in range(2)]
    for response in kept:
        assert (response.status_code, error_of(response)["code"]) == (409, "conflict")
        assert response.headers[OUTCOME] == "unknown"
    assert sorted(effects()) == ["/keep/", "/release/"]


# --- Settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{"lease": 0.0}, {"lease": -1.0}, {"wait": -0.1}])
def test_settings_out_of_range_are_refused(shop_contract: Contract, wrong: Any) -> None:
    """A lease of nothing and a negative wait are told when they are given."""
    with pytest.raises(ValueError, match="lease above 0"):
        idempotent(shop_contract, MemoryStore(), caller=lambda _: "", **wrong)


def test_a_contract_without_the_codes_is_refused() -> None:
    """A contract that cannot say "conflict" is told when the app is built, not at the first one."""
    from failwell.dialects.problem import Problem

    contract = Contract(name="poor", dialect=Problem())
    with pytest.raises(ValueError, match=r"poor has no code .* Idempotency\(missing="):
        idempotent(contract, MemoryStore(), caller=lambda _: "")


def test_a_store_opened_by_its_url_serves(
    shop_contract: Contract, tmp_path: Path, key: str
) -> None:
    """`sqlite:///…` and `memory:` are stores for it, too; what is in a file outlives the server."""
    url = f"sqlite:///{tmp_path / 'records.db'}"
    for n in range(2):
        bench, store = Bench(shop_contract), stores.open(url)
        with running(bench.app(store)) as bench.url, bench.http:
            response = bench.post(key=key, tag="t")
        store.close()  # type: ignore[attr-defined]
        assert response.status_code == 201
        assert bench.done["t"] == (1 if n == 0 else 0)
    bench = Bench(shop_contract)
    with running(bench.app(stores.open("memory:"))) as bench.url, bench.http:
        assert [bench.post(key=key, tag="t").status_code for _ in range(2)] == [201, 201]
    assert bench.done["t"] == 1
