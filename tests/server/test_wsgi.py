"""The WSGI half: the same promises as its ASGI twin's, and PEP 3333 to the letter.

Bare WSGI apps over real HTTP, on the standard library's server, werkzeug's and waitress; the
letter of PEP 3333 is checked by `wsgiref.validate` on both sides of the wrapper.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import httpx2
import msgspec
import pytest

from failwell.contract import Contract
from failwell.headers import OUTCOME
from failwell.journal import Journal
from failwell.policy.quota import Window
from failwell.server import context
from failwell.server.wsgi import idempotent, limited, wrap
from failwell.stores.memory import MemoryStore
from failwell.stores.sqlite import SQLiteStore
from server.wsgi_servers import SERVERS, waitress, werkzeug

CAUSE = "hunter2 at db.internal"
ID = "X-Request-Id"
OWN = b'{"error": {"code":"conflict","message":"Taken",  "requestId":"r-of-the-app"}}'
TEXT = [("Content-Type", "text/plain")]


class Told:
    """An iterable that tells when it was closed."""

    closed = threading.Event()

    def __init__(self, chunks: Any) -> None:
        self.chunks = iter(chunks)

    def __iter__(self) -> Any:
        return self.chunks

    def close(self) -> None:
        """As PEP 3333 asks for."""
        Told.closed.set()


def late(start: Any, status: str, *chunks: Any, headers: Any = TEXT) -> Iterator[bytes]:
    """A generator app: `start_response` is called with its first piece."""
    start(status, headers)
    for chunk in chunks:
        if isinstance(chunk, Exception):
            raise chunk
        yield chunk


def replaced(start: Any, contract: Contract, error: Exception) -> list[bytes]:
    """An app that begins a success, and takes it back by `exc_info`."""
    start("200 OK", TEXT)
    try:
        raise error
    except Exception:
        start("500 Oops", TEXT, sys.exc_info())
    return [CAUSE.encode()]


def shop(contract: Contract) -> Any:
    def app(environ: Any, start: Any) -> Any:
        match environ["PATH_INFO"]:
            case "/told":
                start("200 OK", TEXT)
                return [f"{context.request_id()}".encode()]
            case "/told-late":
                return ids(start)
            case "/streamed":
                start(
                    "200 OK", [*TEXT, ("ETag", '"1"'), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
                )
                return Told([b"one;", b"", b"two;", b"three"])
            case "/written":
                write = start("200 OK", TEXT)
                write(b"one;")
                return [b"two"]
            case "/file":
                start("200 OK", TEXT)
                return environ["wsgi.file_wrapper"](BytesIO(b"of a file"))
            case "/empty":
                start("204 No Content", [])
                return []
            case "/moved":
                start("307 Temporary Redirect", [("Location", "/told"), ("Content-Length", "0")])
                return []
            case "/boom":
                raise RuntimeError(CAUSE)
            case "/boom-late":
                return late(start, "200 OK", RuntimeError(CAUSE), b"never")
            case "/boom-after-nothing":
                return late(start, "200 OK", b"", RuntimeError(CAUSE), b"never")
            case "/boom-after-write":
                start("200 OK", TEXT)(b"the first;")
                raise RuntimeError(CAUSE)
            case "/broken":
                return Told(late(start, "200 OK", b"the first;", RuntimeError(CAUSE)))
            case "/broken-events":
                events = [("Content-Type", "text/event-stream")]
                return late(start, "200 OK", b"data: 1\n\n", RuntimeError(CAUSE), headers=events)
            case "/silent":
                return []
            case "/early":
                return [b"a body without a start"]
            case "/replaced":
                return replaced(start, contract, RuntimeError(CAUSE))
            case "/replaced-by-own":
                return replaced(start, contract, contract.fail("conflict", message="Sold out"))
            case "/replaced-half-way":
                start("400 Bad", TEXT)(b"half of another answer")
                try:
                    raise RuntimeError(CAUSE)
                except RuntimeError:
                    start("409 Conflict", TEXT, sys.exc_info())
                return [OWN]
            case "/fail":
                raise contract.fail("conflict", message="Sold out")
            case "/fail-late":
                return late(start, "200 OK", contract.fail("rate_limited", retry_after=1.2), b"")
            case "/own":
                start("409 Conflict", [("Content-Type", "application/json"), ("X-Extra", "kept")])
                return [OWN]
            case "/page":
                start("418 Teapot", [("Content-Type", "text/html")])
                return Told([b"<html><title>hunter2</title>", b"</html>"])
            case "/429":
                start("429 Slow", [*TEXT, ("Retry-After", "9"), ("Content-Length", "6")])
                return [b"Slower"]
            case "/401":
                start("401 Who", [*TEXT, ("WWW-Authenticate", "Basic")])
                return [b"Who?"]
            case "/503-written":
                start("503 Down", TEXT)(CAUSE.encode())
                return []
        start("404 Not Found", TEXT)
        return [b"Not Found"]

    return app


def ids(start: Any) -> Iterator[bytes]:
    yield b""
    start("200 OK", TEXT)
    for _ in range(2):
        yield f"{context.request_id()};".encode()


def checked(app: Any) -> Any:
    """The app, whose every word is checked against PEP 3333; it wants a query and text types."""
    inner = validator(app)

    def outer(environ: Any, start: Any) -> Any:
        environ.setdefault("QUERY_STRING", "")
        return inner(environ, start)

    return outer


@pytest.fixture(scope="module", params=list(SERVERS))
def url(request: pytest.FixtureRequest, shop_contract: Contract) -> Iterator[str]:
    """The shop, wrapped, on one of the servers."""
    with SERVERS[request.param](wrap(shop(shop_contract), shop_contract)) as served:
        yield served


@pytest.fixture(scope="module")
def naked_url(shop_contract: Contract) -> Iterator[str]:
    with waitress(shop(shop_contract)) as served:
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


@pytest.mark.parametrize("path", ["/told", "/boom", "/nowhere", "/fail", "/empty", "/streamed"])
def test_every_answer_carries_one_id(http: httpx2.Client, url: str, path: str) -> None:
    """The caller's id comes back once, and where there is none a new one is made."""
    assert http.get(url + path, headers={ID: "job-7"}).headers.get_list(ID) == ["job-7"]
    first, second = (http.get(url + path).headers[ID] for _ in range(2))
    assert str(uuid.UUID(first)) == first != second


@pytest.mark.parametrize("hostile", [b"two words", b"x" * 129, b"\xff\xfe", b"<script>", b"a,b"])
@pytest.mark.parametrize("path", ["/told", "/boom"])
def test_a_hostile_id_is_never_reflected(dial: Any, url: str, path: str, hostile: bytes) -> None:
    """An id outside the contract's alphabet is replaced, in header and body."""
    with dial(url) as line:
        answer = line.ask("GET", path, (b"X-Request-Id", hostile))
    (given,) = answer.all(ID)
    assert str(uuid.UUID(given)) == given
    assert hostile not in answer.body + repr(answer.headers).encode("latin-1")


def test_two_ids_are_none(dial: Any, url: str) -> None:
    """Two header lines, which a WSGI server joins, leave open which one is meant."""
    with dial(url) as line:
        answer = line.ask("GET", "/told", (b"X-Request-Id", b"one"), (b"x-request-id", b"two"))
    (given,) = answer.all(ID)
    assert given not in ("one", "two", "one,two")


@pytest.mark.parametrize("path", ["/told", "/told-late"])
def test_handlers_know_the_id(http: httpx2.Client, url: str, path: str) -> None:
    """`context.request_id()` is the answer's id, in a generator's later pieces too."""
    response = http.get(url + path)
    assert set(response.text.strip(";").split(";")) == {response.headers[ID]}
    assert context.request_id() is None


def test_a_wrapper_inside_another_keeps_the_id(
    http: httpx2.Client, shop_contract: Contract
) -> None:
    """Two wrappers around one app name the request by one id."""
    with werkzeug(wrap(wrap(shop(shop_contract), shop_contract), shop_contract)) as url:
        response = http.get(url + "/boom")
    assert error_of(response)["requestId"] == response.headers[ID]
    assert len(response.headers.get_list(ID)) == 1


# --- Envelopes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/boom", "/boom-late", "/replaced"])
def test_an_unhandled_exception_says_nothing_of_its_cause(
    http: httpx2.Client, url: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """At once, with the first piece of a generator, or reported by `exc_info`: a 500 in the
    envelope, and its cause in the log beside the id."""
    with caplog.at_level(logging.INFO, "failwell.server"):
        response = http.get(url + path, headers={ID: "req-9"})
    assert response.status_code == 500
    assert error_of(response) == {
        "code": "failed",
        "message": "The shop failed",
        "requestId": "req-9",
    }
    assert "hunter2" not in response.text + repr(response.headers.multi_items())
    (record,) = [r for r in caplog.records if r.name == "failwell.server"]
    assert (record.levelno, "req-9" in record.getMessage()) == (logging.ERROR, True)
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == CAUSE


@pytest.mark.parametrize(
    ("path", "status", "code", "message"),
    [
        ("/nowhere", 404, "not_found", "No such route"),
        ("/fail", 409, "conflict", "Sold out"),
        ("/fail-late", 429, "rate_limited", "Too many"),
        ("/replaced-by-own", 409, "conflict", "Sold out"),
        ("/429", 429, "rate_limited", "Slower"),
        ("/page", 418, "bad_request", "Malformed"),
        ("/503-written", 503, "away", "The shop is away"),
        ("/silent", 500, "failed", "The shop failed"),
        ("/early", 500, "failed", "The shop failed"),
    ],
)
def test_every_error_is_in_the_envelope(
    http: httpx2.Client, url: str, path: str, status: int, code: str, message: str
) -> None:
    """Raised, started, written, begun as a success, or not given at all: the contract's words."""
    response = http.get(url + path)
    error = error_of(response)
    assert (response.status_code, error["code"], error["message"]) == (status, code, message)
    assert "hunter2" not in response.text


def test_headers_of_an_error_are_kept(http: httpx2.Client, url: str) -> None:
    """`Retry-After`, `WWW-Authenticate` and what else it said; its length is made anew."""
    busy, who, late = (http.get(url + path) for path in ("/429", "/401", "/fail-late"))
    assert busy.headers.get_list("retry-after") == ["9"]
    assert busy.headers.get_list("content-length") == [str(len(busy.content))]
    assert who.headers["www-authenticate"] == "Basic"
    assert late.headers["retry-after"] == "2"


def test_the_apps_own_envelope_passes_unchanged(http: httpx2.Client, url: str) -> None:
    """What is in the contract's shape already leaves byte for byte, with its headers."""
    response = http.get(url + "/own")
    assert (response.status_code, response.content) == (409, OWN)
    assert response.headers["x-extra"] == "kept"
    assert http.get(url + "/replaced-half-way").content == OWN


@pytest.mark.parametrize("path", ["/nowhere", "/boom", "/boom-late", "/fail"])
def test_head_has_the_headers_and_no_body(dial: Any, url: str, path: str) -> None:
    """HEAD answers with the status and length of GET's envelope, and nothing after them."""
    with dial(url) as line:
        head = line.ask("HEAD", path)
    with dial(url) as line:
        get = line.ask("GET", path)
    assert (head.status, head.body, get.body != b"") == (get.status, b"", True)
    assert head.all("content-length") == get.all("content-length")


@pytest.mark.parametrize("path", ["/fail", "/nowhere", "/429"])
def test_the_outcome_is_in_the_header(http: httpx2.Client, url: str, path: str) -> None:
    """Every error of a write says what became of it; a read has nothing to say."""
    said = {"/fail": "unknown", "/nowhere": "not_started", "/429": "not_started"}
    assert http.post(url + path).headers[OUTCOME] == said[path]
    assert OUTCOME not in http.get(url + path).headers


def test_a_failure_leaves_the_connection_alive(dial: Any, shop_contract: Contract) -> None:
    """After an error the same socket serves the next request."""
    with waitress(wrap(shop(shop_contract), shop_contract)) as url, dial(url) as line:
        for path in ("/boom", "/fail", "/nowhere", "/boom-late"):
            assert line.ask("POST", path, body=b"x" * 500).status >= 400
            assert line.ask("GET", "/told").status == 200


# --- Streams that break --------------------------------------------------------------------------


def raw(url: str, path: str) -> bytes:
    """All that comes on a connection until it is cut."""
    parts = httpx2.URL(url)
    with socket.create_connection((parts.host, parts.port), timeout=20) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while chunk := line.recv(65536):
            received += chunk
    return received


@pytest.mark.parametrize("path", ["/broken", "/boom-after-write"])
@pytest.mark.parametrize("server", ["werkzeug", "waitress"])
def test_a_stream_that_breaks_is_cut(
    server: str, path: str, shop_contract: Contract, tmp_path: Path
) -> None:
    """An exception after the first byte is the server's to end: no part passes for the whole,
    nothing of the cause follows it, the app is closed, and the journal has it."""
    with (
        closing(Journal(f"sqlite:///{tmp_path / 'journal.db'}")) as journal,
        SERVERS[server](wrap(shop(shop_contract), shop_contract, journal=journal)) as url,
    ):
        Told.closed.clear()
        received = raw(url, path)
        journal.flush()
        (entry,) = journal.backend.search()
    assert received.startswith(b"HTTP/1.1 200")
    assert b"the first;" in received
    assert not received.endswith(b"0\r\n\r\n")
    assert b"hunter2" not in received
    assert "hunter2" in repr(entry)
    assert Told.closed.is_set() or path == "/boom-after-write"


def test_events_that_break_end_with_an_error_event(http: httpx2.Client, url: str) -> None:
    """A stream of server-sent events can say so: an `error` event in the envelope, and its end."""
    response = http.get(url + "/broken-events", headers={ID: "job-7"})
    first, error, rest = response.text.split("\n\n")
    assert (first, rest) == ("data: 1", "")
    assert error.startswith("event: error\ndata: ")
    inner = json.loads(error.partition("data: ")[2])["error"]
    assert (inner["code"], inner["requestId"]) == ("failed", "job-7")
    assert "hunter2" not in response.text


# --- Successes, and PEP 3333 ---------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/streamed", "/written", "/file", "/empty", "/moved"])
def test_a_success_leaves_as_it_was(
    dial: Any, naked_url: str, shop_contract: Any, path: str
) -> None:
    """The same bytes and the same headers in the same order as without the wrapper, and the id."""

    def plain(answer: Any) -> list[tuple[str, str]]:
        return [(k, v) for k, v in answer.headers if k.lower() not in ("date", ID.lower())]

    with (
        waitress(wrap(shop(shop_contract), shop_contract)) as url,
        dial(url) as line,
        dial(naked_url) as naked,
    ):
        ours, theirs = line.ask("GET", path), naked.ask("GET", path)
    assert (ours.status, ours.body, plain(ours)) == (theirs.status, theirs.body, plain(theirs))
    assert len(ours.all(ID)) == 1


@pytest.mark.parametrize(
    "path",
    ["/told", "/told-late", "/streamed", "/boom", "/boom-late", "/nowhere", "/page", "/replaced",
     "/429", "/broken-events", "/fail-late"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_letter_of_pep_3333_is_kept(shop_contract: Contract, path: str, method: str) -> None:
    """`wsgiref.validate`, as the server around the wrapper and as the app inside it, objects to
    nothing."""
    app = validator(wrap(checked(shop(shop_contract)), shop_contract))
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": "",
        "SERVER_NAME": "x", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr, "wsgi.multithread": True, "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }  # fmt: skip
    started: list[Any] = []

    def start(status: str, headers: Any, exc_info: Any = None) -> Any:
        started.append(status)
        return lambda data: None

    result = app(environ, start)  # type: ignore[arg-type]
    Told.closed.clear()
    body = b"".join(result)
    result.close()  # type: ignore[attr-defined]
    assert started
    assert (body == b"") == (method == "HEAD" and started[0] >= "400")
    assert Told.closed.is_set() == (path in ("/streamed", "/page"))


def test_a_list_and_a_file_stay_what_they_are(shop_contract: Contract) -> None:
    """A server that knows how to send a file, or a list of one, still gets it."""

    class File:
        def __init__(self, file: Any) -> None: ...

    def start(status: str, headers: Any) -> Any: ...

    for path, kind in (("/file", File), ("/told", list)):
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "wsgi.file_wrapper": File}
        assert type(wrap(shop(shop_contract), shop_contract)(environ, start)) is kind


def test_a_stream_is_not_held_back(shop_contract: Contract) -> None:
    """Each piece of a success is asked for when the server asks for it."""
    made: list[int] = []

    def app(environ: Any, start: Any) -> Iterator[bytes]:
        start("200 OK", TEXT)
        for n in range(3):
            made.append(n)
            yield b"%d" % n

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    chunks = iter(wrap(app, shop_contract)(environ, lambda *_: print))
    assert made == []
    assert (next(chunks), made) == (b"0", [0])


def test_an_answer_is_replaced_while_none_of_it_is_out(shop_contract: Contract) -> None:
    """An exception after an empty piece, which is no body yet: the server is told to take the 200
    back, by `exc_info`; one that has sent it already raises, and so does the wrapper."""
    starts: list[Any] = []

    def start(status: str, headers: Any, exc_info: Any = None) -> Any:
        starts.append((status, exc_info))
        if exc_info and is_sent:
            raise exc_info[1]
        return print

    is_sent = False
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/boom-after-nothing"}
    body = list(wrap(shop(shop_contract), shop_contract)(dict(environ), start))
    assert [status for status, _ in starts] == ["200 OK", "500 Internal Server Error"]
    assert (starts[0][1], str(starts[1][1][1])) == (None, CAUSE)
    assert (body[0], b'"failed"' in body[1], len(body)) == (b"", True, 2)
    is_sent = True
    chunks = iter(wrap(shop(shop_contract), shop_contract)(dict(environ), start))
    with pytest.raises(RuntimeError, match=CAUSE):
        list(chunks)


def test_a_second_start_needs_a_reason(shop_contract: Contract, http: httpx2.Client) -> None:
    """`start_response` twice without `exc_info` is the app's mistake, and a 500."""

    def app(environ: Any, start: Any) -> list[bytes]:
        start("200 OK", TEXT)
        start("201 Created", TEXT)
        return []

    with werkzeug(wrap(app, shop_contract)) as url:
        assert error_of(http.get(url))["code"] == "failed"


# --- Keyed writes --------------------------------------------------------------------------------


class Bench:
    """A keyed shop: what it did, by the `tag` in the request's body."""

    def __init__(self, contract: Contract, **settings: Any) -> None:
        self.contract = contract
        self.settings = settings
        self.done: Counter[str] = Counter()
        self.gates: dict[str, threading.Event] = {}
        self.closed: Counter[str] = Counter()
        self.url = ""
        self.http = httpx2.Client(trust_env=False, timeout=20)

    def app(self, store: Any) -> Any:
        once = idempotent(
            self.contract,
            store,
            caller=lambda environ: environ.get("HTTP_X_CALLER", "ann"),
            **self.settings,
        )
        return wrap(once(self.serve), self.contract)

    def serve(self, environ: Any, start: Any) -> Any:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        asked = json.loads(environ["wsgi.input"].read(length) or b"{}")
        tag = asked.get("tag", "none")
        self.done[tag] += 1
        if tag in self.gates:
            self.gates[tag].wait(10)
        return self.answer(asked, self.done[tag], start)

    def answer(self, asked: Any, count: int, start: Any) -> Any:
        match asked.get("do"):
            case "key":
                return self.told_key(start)
            case "empty":
                start("204 No Content", [])
                return []
            case "stream":
                return self.streamed(asked["tag"], start, b"%d;" % count)
            case "events":
                start("200 OK", [("Content-Type", "text/event-stream")])
                return [b"data: %d\n\n" % count]
            case "large":
                start("200 OK", TEXT)
                return [b"x" * 1_100_000]
            case "written":
                start("201 Created", TEXT)(b"%d written" % count)
                return []
            case "fail":
                raise self.contract.fail(asked["code"], message="No")
            case "raise":
                raise RuntimeError("hunter2")
            case "break":
                return late(start, "200 OK", b"one;", b"two;", RuntimeError("hunter2"))
            case "swallow":
                try:
                    raise self.contract.fail("away", message="No")
                except Exception:
                    start("500 Oops", TEXT, sys.exc_info())
                return [b"hunter2"]
        start("201 Created", [("Content-Type", "application/json"), ("Location", "/7"),
                              ("Set-Cookie", "s=1"), ("X-Own", "1")])  # fmt: skip
        return [json.dumps({"count": count}).encode()]

    def told_key(self, start: Any) -> Iterator[bytes]:
        start("200 OK", TEXT)
        for _ in range(3):
            yield f"{context.idempotency().key};".encode()

    def streamed(self, tag: str, start: Any, first: bytes) -> Iterator[bytes]:
        start("200 OK", TEXT)
        try:
            yield first
            yield b"two;"
            yield b"three"
        finally:
            self.closed[tag] += 1

    def post(self, *, key: str | None = None, **asked: Any) -> httpx2.Response:
        fields = {n.replace("_", "-"): asked.pop(n) for n in list(asked) if n.startswith("x_")}
        if key is not None:
            fields["Idempotency-Key"] = key
        return self.http.post(self.url, json=asked, headers=fields)

    @contextmanager
    def held(self, tag: str) -> Iterator[threading.Event]:
        self.gates[tag] = threading.Event()
        try:
            yield self.gates[tag]
        finally:
            self.gates[tag].set()


def until(condition: Any) -> None:
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


@pytest.fixture(scope="module", params=["memory on werkzeug", "sqlite on waitress"])
def bench(
    request: pytest.FixtureRequest,
    shop_contract: Contract,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bench]:
    bench = Bench(shop_contract)
    kind, _, server = request.param.partition(" on ")
    path = tmp_path_factory.mktemp("store") / "records.db"
    store: Any = MemoryStore() if kind == "memory" else SQLiteStore(str(path))
    with SERVERS[server](bench.app(store)) as bench.url, bench.http:
        yield bench
    store.close()


@pytest.fixture
def key() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def tag() -> str:
    return uuid.uuid4().hex


def test_a_repeated_write_is_replayed(bench: Bench, key: str, tag: str) -> None:
    """One effect, the same bytes again, and only the headers that the contract lets through."""
    first = bench.post(key=key, tag=tag, x_request_id="first")
    again = bench.post(key=key, tag=tag, x_request_id="second")
    assert bench.done[tag] == 1
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert first.status_code == 201
    assert {"set-cookie", "x-own"} <= set(first.headers)
    assert {"set-cookie", "x-own"} & set(again.headers) == set()
    assert again.headers["location"] == "/7"
    assert again.headers["idempotent-replayed"] == "true"
    assert (first.headers[ID], again.headers[ID]) == ("first", "second")


@pytest.mark.parametrize("do", ["empty", "stream", "written"])
def test_any_success_is_replayed(bench: Bench, key: str, tag: str, do: str) -> None:
    """A 204, a stream and what was written by hand are replayed as they were, and run once."""
    first, again = (bench.post(key=key, tag=tag, do=do) for _ in range(2))
    assert bench.done[tag] == 1
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert bench.closed[tag] == (do == "stream")


@pytest.mark.parametrize("do", ["events", "large"])
def test_what_is_not_kept_is_not_run_again(bench: Bench, key: str, tag: str, do: str) -> None:
    """Events, and more than is kept, leave untouched; a repetition is told that it was done."""
    first, again = (bench.post(key=key, tag=tag, do=do) for _ in range(2))
    assert (first.status_code, bench.done[tag]) == (200, 1)
    assert len(first.content) > 5
    assert (again.status_code, again.headers[OUTCOME]) == (409, "applied")


def test_another_body_is_the_contracts_conflict(bench: Bench, key: str, tag: str) -> None:
    """A used key with another body: 409, and nothing is done; the key of another caller is his."""
    bench.post(key=key, tag=tag)
    other = bench.post(key=key, tag=tag, n=2)
    assert (other.status_code, other.headers[OUTCOME]) == (409, "not_started")
    assert bench.post(key=key, tag=tag, n=2, x_caller="bob").status_code == 201
    assert bench.done[tag] == 2


@pytest.mark.parametrize("lines", [[], [b""], [b"one", b"two"], [b"k" * 256], [b"a b"]])
def test_a_missing_or_malformed_key_is_refused(
    bench: Bench, dial: Any, tag: str, lines: list[bytes]
) -> None:
    """None, empty, two lines (which the server joins), too long, a space: 400, and nothing done."""
    fields = [(b"Idempotency-Key", line) for line in lines]
    with dial(bench.url) as line:
        answer = line.ask("POST", "/", *fields, body=b'{"tag": "%s"}' % tag.encode())
    assert (answer.status, answer.error["code"]) == (400, "bad_request")
    assert answer.all(OUTCOME) == ["not_started"]
    assert bench.done[tag] == 0


def test_the_handler_knows_its_key(bench: Bench, key: str, tag: str) -> None:
    """`context.idempotency().key`, in every piece of a stream."""
    assert bench.post(key=key, tag=tag, do="key").text == f"{key};" * 3


def test_a_stream_that_nobody_reads_to_its_end(shop_contract: Contract, key: str) -> None:
    """A caller who goes away leaves no key behind that is running for ever: it was carried out,
    and its answer was not kept."""
    bench = Bench(shop_contract)
    app = idempotent(shop_contract, MemoryStore(), caller=lambda _: "ann")(bench.serve)
    body = b'{"tag": "t", "do": "stream"}'

    def ask() -> Any:
        environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "CONTENT_LENGTH": str(len(body)),
                   "wsgi.input": BytesIO(body), "HTTP_IDEMPOTENCY_KEY": key}  # fmt: skip
        return app(environ, lambda *_: print)

    for read in (0, 1):
        bench.done.clear()
        key += "+"
        stream = ask()
        pieces = [next(stream) for _ in range(read)]
        stream.close()
        assert (pieces, bench.closed["t"]) == ([b"1;"] * read, read + 1)
        with pytest.raises(Exception, match="was carried out") as caught:
            ask()
        assert caught.value.failure.outcome == "applied"  # type: ignore[attr-defined]
        assert bench.done["t"] == 1
    until(lambda: not [t for t in threading.enumerate() if t.name == "failwell-lease"])


def test_twenty_at_once_are_one(bench: Bench, key: str, tag: str) -> None:
    """Twenty requests with one key at the same time: one effect, twenty equal answers."""
    with ThreadPoolExecutor(20) as pool, bench.held(tag) as gate:
        answers = [pool.submit(bench.post, key=key, tag=tag) for _ in range(20)]
        until(lambda: bench.done[tag])
        gate.set()
        got = [answer.result() for answer in answers]
    assert bench.done[tag] == 1
    assert {(one.status_code, one.content) for one in got} == {(201, got[0].content)}
    assert sum("idempotent-replayed" in one.headers for one in got) == 19


def test_what_left_nothing_frees_the_key(bench: Bench, key: str, tag: str) -> None:
    """A failure that is proven to have left nothing, raised or reported by `exc_info`."""
    for n, asked in enumerate([{"do": "fail", "code": "away"}, {"do": "swallow"}], 1):
        response = bench.post(key=key, tag=tag, **asked)
        assert (response.status_code, response.headers[OUTCOME]) == (503, "rolled_back")
        assert bench.done[tag] == n
    assert bench.post(key=key, tag=tag).status_code == 201


@pytest.mark.parametrize("asked", [{"do": "raise"}, {"do": "fail", "code": "conflict"}])
def test_what_proves_nothing_is_stored(bench: Bench, key: str, tag: str, asked: Any) -> None:
    """An exception and a refusal that may have come after an effect are given again, to the byte,
    and not run again."""
    first, again = (bench.post(key=key, tag=tag, **asked) for _ in range(2))
    assert bench.done[tag] == 1
    assert again.content == first.content
    assert first.headers[OUTCOME] == again.headers[OUTCOME] == "unknown"
    assert "hunter2" not in first.text


def test_a_stream_that_breaks_is_not_run_again(bench: Bench, key: str, tag: str) -> None:
    """Its connection is cut, and its key says an honest unknown from then on."""
    with pytest.raises(httpx2.TransportError):
        bench.post(key=key, tag=tag, do="break")
    until(lambda: bench.post(key=key, tag=tag, do="break").status_code == 500)
    assert bench.post(key=key, tag=tag, do="break").headers[OUTCOME] == "unknown"
    assert bench.done[tag] == 1


def test_a_chunked_body_is_read_whole(bench: Bench, key: str, tag: str) -> None:
    """A request whose length is not told beforehand reaches the handler, and is the same write."""
    body = f'{{"tag": "{tag}"}}'.encode()
    fields = {"Idempotency-Key": key, "Content-Type": "application/json"}

    def send() -> httpx2.Response:
        return bench.http.post(bench.url, content=iter([body[:5], body[5:]]), headers=fields)

    first, again = send(), send()
    assert (first.status_code, again.content, bench.done[tag]) == (201, first.content, 1)
    assert bench.http.post(bench.url, content=body, headers=fields).content == first.content


def test_a_handler_that_outlives_its_lease_keeps_its_key(
    shop_contract: Contract, key: str, tag: str
) -> None:
    """The lease is renewed in a thread: nobody runs it twice, and nobody thinks it gone."""
    bench = Bench(shop_contract, lease=0.15, wait=0.0)
    with werkzeug(bench.app(MemoryStore())) as bench.url, bench.http:
        with ThreadPoolExecutor(1) as pool, bench.held(tag) as gate:
            first = pool.submit(bench.post, key=key, tag=tag)
            until(lambda: bench.done[tag])
            for _ in range(4):
                time.sleep(0.1)
                busy = bench.post(key=key, tag=tag)
                assert (busy.status_code, busy.headers["retry-after"]) == (409, "1")
                assert "still being processed" in error_of(busy)["message"]
            gate.set()
        assert bench.post(key=key, tag=tag).content == first.result().content
    assert bench.done[tag] == 1
    until(lambda: not [t for t in threading.enumerate() if t.name == "failwell-lease"])


class Away:
    """A store that is down."""

    def update(self, key: str, change: Any) -> Any:
        from failwell.actions import StoreError

        raise StoreError("gone")


@pytest.mark.parametrize(("on_outage", "status"), [("refuse", 503), ("run", 201)])
def test_a_store_that_is_down(
    shop_contract: Contract, key: str, tag: str, on_outage: str, status: int
) -> None:
    """The author's choice: refuse, and nothing was started, or run without protection."""
    bench = Bench(shop_contract, on_outage=on_outage)
    with werkzeug(bench.app(Away())) as bench.url, bench.http:
        response = bench.post(key=key, tag=tag)
    assert (response.status_code, bench.done[tag]) == (status, int(status == 201))
    assert status == 201 or response.headers[OUTCOME] == "not_started"


def test_a_store_that_must_be_awaited_is_refused(shop_contract: Contract) -> None:
    """A server that blocks cannot await: it is told when the app is built."""

    class Awaited:
        async def update(self, key: str, change: Any) -> Any: ...

    with pytest.raises(TypeError, match="Awaited must be awaited"):
        idempotent(shop_contract, Awaited(), caller=lambda _: "")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"lease": 0.0}, {"wait": -0.1}])
def test_settings_out_of_range_are_refused(shop_contract: Contract, wrong: Any) -> None:
    """They are told when they are given, as on ASGI."""
    with pytest.raises(ValueError, match="lease above 0"):
        idempotent(shop_contract, MemoryStore(), caller=lambda _: "", **wrong)


def body_of(contract: Contract, **environ: Any) -> Any:
    from failwell.server.wsgi.environ import read

    return read({"wsgi.input": BytesIO(b"12345"), **environ}, contract)


def test_a_body_is_read_as_far_as_it_is_said_to_go(shop_contract: Contract) -> None:
    """By `CONTENT_LENGTH`; to its end where the server ends it; not at all where nobody says."""
    assert body_of(shop_contract, CONTENT_LENGTH="3") == b"123"
    assert body_of(shop_contract, **{"wsgi.input_terminated": True}) == b"12345"
    assert body_of(shop_contract) == b""
    with pytest.raises(ConnectionAbortedError):
        body_of(shop_contract, CONTENT_LENGTH="9")
    for environ, status in [({"CONTENT_LENGTH": "-1"}, 400), ({"CONTENT_LENGTH": "²"}, 400),
                            ({"HTTP_TRANSFER_ENCODING": "chunked"}, 411)]:  # fmt: skip
        with pytest.raises(Exception, match="Content-Length") as caught:
            body_of(shop_contract, **environ)
        assert caught.value.failure.status == status  # type: ignore[attr-defined]


# --- Quotas --------------------------------------------------------------------------------------


def test_a_quota_holds_for_each_caller(http: httpx2.Client, shop_contract: Contract) -> None:
    """So many requests, said on every answer; one too many is the contract's 429 with a
    `Retry-After`, and another caller has his own."""
    counted = limited(
        shop_contract,
        "memory:",
        [Window(2, 60.0)],
        caller=lambda environ: environ.get("HTTP_X_CALLER", "ann"),
    )
    with werkzeug(wrap(counted(shop(shop_contract)), shop_contract)) as url:
        answers = [http.get(url + "/told") for _ in range(3)]
        other = http.get(url + "/told", headers={"X-Caller": "bob"})
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert [one.headers["ratelimit"] for one in answers[:2]] == [
        '"default";r=1;t=60',
        '"default";r=0;t=60',
    ]
    assert error_of(answers[2])["code"] == "rate_limited"
    assert 58 <= int(answers[2].headers["retry-after"]) <= 60
    assert answers[2].headers["x-ratelimit-remaining"] == "0"
    assert other.status_code == 200


# --- Forks ---------------------------------------------------------------------------------------

SERVED = """
import json, os, sys
from failwell.contract import Code, Contract, Idempotency
from failwell.dialects.nested import Nested
from failwell.server.wsgi import idempotent, single_tenant, wrap

folder = os.environ["FOLDER"]
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

def app(environ, start):
    with open(folder + "/effects", "a") as book:
        book.write(f"{os.getpid()}\\n")
    start("201 Created", [("Content-Type", "text/plain")])
    return [b"done"]

once = idempotent(contract, f"sqlite:///{folder}/records.db", caller=single_tenant)
application = wrap(once(app), contract)
"""


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_survives_a_fork(tmp_path: Path) -> None:
    """gunicorn loads the app, its store open, and forks four workers: each key has one effect,
    whichever workers its requests come to."""
    (tmp_path / "shop_app.py").write_text(SERVED)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--preload", "--workers", "4", "--threads", "2",
         "--worker-tmp-dir", str(tmp_path), "--bind", f"127.0.0.1:{port}", "--chdir", str(tmp_path),
         "--log-level", "critical", "shop_app:application"],
        env={**os.environ, "FOLDER": str(tmp_path), "GUNICORN_CMD_ARGS": "--no-control-socket"},
    )  # fmt: skip
    try:
        until(lambda: is_open(port))
        keys = [f"k{n % 20}" for n in range(80)]

        def write(key: str) -> tuple[int, bytes]:
            fields = {"Idempotency-Key": key, "Connection": "close"}
            url = f"http://127.0.0.1:{port}/"
            got = httpx2.post(url, headers=fields, trust_env=False, timeout=20)
            return got.status_code, got.content

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(write, keys)) == {(201, b"done")}
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)
    workers = (tmp_path / "effects").read_text().split()
    assert len(workers) == 20
    assert len(set(workers)) > 1


# --- What is told to no one ----------------------------------------------------------------------


def test_the_journal_has_the_exception_of_a_swallowed_failure(
    http: httpx2.Client, shop_contract: Contract, tmp_path: Path
) -> None:
    """What an app reports by `exc_info` is journalled with its exception, by its id."""
    with (
        closing(Journal(f"sqlite:///{tmp_path / 'journal.db'}")) as journal,
        werkzeug(wrap(shop(shop_contract), shop_contract, journal=journal)) as url,
    ):
        for path, status in (("/replaced", 500), ("/replaced-half-way", 409)):
            http.get(url + path, headers={ID: f"job-{status}"})
            journal.flush()
            (entry,) = journal.backend.by_request(f"job-{status}")
            said = msgspec.to_builtins(entry)
            assert (said["status"], "hunter2" in repr(said)) == (status, True)
