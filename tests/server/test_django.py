"""Django and REST framework: every failure below /api/ in the envelope, and keyed writes that run
once, their answers committed with their effects.

One project over real HTTP, as WSGI (waitress) and as ASGI (uvicorn), on SQLite and PostgreSQL.
"""

from __future__ import annotations

import base64
import gc
import logging
import sqlite3
import uuid
import warnings
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import django
import httpx2
import pytest
from django.conf import settings

from failwell.contract import Contract
from failwell.dialects.problem import Problem
from failwell.headers import OUTCOME
from failwell.journal import Journal
from failwell.sandbox.wire import running
from server.wsgi_servers import waitress

CAUSE = "hunter2"
ID = "X-Request-Id"
JSON = {"Content-Type": "application/json"}
LAST = "failwell.server.django.Failures"

pytestmark = pytest.mark.filterwarnings("ignore:Unclosed file <tempfile:ResourceWarning")
"""Django's ASGI handler leaves the file of a request's body open where a stream breaks."""


@pytest.fixture(scope="module")
def project(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, shop_contract: Contract
) -> Iterator[Any]:
    """The project, with a table of effects in each database."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    path = tmp_path_factory.mktemp("django") / "shop.db"
    info: dict[str, Any] = conninfo_to_dict(postgres_url)
    settings.configure(
        DEBUG=False,
        SECRET_KEY="x",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="server.django_shop",
        MIDDLEWARE=["server.django_shop.Moody", "django.middleware.common.CommonMiddleware", LAST],
        INSTALLED_APPS=["rest_framework"],
        DATA_UPLOAD_MAX_MEMORY_SIZE=10_000,
        LOGGING_CONFIG=None,
        USE_TZ=True,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(path),
                "OPTIONS": {"transaction_mode": "IMMEDIATE"},
            },
            "postgres": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": info["dbname"],
                "USER": info.get("user"),
                "PASSWORD": info.get("password"),
                "HOST": info["host"],
                "PORT": info.get("port", ""),
            },
        },
        REST_FRAMEWORK={
            "EXCEPTION_HANDLER": "failwell.server.django.drf.exception_handler",
            "UNAUTHENTICATED_USER": None,
            "DEFAULT_AUTHENTICATION_CLASSES": [],
        },
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        django.setup()
        import server.django_shop as shop
    for name in ("django.request", "django.security"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE effects (tag TEXT)")
    with psycopg.connect(postgres_url) as other:
        other.execute("CREATE TABLE IF NOT EXISTS effects (tag TEXT)")
    shop.contract = shop_contract
    shop.stores = {"default": f"sqlite:///{path}", "postgres": postgres_url}
    yield shop
    gc.collect()


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    journal = Journal(f"sqlite:///{tmp_path_factory.mktemp('journal') / 'journal.db'}")
    yield journal
    journal.close()


@pytest.fixture(scope="module", params=["wsgi", "asgi"])
def url(
    request: pytest.FixtureRequest, project: Any, shop_contract: Contract, journal: Journal
) -> Iterator[str]:
    """The project, served."""
    from failwell.server.django import get_asgi_application, get_wsgi_application

    paths = ["/api/"]
    if request.param == "wsgi":
        with waitress(get_wsgi_application(shop_contract, journal=journal, paths=paths)) as served:
            yield served
    else:
        app = get_asgi_application(shop_contract, journal=journal, paths=paths)
        with running(alive(app)) as served:
            yield served


def alive(app: Any) -> Any:
    """The app with a lifespan, which Django has none of."""

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})

    return outer


@pytest.fixture(scope="module")
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client(trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture
def key() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def tag() -> str:
    return uuid.uuid4().hex


def error_of(response: httpx2.Response) -> dict[str, Any]:
    """What is under `error`; the body must be the whole envelope and the header must agree."""
    body = response.json()
    assert list(body) == ["error"]
    assert response.headers["content-type"] == "application/json"
    assert body["error"]["requestId"] == response.headers[ID]
    inner: dict[str, Any] = body["error"]
    return inner


ERRORS = [
    ("/api/nowhere", 404, "not_found", "No such route"),
    ("/api/boom", 500, "failed", "The shop failed"),
    ("/api/aboom", 500, "failed", "The shop failed"),
    ("/api/in-middleware", 500, "failed", "The shop failed"),
    ("/api/own-in-middleware", 409, "conflict", "Sold out"),
    ("/api/fail", 429, "rate_limited", "Slower"),
    ("/api/missing", 404, "not_found", "There is no such shelf"),
    ("/api/denied", 403, "bad_request", "Malformed"),
    ("/api/suspicious", 400, "bad_request", "Malformed"),
    ("/api/page", 409, "conflict", "Clash"),
    ("/api/post-only", 405, "not_allowed", "This route does not take this method"),
    ("/api/drf/private", 401, "bad_request", "Malformed"),
    ("/api/drf/busy", 429, "rate_limited",
     "Request was throttled. Expected available in 7 seconds."),
    ("/api/drf/raising?what=404", 404, "not_found", "There is no such shelf"),
    ("/api/drf/raising?what=403", 403, "bad_request", "Malformed"),
    ("/api/drf/raising?what=bug", 500, "failed", "The shop failed"),
    ("/api/drf/raising?what=own", 409, "conflict", "Sold out"),
    ("/api/drf/raising?what=api", 500, "failed", "The shop failed"),
    ("/api/drf/orders", 405, "not_allowed", 'Method "GET" not allowed.'),
]  # fmt: skip


@pytest.mark.parametrize(("path", "status", "code", "message"), ERRORS)
@pytest.mark.parametrize("debug", [False, True])
def test_every_error_is_in_the_envelope(
    http: httpx2.Client, url: str, path: str, status: int, code: str, message: str, debug: bool
) -> None:
    """Router, views, middleware, pages, REST framework, in debug mode too: one shape, one id, and
    not a word of a cause."""
    settings.DEBUG = debug
    try:
        response = http.get(url + path, headers={ID: "job-7"})
    finally:
        settings.DEBUG = False
    error = error_of(response)
    assert (response.status_code, error["code"], error["message"]) == (status, code, message)
    assert response.headers[ID] == "job-7"
    assert CAUSE not in response.text
    if "in-middleware" not in path:
        assert response.headers["access-control-allow-origin"] == "*"


def test_headers_of_an_error_are_kept(http: httpx2.Client, url: str) -> None:
    """`Allow`, `WWW-Authenticate` and `Retry-After`, from Django, REST framework, the contract."""
    wrong, private, busy, own = (
        http.get(url + path)
        for path in ("/api/post-only", "/api/drf/private", "/api/drf/busy", "/api/fail")
    )
    assert wrong.headers["allow"] == "POST"
    assert private.headers["www-authenticate"] == 'Basic realm="api"'
    assert (busy.headers["retry-after"], own.headers["retry-after"]) == ("7", "2")


def test_a_wrong_password_is_unauthenticated(
    http: httpx2.Client, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`AuthenticationFailed` is a 401 with its challenge, and what was sent is not repeated."""
    wrong = base64.b64encode(b"no colon").decode()
    response = http.get(url + "/api/drf/private", headers={"Authorization": f"Basic {wrong}"})
    assert (response.status_code, response.headers["www-authenticate"][:5]) == (401, "Basic")
    assert wrong not in response.text


def test_what_is_outside_of_the_paths_stays_a_page(http: httpx2.Client, url: str) -> None:
    """Pages for people keep Django's own errors."""
    response = http.get(url + "/pages/boom")
    assert response.status_code == 500
    assert response.headers["content-type"].startswith("text/html")
    assert ID not in response.headers


def test_writes_say_what_became_of_them(http: httpx2.Client, url: str) -> None:
    """A 500 leaves it open; a route that is not there did nothing; a read has nothing to say."""
    assert http.post(url + "/api/boom").headers[OUTCOME] == "unknown"
    assert http.post(url + "/api/nowhere").headers[OUTCOME] == "not_started"
    assert OUTCOME not in http.get(url + "/api/boom").headers


@pytest.mark.parametrize("path", ["/api/told", "/api/atold"])
def test_views_know_the_id(http: httpx2.Client, url: str, path: str) -> None:
    """`context.request_id()` is the answer's id, in sync and in async views."""
    response = http.get(url + path)
    assert response.json()["id"] == response.headers[ID]


def test_a_body_that_is_too_large(http: httpx2.Client, url: str) -> None:
    """More than Django takes is a 413 that did nothing."""
    response = http.post(url + "/api/read", content=b"x" * 20_000)
    assert (response.status_code, error_of(response)["code"]) == (413, "bad_request")


def test_csrf_is_in_the_envelope(http: httpx2.Client, url: str) -> None:
    """Django's page about a missing token is a 403 in the contract's words."""
    response = http.post(url + "/api/csrf")
    assert (response.status_code, error_of(response)["message"]) == (403, "Malformed")


def test_a_stream_that_breaks(http: httpx2.Client, url: str) -> None:
    """Once it has begun the connection is cut; server-sent events end with an `error` event."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(httpx2.TransportError):
            http.get(url + "/api/broken?as=text/plain")
        events = http.get(url + "/api/broken?as=text/event-stream").text
    assert "event: error\ndata: {" in events
    assert CAUSE not in events


def test_the_journal_has_what_django_swallowed(
    http: httpx2.Client, url: str, journal: Journal
) -> None:
    """Exceptions of views, of middlewares and of async views are journalled, with their route."""
    for path in ("boom", "in-middleware", "aboom", "fail"):
        name = f"journalled-{path}-{url[-5:]}"
        http.get(f"{url}/api/{path}", headers={ID: name})
        journal.flush()
        (entry,) = journal.backend.by_request(name)
        assert entry.route is not None
        assert path in entry.route
        assert (CAUSE in repr(entry)) == (path != "fail")


def test_djangos_log_keeps_to_what_matters(
    http: httpx2.Client, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The contract's own failure is a line, and not an error with a traceback; a bug is both."""
    logging.getLogger("django.request").setLevel(logging.DEBUG)
    http.get(url + "/api/fail")
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR or r.exc_info]
    http.get(url + "/api/boom")
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    assert {r.name for r in caplog.records if r.exc_info} == {"django.request", "failwell.server"}


def test_a_host_that_is_not_allowed(dial: Any, url: str) -> None:
    """Django's `DisallowedHost` is the contract's 400, and the host is not repeated."""
    with dial(url) as line:
        line.host = "evil.example"
        answer = line.ask("GET", "/api/told", (b"Connection", b"close"))
    assert (answer.status, answer.error["code"]) == (400, "bad_request")
    assert b"evil" not in answer.body


# --- REST framework ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def problems(project: Any, shop_contract: Contract) -> Iterator[str]:
    """The project under a contract whose dialect has room for issues."""
    import msgspec

    from failwell.server.django import get_wsgi_application

    contract = msgspec.structs.replace(shop_contract, dialect=Problem())
    with waitress(get_wsgi_application(contract)) as served:
        yield served


def test_validation_has_paths_and_no_values(http: httpx2.Client, problems: str) -> None:
    """Each issue has its path, its JSON pointer and its code; what was submitted is repeated
    nowhere, though REST framework's own sentences do."""
    asked = {
        "tag": "x" * 41,
        "password": "hunter2",
        "lines": [
            {"quantity": 1, "unit": "box"},
            {"quantity": 0, "unit": "hunter2-unit"},
            {"unit": "box"},
        ],
    }
    response = http.post(problems + "/api/drf/orders", json=asked, headers={"Idempotency-Key": "k"})
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, "unprocessable")
    told = [(one["path"], one["pointer"], one["code"]) for one in problem["errors"]]
    assert told == [
        ("tag", "#/tag", "max_length"),
        ("password", "#/password", "invalid"),
        ("lines[1].quantity", "#/lines/1/quantity", "min_value"),
        ("lines[1].unit", "#/lines/1/unit", "invalid_choice"),
        ("lines[2].quantity", "#/lines/2/quantity", "required"),
    ]
    assert "hunter2" not in response.text
    assert problem["errors"][3]["detail"] == "Invalid"
    assert problem["errors"][4]["detail"] == "This field is required."


def test_what_is_wrong_with_the_whole(http: httpx2.Client, problems: str) -> None:
    """An issue that belongs to no field points to the whole document."""
    response = http.post(
        problems + "/api/drf/orders", json={"tag": "forbidden"}, headers={"Idempotency-Key": "w"}
    )
    assert response.json()["errors"] == [
        {"detail": "Not that one", "pointer": "#", "code": "taste"}
    ]


@pytest.mark.parametrize(
    ("body", "fields", "status"),
    [(b"{", JSON, 400), (b"hunter2", {"Content-Type": "text/x-own"}, 415)],
)
def test_bodies_that_cannot_be_read(
    http: httpx2.Client, url: str, key: str, body: bytes, fields: Any, status: int
) -> None:
    """Malformed JSON is the contract's 400, another media type its 415."""
    fields = {**fields, "Idempotency-Key": key}
    response = http.post(url + "/api/drf/orders", content=body, headers=fields)
    assert (response.status_code, error_of(response)["code"]) == (status, "bad_request")
    assert "hunter2" not in response.text


def test_a_method_of_a_view_runs_once(
    http: httpx2.Client, url: str, key: str, tag: str, project: Any
) -> None:
    """A replay has REST framework's own bytes; an exception is kept, and a validation is not."""

    def post(tag: str, key: str) -> httpx2.Response:
        fields = {"Idempotency-Key": key}
        return http.post(url + "/api/drf/orders", json={"tag": tag}, headers=fields)

    first, again = post(tag, key), post(tag, key)
    assert (first.status_code, first.content, project.done[tag]) == (201, b'{"count":1}', 1)
    assert (again.content, again.headers["content-type"]) == (first.content, "application/json")
    assert again.headers["idempotent-replayed"] == "true"
    before = project.done["raise"]
    bugs = [post("raise", key + "raise") for _ in range(2)]
    assert ([bug.status_code for bug in bugs], project.done["raise"]) == ([500, 500], before + 1)


# --- Keyed writes --------------------------------------------------------------------------------


def post(http: httpx2.Client, url: str, key: str | None, **asked: Any) -> httpx2.Response:
    fields = {n.replace("_", "-"): asked.pop(n) for n in list(asked) if n.startswith("x_")}
    if key is not None:
        fields["Idempotency-Key"] = key
    return http.post(url, json=asked, headers=fields)


@pytest.mark.parametrize("path", ["/api/orders", "/api/aorders"])
@pytest.mark.parametrize("do", [None, "empty", "stream"])
def test_a_repeated_write_is_replayed(
    http: httpx2.Client, url: str, project: Any, key: str, tag: str, path: str, do: str | None
) -> None:
    """Sync and async views: one effect and the same bytes again, without the cookie. A stream of
    an async view is a sync one's too where Django makes it so; else it is not run again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, again = (post(http, url + path, key, tag=tag, do=do) for _ in range(2))
    assert project.done[tag] == 1
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert "set-cookie" not in again.headers
    assert (first.headers.get("location") == "/api/orders/7") == (do is None)


def test_refusals_of_keys(http: httpx2.Client, url: str, project: Any, key: str, tag: str) -> None:
    """No key, a malformed one, another body: nothing is done; another caller's key is his own."""
    url += "/api/orders"
    post(http, url, key, tag=tag)
    refused = [
        post(http, url, None, tag=tag),
        post(http, url, "a,b", tag=tag),
        post(http, url, key, tag=tag, n=1),
    ]
    assert [one.status_code for one in refused] == [400, 400, 409]
    assert {one.headers[OUTCOME] for one in refused} == {"not_started"}
    assert post(http, url, key, tag=tag, x_caller="bob").json() == {"count": 2}


@pytest.mark.parametrize("path", ["/api/orders", "/api/aorders"])
@pytest.mark.parametrize(
    ("asked", "status", "outcome"),
    [({"do": "fail", "code": "away"}, 503, "rolled_back"), ({"do": "404"}, 404, "not_started")],
)
def test_what_left_nothing_frees_the_key(
    http: httpx2.Client, url: str, project: Any, key: str, tag: str, path: str, asked: Any,
    status: int, outcome: str,
) -> None:  # fmt: skip
    """The contract's own failure, and Django's `Http404`: the key is free again."""
    for n in (1, 2):
        response = post(http, url + path, key, tag=tag, **asked)
        assert (response.status_code, response.headers[OUTCOME]) == (status, outcome)
        assert project.done[tag] == n
    assert post(http, url + path, key, tag=tag).status_code == 201


@pytest.mark.parametrize(
    ("path", "do"),
    [
        ("/api/orders", "raise"),
        ("/api/aorders", "raise"),
        ("/api/aorders", "await what is cancelled"),
    ],
)
def test_an_exception_is_kept(
    http: httpx2.Client, url: str, project: Any, key: str, tag: str, path: str, do: str
) -> None:
    """Nobody knows what it left behind: the same 500 again, and no second run. That what was
    awaited was cancelled, and the request was not, is such an exception."""
    first, again = (post(http, url + path, key, tag=tag, do=do) for _ in range(2))
    assert (first.status_code, again.content, project.done[tag]) == (500, first.content, 1)
    assert first.headers[OUTCOME] == again.headers[OUTCOME] == "unknown"


# --- In the business transaction -----------------------------------------------------------------


def effects(project: Any, db: str, tag: str) -> int:
    """The rows of a tag, read from outside of Django."""
    import psycopg

    if db == "sqlite":
        path = project.stores["default"].removeprefix("sqlite:///")
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("SELECT count(*) FROM effects WHERE tag = ?", [tag])
            return int(found.fetchone()[0])
    with psycopg.connect(project.stores["postgres"]) as other:
        row = other.execute("SELECT count(*) FROM effects WHERE tag = %s", [tag]).fetchone()
        assert row is not None
        return int(row[0])


@pytest.mark.parametrize("db", ["sqlite", "postgres"])
def test_effect_and_answer_are_one(
    http: httpx2.Client, url: str, project: Any, key: str, tag: str, db: str
) -> None:
    """`context.idempotency().commit(connection, …)` inside `transaction.atomic()`: a replay equal
    to the first answer, to the byte, and one row."""
    first, again = (post(http, f"{url}/api/{db}", key, tag=tag) for _ in range(2))
    assert (first.status_code, first.json()) == (201, {"count": 1})
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert (effects(project, db, tag), project.done[tag]) == (1, 1)
    silent = [
        post(http, f"{url}/api/{db}", key + "e", tag=tag + "e", do="say nothing") for _ in range(2)
    ]
    assert {(empty.status_code, empty.content) for empty in silent} == {(204, b"")}
    assert len({empty.headers["content-type"] for empty in silent}) == 1


@pytest.mark.parametrize("db", ["sqlite", "postgres"])
def test_what_was_committed_is_the_truth(
    http: httpx2.Client, url: str, project: Any, key: str, tag: str, db: str
) -> None:
    """An exception after the commit, or an error for an answer: the committed answer all the same.
    One before it: nothing is left, the answer says so, and the key is free."""
    after = post(http, f"{url}/api/{db}", key, tag=tag, do="raise after")
    refused = post(http, f"{url}/api/{db}", key + "r", tag=tag + "r", do="refuse after")
    assert (after.status_code, after.json()) == (201, {"count": 1})
    assert (refused.status_code, refused.json()) == (201, {"count": 1})
    for _ in range(2):
        before = post(http, f"{url}/api/{db}", key + "b", tag=tag + "b", do="raise before")
        assert (before.status_code, before.headers[OUTCOME]) == (500, "rolled_back")
    assert (effects(project, db, tag), effects(project, db, tag + "b")) == (1, 0)
    assert project.done[tag + "b"] == 2


def test_atomic_requests_end_before_the_answer_is_kept(
    project: Any, key: str, tag: str, shop_contract: Contract
) -> None:
    """With `ATOMIC_REQUESTS` the view's transaction is inside the keyed write: what it did is
    undone by its failure, and done when its answer is kept. A transaction around it is told."""
    from django.core.exceptions import ImproperlyConfigured
    from django.db import connections, transaction
    from django.test import RequestFactory

    from failwell.server.django import idempotent
    from failwell.stores.memory import MemoryStore

    seen: list[int] = []

    class Seeing(MemoryStore):
        def update(self, key: str, change: Any) -> Any:
            seen.append(effects(project, "sqlite", tag))
            return super().update(key, change)

    once = idempotent(shop_contract, Seeing(), caller=lambda _: "ann")

    @once
    def view(request: Any) -> Any:
        project.effect(tag, "default")
        if request.GET.get("fail"):
            raise RuntimeError(CAUSE)
        return project.HttpResponse("done")

    connections["default"].settings_dict["ATOMIC_REQUESTS"] = True
    try:
        ask = RequestFactory()
        with pytest.raises(RuntimeError, match=CAUSE):
            view(ask.post("/x?fail=1", headers={"Idempotency-Key": key + "f"}))
        assert effects(project, "sqlite", tag) == 0
        assert view(ask.post("/x", headers={"Idempotency-Key": key})).content == b"done"
        assert seen == [0, 0, 0, 1]
        with transaction.atomic(), pytest.raises(ImproperlyConfigured, match="non_atomic"):
            view(ask.post("/x", headers={"Idempotency-Key": key + "o"}))
    finally:
        connections["default"].settings_dict["ATOMIC_REQUESTS"] = False
        connections["default"].close()
    assert view._non_atomic_requests == {"default", "postgres"}  # type: ignore[attr-defined]


def test_outside_of_a_wrapped_app_all_is_djangos(project: Any) -> None:
    """Django's test client, which goes around the wrapper, gets Django's own statuses."""
    from django.test import Client

    client = Client(raise_request_exception=False, headers={"host": "127.0.0.1"})
    assert client.get("/api/missing").status_code == 404
    assert client.get("/api/drf/raising?what=403").json() == {
        "detail": "You do not have permission to perform this action."
    }


# --- Quotas --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/counted", "/api/acounted", "/api/drf/counted"])
def test_the_callers_of_a_view_have_a_quota(http: httpx2.Client, url: str, path: str) -> None:
    """A view, an asynchronous one and a method of a class: each answer says what is left, one too
    many is the contract's 429 with a `Retry-After`, and another caller has his own."""
    fields = {"X-Caller": str(uuid.uuid4())}
    answers = [http.get(url + path, headers=fields) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].json()["error"]["code"] == "rate_limited"
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
    assert http.get(url + path, headers={"X-Caller": str(uuid.uuid4())}).status_code == 200
