"""Flask behind one `install`: every failure in the envelope, and views whose writes run once.

Over real HTTP, on werkzeug's server.
"""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import flask
import httpx2
import pytest

from failwell.contract import Contract
from failwell.errors import RateLimitError
from failwell.headers import OUTCOME
from failwell.journal import Journal
from failwell.model import Attempt, Failure, Kind
from failwell.policy.quota import Window
from failwell.server import context
from failwell.server.flask import (
    idempotent,
    idempotent_route,
    install,
    limited,
    single_tenant,
)
from server.wsgi_servers import waitress, werkzeug

CAUSE = "hunter2 at db.internal"
ID = "X-Request-Id"
JSON = {"Content-Type": "application/json"}


def who(request: flask.Request) -> str:
    return request.headers.get("X-Caller", "ann")


class Shop:
    """The app, and what it has done by the tag in the request."""

    def __init__(self, contract: Contract, **settings: Any) -> None:
        self.contract = contract
        self.done: Counter[str] = Counter()
        self.url = ""
        self.http = httpx2.Client(trust_env=False, timeout=20)
        self.app = flask.Flask("shop")
        self.app.config["MAX_CONTENT_LENGTH"] = 10_000
        self.app.logger.setLevel(logging.CRITICAL)
        self.routes()
        install(self.app, contract, **{"store": "memory:", "caller": who, **settings})

    def routes(self) -> None:
        app, contract = self.app, self.contract

        @app.get("/told")
        def told() -> Any:
            app.logger.critical("serving")
            return {"g": flask.g.request_id, "context": context.request_id()}

        @app.route("/boom", methods=["GET", "POST"])
        def boom() -> Any:
            raise RuntimeError(CAUSE)

        @app.get("/fail")
        def fail() -> Any:
            raise contract.fail("rate_limited", message="Slower", retry_after=1.2)

        @app.post("/upstream")
        def upstream() -> Any:
            failure = Failure(kind=Kind.RATE_LIMITED, message=CAUSE, status=429, api="other")
            sent = Attempt(number=1, method="POST", url="u", at=0, elapsed=0)
            raise RateLimitError(failure, (sent,))

        @app.get("/abort/<int:status>")
        def abort(status: int) -> Any:
            said: Any = flask.request.args.get("said")
            flask.abort(status, said)

        @app.get("/abort-object")
        def abort_object() -> Any:
            flask.abort(409, {"detail": "Sold", "shelf": 7})  # type: ignore[arg-type]

        @app.get("/abort-response")
        def abort_response() -> Any:
            flask.abort(flask.Response(CAUSE, 503, {"Retry-After": "9"}))

        @app.get("/own-handler")
        def own_handler() -> Any:
            raise LookupError(CAUSE)

        @app.errorhandler(LookupError)
        def lost(error: LookupError) -> Any:
            return {"detail": "Lost"}, 404

        @app.post("/json")
        def read() -> Any:
            return {"sum": sum(flask.request.get_json())}

        @app.get("/login")
        def login() -> Any:
            from werkzeug.datastructures import WWWAuthenticate
            from werkzeug.exceptions import Unauthorized

            raise Unauthorized(www_authenticate=WWWAuthenticate("basic", {"realm": "shop"}))

        @app.get("/hook")
        def hook() -> Any:
            return "never"

        @app.before_request
        def strict() -> None:
            if flask.request.path == "/hook":
                raise RuntimeError(CAUSE)

        @app.after_request
        def allow(response: flask.Response) -> flask.Response:
            response.headers["Access-Control-Allow-Origin"] = "*"
            return response

        @app.get("/broken")
        def broken() -> Any:
            def chunks() -> Iterator[str]:
                yield "one;"
                raise RuntimeError(CAUSE)

            return flask.Response(chunks(), mimetype=flask.request.args["as"])

        @app.post("/orders")
        @idempotent_route
        def order() -> Any:
            return self.serve()

        quota = limited(contract, "memory:", [Window(2, 60.0)], caller=who)

        @app.get("/counted")
        @quota
        def counted() -> Any:
            return {}

        @app.get("/acounted")
        @quota
        async def acounted() -> Any:
            return {}

        @app.post("/checked")
        @self.checked
        @idempotent_route
        def checked() -> Any:
            return self.serve()

    @staticmethod
    def checked(view: Any) -> Any:
        """Who may not any more gets no replay either."""

        def inner() -> Any:
            if "X-Revoked" in flask.request.headers:
                flask.abort(403)
            return view()

        inner.__name__ = view.__name__
        return inner

    def serve(self) -> Any:
        asked = flask.request.get_json()
        self.done[asked["tag"]] += 1
        count = self.done[asked["tag"]]
        match asked.get("do"):
            case "empty":
                return "", 204
            case "stream":
                return flask.Response((f"{count};{n}" for n in range(3)), mimetype="text/plain")
            case "events":
                return flask.Response(iter(["data: 1\n\n"]), mimetype="text/event-stream")
            case "fail":
                raise self.contract.fail(asked["code"], message="No")
            case "abort":
                flask.abort(asked["status"], "Plain")
            case "lookup":
                raise LookupError(CAUSE)
            case "raise":
                raise RuntimeError(CAUSE)
        response = flask.jsonify({"count": count})
        response.status_code = 201
        response.headers["Location"] = "/orders/7"
        response.set_cookie("session", "secret")
        return response

    def post(self, path: str = "/orders", *, key: str | None, **asked: Any) -> httpx2.Response:
        fields = {n.replace("_", "-"): asked.pop(n) for n in list(asked) if n.startswith("x_")}
        if key is not None:
            fields["Idempotency-Key"] = key
        return self.http.post(self.url + path, json=asked, headers=fields)


@pytest.fixture(scope="module", params=["plain", "propagating", "debugging"])
def shop(request: pytest.FixtureRequest, shop_contract: Contract) -> Iterator[Shop]:
    """The shop, as Flask is in production, with `PROPAGATE_EXCEPTIONS`, and in debug mode."""
    shop = Shop(shop_contract)
    shop.app.config["PROPAGATE_EXCEPTIONS"] = {"propagating": True}.get(request.param)
    shop.app.debug = request.param == "debugging"
    with werkzeug(shop.app) as shop.url, shop.http:
        yield shop


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


# --- Envelopes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "code", "message"),
    [
        ("/nowhere", 404, "not_found", "No such route"),
        ("/json", 405, "not_allowed", "This route does not take this method"),
        ("/boom", 500, "failed", "The shop failed"),
        ("/hook", 500, "failed", "The shop failed"),
        ("/abort/409?said=Sold", 409, "conflict", "Sold"),
        ("/abort/418", 418, "bad_request", "Malformed"),
        ("/abort/500?said=hunter2", 500, "failed", "The shop failed"),
        ("/abort/503?said=hunter2", 503, "away", "The shop is away"),
        ("/abort-object", 409, "conflict", "Sold"),
        ("/abort-response", 503, "away", "The shop is away"),
        ("/own-handler", 404, "not_found", "Lost"),
        ("/fail", 429, "rate_limited", "Slower"),
        ("/login", 401, "bad_request", "Malformed"),
    ],
)
def test_every_error_is_in_the_envelope(
    shop: Shop, path: str, status: int, code: str, message: str
) -> None:
    """Router, hooks, `abort` in all its forms, the app's own handlers, exceptions, and the
    contract's own: one shape, one id, the app's header fields, and not a word of a cause."""
    response = shop.http.get(shop.url + path, headers={ID: "job-7"})
    error = error_of(response)
    assert (response.status_code, error["code"], error["message"]) == (status, code, message)
    assert response.headers[ID] == "job-7"
    assert "hunter2" not in response.text
    is_raw = path in ("/boom", "/hook") and shop.app.config["PROPAGATE_EXCEPTIONS"] is not None
    if not (is_raw or shop.app.debug):
        assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("body", "fields", "status"),
    [
        (b"{", JSON, 400),
        (b"[1, 2]", {"Content-Type": "text/plain"}, 415),
        (b"[" + b" " * 20_000 + b"1]", JSON, 413),
        (b"[1, 2]", JSON, 200),
    ],
)
def test_bodies_that_cannot_be_read(shop: Shop, body: bytes, fields: Any, status: int) -> None:
    """Malformed JSON is 400, another media type 415, too large 413: each proven to do nothing."""
    response = shop.http.post(shop.url + "/json", content=body, headers=fields)
    assert response.status_code == status
    if status != 200:
        assert error_of(response)["code"] == "bad_request"
        assert response.headers[OUTCOME] in ("not_started", "unknown")


def test_headers_of_an_error_are_kept(shop: Shop) -> None:
    """`Allow`, `WWW-Authenticate` and `Retry-After` leave as Flask and the contract said them."""
    wrong, login, busy, away = (
        shop.http.get(shop.url + path) for path in ("/json", "/login", "/fail", "/abort-response")
    )
    assert set(wrong.headers["allow"].split(", ")) == {"POST", "OPTIONS"}
    assert login.headers["www-authenticate"] == "Basic realm=shop"
    assert (busy.headers["retry-after"], away.headers["retry-after"]) == ("2", "9")


def test_the_outcome_is_told(shop: Shop) -> None:
    """A write that fails says what became of it; another API's proof is none of ours."""
    boom, lost, upstream = (
        shop.http.post(shop.url + path) for path in ("/boom", "/nowhere", "/upstream")
    )
    assert (boom.headers[OUTCOME], lost.headers[OUTCOME]) == ("unknown", "not_started")
    assert (upstream.status_code, upstream.headers[OUTCOME]) == (500, "unknown")
    assert "hunter2" not in upstream.text


def test_the_id_is_known_to_handlers_and_to_the_log(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """`flask.g.request_id`, `context.request_id()` and each record of `app.logger`."""
    response = shop.http.get(shop.url + "/told", headers={ID: "job-8"})
    assert response.json() == {"g": "job-8", "context": "job-8"}
    (record,) = [r for r in caplog.records if r.getMessage() == "serving"]
    assert record.request_id == "job-8"  # type: ignore[attr-defined]


def test_a_stream_that_breaks(shop_contract: Contract) -> None:
    """After the first byte the connection is cut; server-sent events end with an `error` event."""
    shop = Shop(shop_contract)
    with waitress(shop.app) as url, shop.http as http:
        with pytest.raises(httpx2.TransportError):
            http.get(url + "/broken?as=text/plain")
        events = http.get(url + "/broken?as=text/event-stream").text
    assert events.startswith("one;event: error\ndata: {")
    assert "hunter2" not in events


def test_the_journal_has_what_flask_swallowed(shop_contract: Contract, tmp_path: Path) -> None:
    """Flask makes a page of an exception; the journal has the exception, and the route."""
    with closing(Journal(f"sqlite:///{tmp_path / 'journal.db'}")) as journal:
        shop = Shop(shop_contract, journal=journal)
        with werkzeug(shop.app) as url, shop.http as http:
            http.get(url + "/boom", headers={ID: "job-9"})
            http.get(url + "/abort/409?said=Sold", headers={ID: "job-10"})
        journal.flush()
        (boom,) = journal.backend.by_request("job-9")
        (abort,) = journal.backend.by_request("job-10")
    assert CAUSE in repr(boom)
    assert (abort.route, abort.status) == ("/abort/<int:status>", 409)


def test_a_journal_may_be_a_url(shop_contract: Contract, tmp_path: Path) -> None:
    """`install(journal="sqlite:///…")` opens it."""
    from failwell import journal

    url = f"sqlite:///{tmp_path / 'journal.db'}"
    shop = Shop(shop_contract, journal=url)
    shop.app.test_client().get("/nowhere", headers={ID: "job-11"})
    backend = journal.open(url)

    def found() -> list[Any]:
        try:
            return backend.by_request("job-11")
        except Exception:
            return []

    until(lambda: len(found()) == 1)
    backend.close()


def until(condition: Any) -> None:
    import time

    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


# --- Keyed writes --------------------------------------------------------------------------------


@pytest.mark.parametrize("do", [None, "empty", "stream"])
def test_a_repeated_write_is_replayed(shop: Shop, key: str, tag: str, do: str | None) -> None:
    """One effect and the same bytes again, a stream's too; no cookie, and this request's id."""
    first, again = (shop.post(key=key, tag=tag, do=do) for _ in range(2))
    assert (shop.done[tag], again.headers["idempotent-replayed"]) == (1, "true")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert first.status_code in (200, 201, 204)
    assert "set-cookie" not in again.headers
    assert first.headers[ID] != again.headers[ID]
    if do is None:
        assert again.headers["location"] == "/orders/7"


def test_events_flow_on_and_are_not_kept(shop: Shop, key: str, tag: str) -> None:
    """A repetition of what was answered with events is told that it was carried out."""
    first, again = (shop.post(key=key, tag=tag, do="events") for _ in range(2))
    assert (first.status_code, first.text) == (200, "data: 1\n\n")
    assert (again.status_code, again.headers[OUTCOME], shop.done[tag]) == (409, "applied", 1)


def test_refusals_of_keys(shop: Shop, key: str, tag: str) -> None:
    """No key, a malformed one, and one that came with another body: nothing is done."""
    shop.post(key=key, tag=tag)
    missing, bad, other = (
        shop.post(key=None, tag=tag),
        shop.post(key="a,b", tag=tag),
        shop.post(key=key, tag=tag, n=1),
    )
    assert [one.status_code for one in (missing, bad, other)] == [400, 400, 409]
    assert {one.headers[OUTCOME] for one in (missing, bad, other)} == {"not_started"}
    assert shop.done[tag] == 1


def test_the_caller_is_authorised_again_before_a_replay(shop: Shop, key: str, tag: str) -> None:
    """What stands above the mark comes first: a revoked caller gets no replay, and another caller
    has keys of his own."""
    shop.post("/checked", key=key, tag=tag)
    assert shop.post("/checked", key=key, tag=tag, x_revoked="1").status_code == 403
    assert "idempotent-replayed" in shop.post("/checked", key=key, tag=tag).headers
    assert shop.post("/checked", key=key, tag=tag, x_caller="bob").json() == {"count": 2}


@pytest.mark.parametrize(
    ("asked", "status", "outcome"),
    [
        ({"do": "fail", "code": "away"}, 503, "rolled_back"),
        ({"do": "abort", "status": 404}, 404, "not_started"),
        ({"do": "lookup"}, 404, "not_started"),
    ],
)
def test_what_left_nothing_frees_the_key(
    shop: Shop, key: str, tag: str, asked: Any, status: int, outcome: str
) -> None:
    """Raised, aborted, or answered by the app's own error handler: the key is free again."""
    for n in (1, 2):
        response = shop.post(key=key, tag=tag, **asked)
        assert (response.status_code, response.headers[OUTCOME]) == (status, outcome)
        assert shop.done[tag] == n
    assert shop.post(key=key, tag=tag).status_code == 201


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"do": "raise"}, 500),
        ({"do": "abort", "status": 409}, 409),
        ({"do": "fail", "code": "conflict"}, 409),
    ],
)
def test_what_proves_nothing_is_stored(
    shop: Shop, key: str, tag: str, asked: Any, status: int
) -> None:
    """It is given again, in the same words, and not run again."""
    first, again = (shop.post(key=key, tag=tag, **asked) for _ in range(2))
    assert (first.status_code, again.status_code, shop.done[tag]) == (status, status, 1)
    assert error_of(first)["message"] == again.json()["error"]["message"]
    assert first.headers[OUTCOME] == again.headers[OUTCOME] == "unknown"
    assert "hunter2" not in first.text + again.text


def test_a_mark_with_settings_of_its_own(shop_contract: Contract, key: str) -> None:
    """`idempotent` marks a view without `install`'s store, async views too; `wrap` renders."""
    app, ran = flask.Flask("shop"), []

    async def order() -> Any:
        ran.append(1)
        return "done", 201

    once = idempotent(shop_contract, "memory:", caller=single_tenant)
    app.post("/orders")(once(order))
    install(app, shop_contract)
    for _ in range(2):
        response = app.test_client().post("/orders", headers={"Idempotency-Key": key})
        assert (response.status_code, response.data) == (201, b"done")
    assert len(ran) == 1


def test_the_callers_of_a_view_have_a_quota(shop: Shop) -> None:
    """Two views under one `limited` share it: each answer says what is left, one too many is the
    contract's 429 with a `Retry-After`, and another caller has his own."""
    fields = {"X-Caller": uuid.uuid4().hex}
    paths = ("/counted", "/acounted", "/counted", "/acounted")
    answers = [shop.http.get(shop.url + path, headers=fields) for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0", "0"]
    assert error_of(answers[2])["code"] == "rate_limited"
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
    assert shop.http.get(shop.url + "/counted").status_code == 200


def test_a_quota_needs_a_store_that_blocks(shop_contract: Contract) -> None:
    """One that must be awaited is refused where it is given."""

    class Awaited:
        async def update(self, key: str, change: Any) -> Any: ...

    with pytest.raises(TypeError, match="Awaited must be awaited"):
        limited(shop_contract, Awaited(), [Window(2, 60.0)], caller=who)  # type: ignore[arg-type]


def test_a_store_needs_a_caller(shop_contract: Contract) -> None:
    """Whose keys they are is said, or that there is only one tenant; a mark needs a store."""
    with pytest.raises(ValueError, match="single_tenant"):
        install(flask.Flask("shop"), shop_contract, store="memory:")
    app = flask.Flask("shop")
    with app.test_request_context(), pytest.raises(RuntimeError, match="was not called"):
        idempotent_route(lambda: "")()
