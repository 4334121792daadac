"""Quotas over real HTTP: what is left is said on every answer, one too many is told when to come
back and is then admitted, and four processes share one limit to the last request."""

from __future__ import annotations

import json
import logging
import math
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from failwell.actions import StoreError
from failwell.contract import Contract
from failwell.policy.quota import Window
from failwell.sandbox.wire import running
from failwell.server.asgi import limited, wrap
from failwell.stores.memory import MemoryStore

OUTCOME = "Failwell-Outcome"
MINUTE, HOUR = Window(3, 60.0, "minute"), Window(5, 3600.0, "hour")


class Fragile(MemoryStore):
    """A store that can be switched off, on a clock that is moved by hand."""

    def __init__(self) -> None:
        super().__init__(lambda: self.now)
        self.now = 1.8e9
        self.is_down = False

    def update(self, key: str, change: Any) -> Any:
        if self.is_down:
            raise StoreError("the disk is gone")
        return super().update(key, change)


class Kiosk:
    """An app under several quotas, on one store."""

    def __init__(self, contract: Contract) -> None:
        self.store = Fragile()
        self.contract = contract
        self.limit = 4
        self.ran = 0
        self.url = ""
        self.http = httpx2.Client(trust_env=False, timeout=20)

    def app(self) -> Any:
        """The same handlers at each path, below another quota."""
        windows = (MINUTE, HOUR)
        quotas = {
            "/papers": self.quota(windows, route="papers"),
            "/books": self.quota(windows, route="books"),
            "/moving": self.quota(lambda: (Window(self.limit, 60.0),), route="moving"),
            "/strict": self.quota(windows, route="strict", on_outage="refuse"),
        }
        routes = [
            Route("/", self.serve, methods=["GET", "POST"]),
            Route("/boom", self.boom, methods=["GET", "POST"]),
        ]
        mounts = [Mount(path, quota(Starlette(routes=routes))) for path, quota in quotas.items()]
        return wrap(Starlette(routes=mounts), self.contract)

    def quota(self, windows: Any, **how: Any) -> limited:
        def caller(scope: Any) -> str:
            return dict(scope["headers"]).get(b"x-caller", b"ann").decode()

        return limited(self.contract, self.store, windows, caller=caller, **how)

    async def serve(self, request: Request) -> Response:
        self.ran += 1
        return PlainTextResponse("here")

    async def boom(self, request: Request) -> Response:
        raise RuntimeError("hunter2")

    def get(self, path: str, caller: str = "ann", method: str = "GET") -> httpx2.Response:
        """One request."""
        return self.http.request(method, self.url + path, headers={"X-Caller": caller})


@pytest.fixture
def kiosk(shop_contract: Contract) -> Iterator[Kiosk]:
    kiosk = Kiosk(shop_contract)
    with running(kiosk.app()) as kiosk.url, kiosk.http:
        yield kiosk


def said(response: httpx2.Response) -> tuple[str, str, str, str]:
    """What an answer says of the quota, but for when it ends by the clock on the wall."""
    names = ("RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining")
    policy, left, limit, remaining = (response.headers[name] for name in names)
    return policy, left, limit, remaining


POLICY = '"minute";q=3;w=60, "hour";q=5;w=3600'


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/boom", 500), ("/nowhere", 404)])
def test_every_answer_says_what_is_left(kiosk: Kiosk, path: str, status: int) -> None:
    """Successes and errors alike: all policies, what is left of the tightest, and the old trio;
    it counts down with each request."""
    for left in (2, 1, 0):
        asked_at = time.time()
        response = kiosk.get("/papers" + path)
        assert response.status_code == status
        assert said(response) == (POLICY, f'"minute";r={left};t=60', "3", str(left))
        ends = int(response.headers["X-RateLimit-Reset"])
        assert asked_at + 60 <= ends <= time.time() + 62
        assert "Retry-After" not in response.headers


def test_one_too_many_is_refused_and_does_nothing(kiosk: Kiosk) -> None:
    """The contract's own 429, `not_started` for a write, with the quota's headers and a
    `Retry-After` that is no earlier than the reset; the handler is not run."""
    for _ in range(3):
        kiosk.get("/papers/")
    kiosk.store.now += 20.25
    response = kiosk.get("/papers/", method="POST")
    assert (response.status_code, response.json()["error"]["code"]) == (429, "rate_limited")
    assert said(response) == (POLICY, '"minute";r=0;t=40', "3", "0")
    assert (response.headers["Retry-After"], response.headers[OUTCOME]) == ("40", "not_started")
    assert kiosk.ran == 3


def test_retry_after_never_lies(kiosk: Kiosk) -> None:
    """Whoever comes back after exactly so many seconds is admitted, whichever window refused, and
    a second before is not: until both windows have been full and empty again."""
    refused: Counter[str] = Counter()
    for _ in range(20):
        response = kiosk.get("/papers/")
        if response.status_code == 429:
            wait = int(response.headers["Retry-After"])
            refused["minute" if wait <= 60 else "hour"] += 1
            kiosk.store.now += wait - 1
            assert kiosk.get("/papers/").status_code == 429
            kiosk.store.now += 1
            assert kiosk.get("/papers/").status_code == 200
        kiosk.store.now += 1.375
    assert refused["minute"] > 1
    assert refused["hour"] > 1


def test_retry_after_holds_on_the_wall_clock(shop_contract: Contract) -> None:
    """The same with real seconds: sleep as told, and come in."""
    windows = (Window(2, 1.5),)
    once = limited(shop_contract, "memory:", windows, caller=lambda _: "ann")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("here")(scope, receive, send)

    with running(wrap(Starlette(routes=[Mount("/", once(app))]), shop_contract)) as url:
        for _ in range(2):
            assert [httpx2.get(url, trust_env=False).status_code for _ in "12"] == [200, 200]
            refused = httpx2.get(url, trust_env=False)
            assert refused.status_code == 429
            time.sleep(int(refused.headers["Retry-After"]))


def test_a_refusal_by_one_window_is_charged_to_none(kiosk: Kiosk) -> None:
    """Twenty refusals by the minute leave the hour as it was."""
    for _ in range(3):
        kiosk.get("/papers/")
    assert {kiosk.get("/papers/").status_code for _ in range(20)} == {429}
    kiosk.store.now += 60
    assert [kiosk.get("/papers/").status_code for _ in range(3)] == [200, 200, 429]


def test_each_caller_and_route_has_a_quota_of_its_own(kiosk: Kiosk) -> None:
    """Ann's papers are used up; her books are not, nor are Bob's papers."""
    assert [kiosk.get("/papers/").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert said(kiosk.get("/books/"))[3] == "2"
    for caller in ("bob", '", "papers', "ann papers"):
        assert said(kiosk.get("/papers/", caller))[3] == "2"


def test_a_limit_may_move(kiosk: Kiosk) -> None:
    """The windows may be a function: what was used stays used, and the new limit holds at once."""
    assert [kiosk.get("/moving/").status_code for _ in range(5)] == [200, 200, 200, 200, 429]
    kiosk.limit = 6
    assert [kiosk.get("/moving/").status_code for _ in range(3)] == [200, 200, 429]
    kiosk.limit = 2
    refused = kiosk.get("/moving/")
    assert (refused.status_code, said(refused)[2:]) == (429, ("2", "0"))


def test_it_can_be_shown_without_being_spent(shop_contract: Contract) -> None:
    """A refusal that comes before the quota says what is left, takes nothing, and is not turned
    into a 429 where nothing is left."""
    quota = limited(shop_contract, Fragile(), (MINUTE,), caller=lambda _: "ann")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/shown":
            await quota.show(scope)
            raise shop_contract.fail("conflict")
        await quota(PlainTextResponse("here"))(scope, receive, send)

    paths = ["/shown", "/", "/shown", "/", "/", "/shown", "/"]
    with running(wrap(Starlette(routes=[Mount("/", app)]), shop_contract)) as url:
        answers = [httpx2.get(url + path, trust_env=False) for path in paths]
    got = [(a.status_code, a.headers["X-RateLimit-Remaining"]) for a in answers]
    expected = [(409, "3"), (200, "2"), (409, "2"), (200, "1"), (200, "0"), (409, "0"), (429, "0")]
    assert got == expected


# --- The store is down ---------------------------------------------------------------------------


@contextmanager
def outage(kiosk: Kiosk) -> Iterator[None]:
    kiosk.store.is_down = True
    try:
        yield
    finally:
        kiosk.store.is_down = False


def test_a_store_that_is_down_stops_nothing(kiosk: Kiosk, caplog: pytest.LogCaptureFixture) -> None:
    """With `on_outage="run"`, the default, requests go on uncounted, and the log has one error for
    all of them; when the store is back they are counted again."""
    with outage(kiosk):
        answers = [kiosk.get("/papers/") for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}
    assert not any("ratelimit" in name for answer in answers for name in answer.headers)
    (line,) = [r for r in caplog.records if "store of quotas is down" in r.getMessage()]
    assert line.levelno == logging.ERROR
    assert "the disk is gone; requests are not counted" in line.getMessage()
    assert [kiosk.get("/papers/").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_a_store_that_is_down_can_refuse(kiosk: Kiosk, caplog: pytest.LogCaptureFixture) -> None:
    """With `on_outage="refuse"`: 503, `not_started`, when to come back, not a word of the cause,
    and no handler is run; when the store is back, they run again."""
    with outage(kiosk):
        answers = [kiosk.get("/strict/", method="POST") for _ in range(3)]
    for answer in answers:
        assert (answer.status_code, answer.headers[OUTCOME]) == (503, "not_started")
        assert answer.headers["Retry-After"] == "1"
        assert "disk" not in answer.text
    assert kiosk.ran == 0
    assert sum("requests are refused" in r.getMessage() for r in caplog.records) == 1
    assert kiosk.get("/strict/").status_code == 200


# --- Four processes ------------------------------------------------------------------------------

FORKED = """
import asyncio, os, sys
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from failwell.contract import Contract
from failwell.dialects.problem import Problem
from failwell.policy.quota import Window
from failwell.sandbox.wire import Server
from failwell.server.asgi import limited, wrap

contract = Contract(name="kiosk", dialect=Problem())
windows = (Window(1000, 600.0, "many"), Window(60, 300.0, "few"))
quota = limited(contract, sys.argv[1], windows, caller=lambda _: "ann", route=sys.argv[2],
                on_outage="refuse")
app = wrap(Starlette(routes=[Mount("/", quota(PlainTextResponse("here")))]), contract)
for _ in range(4):
    if os.fork() == 0:
        asyncio.run(Server(app).serve(lambda url: os.write(1, url.encode() + b"\\n")))
        os._exit(0)
sys.stdin.read()
os.killpg(0, 9)
"""


@contextmanager
def four_workers(store: str, route: str) -> Iterator[list[str]]:
    """The URLs of four processes, forked from one in which the store was open already."""
    parent = subprocess.Popen(
        [sys.executable, "-c", FORKED, store, route],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    try:
        yield [parent.stdout.readline().strip() for _ in range(4)]
    finally:
        parent.stdin.close()
        parent.wait(10)
        parent.stdout.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "valkey"])
def test_four_processes_share_one_limit(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """160 requests at once to four processes under a limit of 60: exactly 60 are admitted, each
    with another number of requests left, and the others are refused."""
    store = f"sqlite:///{tmp_path / 'quota.db'}"
    if kind != "sqlite":
        store = request.getfixturevalue(f"{kind}_url")

    def ask(worker: str) -> list[tuple[int, int]]:
        with httpx2.Client(base_url=worker, trust_env=False, timeout=30) as http:
            answers = [http.get("/") for _ in range(10)]
        return [(a.status_code, int(a.headers["X-RateLimit-Remaining"])) for a in answers]

    with four_workers(store, str(tmp_path)) as workers, ThreadPoolExecutor(16) as pool:
        answers = [answer for each in pool.map(ask, workers * 4) for answer in each]
    admitted = [left for status, left in answers if status == 200]
    assert sorted(admitted) == list(range(60))
    assert Counter(status for status, _ in answers) == {200: 60, 429: 100}


def test_the_headers_are_structured_fields(kiosk: Kiosk) -> None:
    """Names are quoted strings and numbers whole: a parser of RFC 9651 items reads them."""
    response = kiosk.get("/papers/")
    for name in ("RateLimit-Policy", "RateLimit"):
        for item in response.headers[name].split(", "):
            word, *parameters = item.split(";")
            assert json.loads(word) in ("minute", "hour")
            assert all(value.isdigit() for _, value in (p.split("=") for p in parameters))
    assert math.isfinite(float(response.headers["X-RateLimit-Reset"]))
