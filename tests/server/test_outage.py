"""The store of keyed writes is down: the author has chosen what happens, the log says so once a
minute, and no answer claims more than is known."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from failwell.actions import StoreError
from failwell.contract import Contract
from failwell.events import Recovered, StoreFailed
from failwell.policy.idempotency import Claim, Complete, Conclude, Renew
from failwell.sandbox.wire import running
from failwell.server import context
from failwell.server.asgi import idempotent, wrap
from failwell.server.outage import Outage
from failwell.stores.memory import MemoryStore
from failwell.testing import Clock

OUTCOME = "Failwell-Outcome"


class Fragile(MemoryStore):
    """Fails the changes of the kinds in `fails` before they are made, those in `lies` after."""

    def __init__(self) -> None:
        super().__init__(lambda: self.now)
        self.now = 1.8e9
        self.fails: set[type] = set()
        self.lies: set[type] = set()

    def update(self, key: str, change: Any) -> Any:
        if type(change) in self.fails:
            raise StoreError("the disk is gone")
        answer = super().update(key, change)
        if type(change) in self.lies:
            self.lies.clear()
            raise StoreError("the line was cut")
        return answer


class Mill:
    """One handler under each choice, on a store that fails when told to."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.store = Fragile()
        self.ran: Counter[str] = Counter()
        self.url = ""

    def app(self) -> Any:
        """The handler, by choice."""
        choices: dict[str, dict[str, Any]] = {
            "/refuse": {},
            "/run": {"on_outage": "run"},
            "/run-committing": {"on_outage": "run", "transactional": True},
            "/committing": {"transactional": True},
            "/brief": {"lease": 0.06},
        }
        route = Route("/", self.serve, methods=["POST"])
        mounts = [
            Mount(path, self.guarded(Starlette(routes=[route]), how))
            for path, how in choices.items()
        ]
        return wrap(Starlette(routes=mounts), self.contract)

    def guarded(self, app: Any, how: dict[str, Any]) -> Any:
        return idempotent(self.contract, self.store, caller=lambda _: "ann", wait=0.0, **how)(app)

    async def serve(self, request: Request) -> Response:
        """Count, and do as the query says."""
        self.ran[request.headers["idempotency-key"]] += 1
        match request.query_params.get("do"):
            case "raise":
                raise RuntimeError("hunter2")
            case "say no":
                raise HTTPException(409, "No")
            case "commit":
                context.idempotency().commit(None, 201, {})
            case "linger":
                await asyncio.sleep(0.25)
        return JSONResponse({"key": context.idempotency().key}, 201)

    def post(self, path: str, key: str, do: str = "") -> httpx2.Response:
        """One keyed write."""
        fields = {"Idempotency-Key": key}
        return httpx2.post(f"{self.url}{path}/?do={do}", headers=fields, trust_env=False)


@pytest.fixture
def mill(shop_contract: Contract) -> Iterator[Mill]:
    mill = Mill(shop_contract)
    with running(mill.app()) as mill.url:
        yield mill


@pytest.fixture
def key() -> str:
    return str(uuid.uuid4())


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says of the store, as errors."""
    said = [r for r in caplog.records if "store of idempotent writes is down" in r.getMessage()]
    assert all(record.levelno == logging.ERROR for record in said)
    return [record.getMessage() for record in said]


# --- Before the handler --------------------------------------------------------------------------


def test_writes_are_refused(mill: Mill, key: str, caplog: pytest.LogCaptureFixture) -> None:
    """By default: 503, nothing was started, when to come back, and not a word of the cause; nothing
    runs, and when the store is back the same key does."""
    mill.store.fails = {Claim}
    for _ in range(5):
        refused = mill.post("/refuse", key)
        assert (refused.status_code, refused.headers[OUTCOME]) == (503, "not_started")
        assert refused.headers["Retry-After"] == "1"
        assert "disk" not in refused.text
    assert mill.ran[key] == 0
    (line,) = lines(caplog)
    assert line.endswith("the disk is gone; keyed writes are refused")
    mill.store.fails = set()
    assert [mill.post("/refuse", key).status_code for _ in "12"] == [201, 201]
    assert mill.ran[key] == 1


def test_writes_run_without_protection(
    mill: Mill, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the author says so, each request runs, as one without a key; when the store is back,
    the key protects again."""
    mill.store.fails = {Claim}
    answers = [mill.post("/run", key) for _ in range(3)]
    assert [(a.status_code, a.json()) for a in answers] == [(201, {"key": None})] * 3
    assert mill.ran[key] == 3
    (line,) = lines(caplog)
    assert line.endswith("keyed writes run without protection")
    mill.store.fails = set()
    assert {mill.post("/run", key).json()["key"] for _ in "12"} == {key}
    assert mill.ran[key] == 4


def test_an_unprotected_commit_does_nothing(mill: Mill, key: str) -> None:
    """A handler that commits its answer is not stopped by the claim that it could not have."""
    mill.store.fails = {Claim}
    assert mill.post("/run-committing", key, "commit").status_code == 201


def test_a_claim_that_was_written_all_the_same_is_given_back(mill: Mill, key: str) -> None:
    """The store took the claim and its answer was lost: "nothing was started" stays true, and the
    same key runs at once."""
    mill.store.lies = {Claim}
    refused = mill.post("/refuse", key)
    assert (refused.status_code, refused.headers[OUTCOME]) == (503, "not_started")
    assert mill.post("/refuse", key).status_code == 201
    assert mill.ran[key] == 1


# --- After the handler ---------------------------------------------------------------------------


def test_an_answer_that_cannot_be_kept_is_given(
    mill: Mill, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What was done was done: the caller gets the answer. A retry is told that it is running, and
    after the lease that nobody knows; nothing runs twice."""
    mill.store.fails = {Complete}
    assert mill.post("/refuse", key).status_code == 201
    assert "the answer was given and could not be kept" in lines(caplog)[0]
    mill.store.fails = set()
    for _ in "12":
        retry = mill.post("/refuse", key)
        assert (retry.status_code, retry.headers[OUTCOME]) == (409, "unknown")
        mill.store.now += 31
    assert "ended without an answer" in retry.text
    assert mill.ran[key] == 1


@pytest.mark.parametrize(("do", "status"), [("raise", 500), ("say no", 409)])
def test_what_a_failed_handler_left_is_unknown(
    mill: Mill, key: str, caplog: pytest.LogCaptureFixture, do: str, status: int
) -> None:
    """A handler that commits its answer has failed, and the store cannot be asked: that it was
    rolled back is not said."""
    mill.store.fails = {Conclude}
    failed = mill.post("/committing", key, do)
    assert (failed.status_code, failed.headers.get_list(OUTCOME)) == (status, ["unknown"])
    assert "hunter2" not in failed.text
    assert "what became of a write stays unknown" in lines(caplog)[0]
    mill.store.fails = set()
    other = mill.post("/committing", str(uuid.uuid4()), do)
    assert (other.status_code, other.headers.get_list(OUTCOME)) == (status, ["rolled_back"])


def test_a_lease_that_cannot_be_renewed_stops_no_handler(
    mill: Mill, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The handler goes on and its answer is kept; the log has one line, not one a heartbeat."""
    mill.store.fails = {Renew}
    assert mill.post("/brief", key, "linger").status_code == 201
    assert len(lines(caplog)) == 1
    assert "the lease of a running write was not renewed" in lines(caplog)[0]
    assert "idempotent-replayed" in mill.post("/brief", key, "linger").headers
    assert mill.ran[key] == 1


# --- The log -------------------------------------------------------------------------------------


def test_an_outage_is_said_once_a_minute_while_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    """A failure every second for three minutes: an error at once and then one a minute."""
    clock = Clock(5.0)
    outage = Outage(logging.getLogger("failwell.server"), "the store of idempotent writes", clock)
    said = []
    for second in range(180):
        caplog.clear()
        outage(StoreFailed(StoreError("the disk is gone"), "keyed writes are refused"))
        said += [second for _ in lines(caplog)]
        clock.advance(1.0)
    assert said == [0, 60, 120]


def test_it_says_nothing_of_other_events(caplog: pytest.LogCaptureFixture) -> None:
    """It is a hook among others: what is not about the store is not for it."""
    outage = Outage(logging.getLogger("failwell.server"), "the store of idempotent writes")
    outage(Recovered(()))
    assert lines(caplog) == []


def test_a_file_that_is_locked_too_long_refuses(shop_contract: Contract, tmp_path: Path) -> None:
    """With a real store: another process holds SQLite's lock beyond the time-out, and a write is
    refused; when it lets go, the same key runs."""
    import sqlite3
    from contextlib import closing

    from failwell.stores.sqlite import SQLiteStore

    path = str(tmp_path / "records.db")
    store = SQLiteStore(path, timeout=0.1)
    mill = Mill(shop_contract)
    mill.store = store  # type: ignore[assignment]
    with running(mill.app()) as mill.url, closing(sqlite3.connect(path)) as other:
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        assert mill.post("/refuse", "k").status_code == 503
        other.execute("ROLLBACK")
        assert mill.post("/refuse", "k").status_code == 201
    assert mill.ran["k"] == 1
    store.close()
