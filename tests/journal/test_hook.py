"""A client's failures in a journal, found together with the server's side."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import failwell
from failwell.hooks.journal import JournalHook
from failwell.journal import Entry, Journal, entry

PLANTED = "hunter2-planted"


class Handler(BaseHTTPRequestHandler):
    """Answers from a list: a status, or None to hang up. It echoes what it was sent."""

    answers: list[int | None]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        status = self.answers.pop(0)
        if status is None:
            self.close_connection = True
            return
        echo = self.headers["authorization"]
        body = json.dumps({"error": "busy", "message": f"Sorry, {echo}"}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("x-request-id", f"req_{len(self.answers)}")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def base_url() -> Iterator[str]:
    """A server on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


CONTRACT = failwell.Contract(
    name="parts",
    dialect=failwell.GENERIC.dialect,
    idempotency=failwell.Idempotency(keys="honoured"),
)


def call(base_url: str, url: str, answers: list[int | None], method: str = "POST") -> list[Entry]:
    """What the journal holds after one call that was answered so."""
    Handler.answers = answers
    hook = JournalHook(url)
    policy = failwell.Policy(retry=failwell.Retry(max_retries=2, base=0.01))
    client = failwell.Client(
        base_url=base_url, contract=CONTRACT, policy=policy, hooks=[hook], trust_env=False,
        headers={"Authorization": f"Bearer {PLANTED}"},
    )  # fmt: skip
    with client, contextlib.suppress(failwell.FailwellError):
        client.request(method, f"/parts?api_key={PLANTED}", json={"name": "x"})
    assert hook.journal.flush()
    told = hook.journal.backend.search()
    hook.journal.close()
    return told


def test_a_call_that_was_given_up(base_url: str, sqlite_url: str) -> None:
    """Each failed attempt is an entry, and so is the call: number, outcome, key, id, time."""
    told = call(base_url, sqlite_url, [503, None, 503])
    assert [(e.attempt, e.attempts, e.status, e.request_id) for e in told] == [
        (1, None, 503, "req_2"),
        (2, None, None, ""),
        (3, None, 503, "req_0"),
        (None, 3, 503, "req_0"),
    ]
    assert {e.side for e in told} == {"client"}
    assert {(e.api, e.method, e.outcome) for e in told} == {("parts", "POST", "unknown")}
    assert len({e.idempotency_key for e in told}) == 1
    assert told[-1].exception == "failwell.errors.ServiceUnavailableError"
    assert told[-1].elapsed is not None
    assert told[-1].elapsed >= told[2].at - told[0].at > 0
    assert [e.traceback for e in told] == [None] * 4


def test_a_call_that_recovered(base_url: str, sqlite_url: str) -> None:
    """Of a call that went well in the end, only the attempts that had not are told."""
    told = call(base_url, sqlite_url, [503, 200])
    assert [(e.attempt, e.status) for e in told] == [(1, 503)]


def test_a_read(base_url: str, sqlite_url: str) -> None:
    """A read has no outcome and no key, and is told all the same."""
    told = call(base_url, sqlite_url, [404], method="GET")
    assert [(e.attempt, e.attempts, e.outcome, e.idempotency_key) for e in told] == [
        (1, None, None, None),
        (None, 1, None, None),
    ]


def test_nothing_secret_of_the_client(base_url: str, sqlite_url: str) -> None:
    """The credential is nowhere in the entries, though the server echoed it."""
    told = call(base_url, sqlite_url, [503, 503, 503])
    assert all(e.message.startswith("Sorry, ") for e in told)
    assert PLANTED not in repr(told)


def test_both_sides_of_one_request(base_url: str, url: str) -> None:
    """Client and server that share a journal are told together, in time order."""
    first, *_ = call(base_url, url, [503, 200])
    server = Journal(url)
    server.write(
        entry(side="server", at=first.at + 0.0001, request_id=first.request_id, status=503)
    )
    assert server.flush()
    story = server.backend.by_request(first.request_id)
    assert [e.side for e in story] == ["client", "server"]
    server.close()


def test_the_call_goes_on_without_its_journal(base_url: str, tmp_path: Path) -> None:
    """A journal that cannot be written changes nothing for the client."""
    Handler.answers = [503, 200]
    hook = JournalHook(f"sqlite:///{tmp_path}/no/such/folder/journal.db")
    with failwell.Client(base_url=base_url, hooks=[hook], trust_env=False) as client:
        assert client.get("/parts").status_code == 200
    hook.journal.close(0)
