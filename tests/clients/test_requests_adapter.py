"""Over any requests session: safe retries and outcomes below it, requests' own answers and
exceptions above it."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
import requests
import trustme
from requests import exceptions as theirs
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

import failwell
from clients.fault_server import PAGE, Act, Server, refusal
from clients.lookups import TAGGED, by_tag, elsewhere
from clients.names import deaf, names
from clients.servers import proxy
from clients.world import API
from failwell.clients.requests import Adapter
from failwell.clients.requests.attempt import FAULTS
from failwell.clients.seam import Account
from failwell.errors import CircuitOpenError
from failwell.settings import Breaker

KEYED = API
UNKEYED = msgspec.structs.replace(API, idempotency=failwell.Idempotency(header=None))
LOST = Act("reset")
BARE = failwell.Policy(breaker=None, governor=None)
"""Retries alone: a breaker and a governor go by the real clock, and waits are not slept here."""

TOKEN = "tp_live_0123456789abcdef"


class Session(requests.Session):
    """A session over our adapter, whose waits are recorded and not slept."""

    def __init__(self, base: str, adapter: HTTPAdapter | None = None, **settings: Any) -> None:
        super().__init__()
        self.trust_env = False
        self.base = base
        self.sleeps: list[float] = []
        ours = Adapter(adapter, **{"contract": KEYED, "policy": BARE, **settings})
        rim = msgspec.structs.replace(ours.seam.rim, sleep=self.sleeps.append)
        ours.seam = msgspec.structs.replace(ours.seam, rim=rim)
        self.mount("http://", ours)
        self.mount("https://", ours)

    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        return super().request(method, self.base + url, **{"timeout": 5.0, **kwargs})


@contextmanager
def session(server: Server, **settings: Any) -> Iterator[Session]:
    with Session(server.url, **settings) as opened:
        yield opened


def account(response: Any) -> Account:
    assert isinstance(response.failwell, Account)
    told: Account = response.failwell
    return told


# ------------------------------------------------------------------------- writes


def test_a_lost_answer_to_an_unkeyed_write_is_not_asked_for_again() -> None:
    """It may have taken effect: it is sent once, and the error says so in both families."""
    with Server([LOST]) as server, session(server, contract=UNKEYED) as api:
        with pytest.raises(theirs.ConnectionError) as caught:
            api.post("/jobs", json={"name": "a"})
        assert (server.done, len(server.requests), server.keys) == (1, 1, [None])
    assert isinstance(caught.value, failwell.APIConnectionError)
    assert caught.value.outcome == "unknown"


def test_a_header_may_be_bytes() -> None:
    """requests takes them; what fails then is told as ever, without the secret in them."""
    with Server([LOST]) as server, session(server, contract=UNKEYED) as api:
        with pytest.raises(failwell.APIConnectionError) as caught:
            api.post("/jobs", headers={"Authorization": f"Bearer {TOKEN}".encode()})
        assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in repr(caught.value.attempts)


def test_a_key_that_is_honoured_makes_it_safe() -> None:
    """The same key goes with both attempts, and the write takes effect once."""
    with Server([LOST], honours_keys=True) as server, session(server) as api:
        response = api.post("/jobs", json={"name": "a"})
        assert response.json() == {"id": "rec_1"}
        assert (server.done, len(server.requests)) == (1, 2)
        assert server.keys[0] == server.keys[1] is not None
    assert [attempt.fault for attempt in account(response).attempts] == ["ConnectionError"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_lost_write_is_found_by_its_tag(stream: bool) -> None:
    """It is sent once; its record comes with the write's own status, and is asked for with the
    write's credential, and nothing else of it."""
    with Server([LOST, TAGGED]) as server, session(server, contract=by_tag()) as api:
        api.headers["Authorization"] = f"Bearer {TOKEN}"
        response = api.post("/jobs", json={"name": "a"}, stream=stream)
    made, looked = server.requests
    word = json.loads(made.body)["tag"]
    assert looked.path == f"/jobs?tag={word}"
    assert looked.headers["authorization"] == f"Bearer {TOKEN}"
    assert not {"content-type", "content-length"} & set(looked.headers)
    assert (response.status_code, response.reason) == (201, "Created")
    assert response.json()["id"] == "rec_1"
    assert (account(response).how, len(account(response).attempts)) == ("found", 1)
    assert server.done == 1


def test_a_write_that_is_not_found_is_unknown() -> None:
    """What is raised is what the write met, and not what the look-up did."""
    gone = refusal(404, "missing")
    with Server([LOST, gone]) as server, session(server, contract=by_tag()) as api:
        with pytest.raises(theirs.ConnectionError) as caught:
            api.post("/jobs", json={"name": "a"})
        assert [seen.method for seen in server.requests] == ["POST", "GET"]
    assert isinstance(caught.value, failwell.APIConnectionError)
    assert caught.value.outcome == "unknown"


def test_an_enforced_name_makes_it_safe() -> None:
    """The server itself refuses a second one: it is looked for, and sent again."""
    with (
        Server([LOST, refusal(404, "missing")]) as server,
        session(server, contract=by_tag(enforced=True)) as api,
    ):
        assert api.post("/jobs", json={"name": "a"}).status_code == 201
        posts = [seen.body for seen in server.requests if seen.method == "POST"]
    assert posts[0] == posts[1]


def test_a_credential_does_not_leave_its_origin() -> None:
    """A look-up that would ask another host is not made."""
    with Server([LOST]) as server, Server() as other:
        with (
            session(server, contract=elsewhere(other.url)) as api,
            pytest.raises(theirs.ConnectionError),
        ):
            api.post("/jobs", json={"name": "a"})
        assert other.requests == []


def test_the_callers_own_key_wins() -> None:
    """A key that the SDK has set goes with all attempts as it is."""
    with Server([LOST], honours_keys=True) as server, session(server) as api:
        api.post("/jobs", json={}, headers={"idempotency-key": "my-own-key-1"})
        assert server.keys == ["my-own-key-1"] * 2


def test_a_bad_key_is_refused_in_both_families() -> None:
    """It is `InvalidRequestError`, and a request exception of requests."""
    with Server() as server, session(server) as api:
        with pytest.raises(theirs.RequestException) as caught:
            api.post("/jobs", headers={"idempotency-key": "two\x07words"})
        assert server.requests == []
    assert isinstance(caught.value, failwell.InvalidRequestError)
    assert (caught.value.response, caught.value.outcome) == (None, "not_started")


def test_a_refused_connection_is_tried_again_even_for_a_write() -> None:
    """Nothing was sent, so nothing was done; at last it is requests' `ConnectionError`."""
    with (
        Server(listening=False) as server,
        session(server, contract=UNKEYED) as api,
        pytest.raises(theirs.ConnectionError) as caught,
    ):
        api.post("/jobs", json={})
    error = caught.value
    assert isinstance(error, failwell.APIConnectionError)
    assert (error.outcome, len(error.attempts)) == ("not_started", 6)
    assert "Max retries" not in str(error)


def test_the_retries_of_the_adapter_below_are_switched_off() -> None:
    """urllib3's own, which send a write again whose answer was lost, do nothing any more."""
    eager = HTTPAdapter(max_retries=Retry(5, read=5, allowed_methods=None))
    with Server([LOST]) as server, session(server, contract=UNKEYED, adapter=eager) as api:
        with pytest.raises(theirs.ConnectionError):
            api.post("/jobs", json={})
        assert len(server.requests) == 1


# ------------------------------------------------------------------- answers >= 400


def test_a_refusal_that_lasts_is_returned() -> None:
    """After the retries the last answer comes back as requests' response, whole and readable."""
    busy = refusal(429, "busy", headers=(("Retry-After", "3"),))
    with Server([busy] * 9) as server, session(server) as api:
        response = api.post("/jobs", json={})
        assert len(server.requests) == 6
    assert min(api.sleeps) >= 3
    assert (response.status_code, response.json()["error"]["code"]) == (429, "busy")
    with pytest.raises(theirs.HTTPError):
        response.raise_for_status()
    told = account(response)
    assert isinstance(told.error, failwell.RateLimitError)
    assert (told.outcome, len(told.attempts)) == ("not_started", 6)


def test_an_outage_that_passes_is_not_seen() -> None:
    """A 503 with `Retry-After` is waited out, and the good answer comes back."""
    away = refusal(503, "unavailable", headers=(("Retry-After", "2"),))
    with Server([away, away]) as server, session(server) as api:
        response = api.get("/jobs/1")
    assert (response.status_code, len(account(response).attempts)) == (200, 2)


def test_a_500_to_an_unkeyed_write_is_returned_at_once() -> None:
    """It is not sent again, and the account says that nobody knows."""
    with Server([refusal(500, "internal", commit=True)]) as server:
        with session(server, contract=UNKEYED) as api:
            response = api.post("/jobs", json={})
        assert len(server.requests) == 1
    assert (response.status_code, account(response).outcome) == (500, "unknown")


def test_a_streamed_refusal_is_returned_readable() -> None:
    """Also where the answer was to be streamed."""
    with (
        Server([refusal(404, "not_found")]) as server,
        session(server) as api,
        api.get("/file", stream=True) as response,
    ):
        assert b"".join(response.iter_content(7)) == response.content
        assert response.json()["error"]["code"] == "not_found"


# -------------------------------------------------------------------------- reads


def test_a_reset_read_is_asked_for_again() -> None:
    """A GET has no effect: it is repeated."""
    with Server([LOST, Act("close"), Act("cut")]) as server, session(server) as api:
        response = api.get("/jobs/1")
        assert len(server.requests) == 4
    assert response.json() == {"read": True}


def test_broken_json_is_asked_for_again() -> None:
    """A GET whose JSON is cut, though its length is right, is repeated."""
    with Server([Act(status=200, body=b'{"read": tr')]) as server, session(server) as api:
        assert api.get("/jobs/1").json() == {"read": True}


@pytest.mark.parametrize(
    ("act", "outcome"),
    [
        (Act(status=201, body=b'{"id": "re'), "applied"),
        (Act(status=200, body=PAGE, content_type="text/html"), "unknown"),
    ],
)
def test_a_write_whose_answer_is_unreadable_is_of_both_families(act: Act, outcome: str) -> None:
    """It is `BadResponseError`, and one of requests' own."""
    with (
        Server([act]) as server,
        session(server, contract=UNKEYED) as api,
        pytest.raises(theirs.InvalidJSONError) as caught,
    ):
        api.post("/jobs", json={})
    assert isinstance(caught.value, failwell.BadResponseError)
    assert caught.value.outcome == outcome


def test_a_page_is_no_stream_that_a_write_was_promised() -> None:
    """Also with `stream=True` an answer that is by its type not JSON is not handed on."""
    page = Act(status=200, body=PAGE, content_type="text/html")
    with (
        Server([page]) as server,
        session(server, contract=UNKEYED) as api,
        pytest.raises(theirs.InvalidJSONError),
    ):
        api.post("/jobs", json={}, stream=True)


def test_a_cut_answer_to_a_write_has_taken_effect() -> None:
    """The answer began with 201 and broke off: the record is still to be read."""
    with Server([Act("cut")]) as server, session(server, contract=UNKEYED) as api:
        with pytest.raises(theirs.ChunkedEncodingError) as caught:
            api.post("/jobs", json={})
        assert len(server.requests) == 1
    assert isinstance(caught.value, failwell.APIConnectionError)
    assert caught.value.outcome == "applied"


def test_a_file_passes_through() -> None:
    """What does not call itself JSON is handed on as it is."""
    file = Act(status=200, body=b"PAR1", content_type="application/octet-stream")
    with Server([file]) as server, session(server) as api:
        assert api.get("/file").content == b"PAR1"


def test_a_streamed_file_that_breaks_off_is_of_both_families() -> None:
    """It is not asked for again, for part of it is in the caller's hands."""
    cut = Act("cut", status=200, body=b"x" * 100, content_type="application/octet-stream")
    with Server([cut]) as server, session(server) as api:
        with (
            api.get("/file", stream=True) as response,
            pytest.raises(theirs.ChunkedEncodingError) as caught,
        ):
            list(response.iter_content(10))
        assert len(server.requests) == 1
    assert isinstance(caught.value, failwell.APIConnectionError)


@pytest.mark.parametrize(
    "act",
    [
        Act(headers=(("Content-Length", "3"), ("Content-Length", "4"))),
        Act(status=103, body=b""),
        Act(status=101, body=b""),
    ],
    ids=["two lengths", "early hints", "switching protocols"],
)
def test_an_answer_that_is_none_proves_nothing(act: Act) -> None:
    """Two lengths, which requests calls an invalid header, and an interim answer in the place of
    the final one: the request was sent, and may have taken effect. Its connection is given up."""
    with Server([act]) as server, session(server, contract=UNKEYED) as api:
        with pytest.raises(theirs.RequestException) as caught:
            api.post("/jobs", json={"name": "a"})
        assert (server.done, len(server.requests)) == (1, 1)
        assert api.post("/jobs", json={"name": "b"}).json() == {"id": "rec_2"}
        assert server.connections == 2
    assert isinstance(caught.value, failwell.APIConnectionError)
    assert caught.value.outcome == "unknown"


def test_a_stream_that_breaks_off_tells_all_attempts() -> None:
    """Those before the one whose answer was handed out, too."""
    page = Act(status=502, body=PAGE, content_type="text/html")
    cut = Act("cut", status=200, body=b"x" * 100, content_type="application/octet-stream")
    with (
        Server([page, cut]) as server,
        session(server) as api,
        api.get("/file", stream=True) as response,
        pytest.raises(failwell.APIConnectionError) as caught,
    ):
        list(response.iter_content(10))
    assert [(a.number, a.status) for a in caught.value.attempts] == [(1, 502), (2, 200)]


# ------------------------------------------------------------------------- bodies


def _generator() -> Iterator[bytes]:
    yield b"abc"
    yield b"def"


def test_a_body_that_can_be_read_once_is_sent_once() -> None:
    """A generator is never sent half-read or empty: the fault is raised instead."""
    with Server([LOST]) as server, session(server) as api:
        with pytest.raises(theirs.ConnectionError):
            api.put("/file", data=_generator())
        assert [seen.body for seen in server.requests] == [b"abcdef"]


@pytest.mark.parametrize(
    ("make", "sent"),
    [
        (lambda: io.BytesIO(b"0123456789"), b"0123456789"),
        (lambda: "grüße", "grüße".encode()),
        (lambda: b"bytes", b"bytes"),
        (lambda: {"form": "field"}, b"form=field"),
    ],
)
def test_a_body_that_can_be_read_again_is_sent_again(make: Callable[[], Any], sent: bytes) -> None:
    """Files that can seek, text, bytes and forms are sent whole on each attempt."""
    with Server([LOST]) as server, session(server) as api:
        api.put("/file", data=make())
        assert [seen.body for seen in server.requests] == [sent] * 2


def test_a_file_is_sent_again_from_where_it_stood() -> None:
    """Not from its beginning, if that had been read before."""
    file = io.BytesIO(b"0123456789")
    file.seek(2)
    with Server([LOST]) as server, session(server) as api:
        api.put("/file", data=file)
        assert [seen.body for seen in server.requests] == [b"23456789"] * 2


def test_a_form_with_files_is_sent_again_whole() -> None:
    """A multipart body is the same on each attempt."""
    with Server([LOST]) as server, session(server) as api:
        api.put("/file", files={"blob": ("a.txt", io.BytesIO(b"0123"))})
        first, second = [seen.body for seen in server.requests]
    assert first == second
    assert b"0123" in first


def test_an_api_that_acts_on_whole_requests_has_not_begun() -> None:
    """A body that was not handed over whole did nothing, where the contract says so."""
    contract = msgspec.structs.replace(UNKEYED, whole_requests=True)
    cut = Act("reset", reads=False, commit=False)
    with Server([cut]) as server, session(server, contract=contract) as api:
        response = api.post("/file", data=b"x" * 40_000_000)
    assert response.status_code == 201
    assert [attempt.outcome for attempt in account(response).attempts] == ["not_started"]


# ----------------------------------------------------------------------- deadlines


@pytest.mark.parametrize("how", ["hang", "trickle_headers", "trickle_body"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_deadline_bounds_the_inside_of_an_attempt(how: Any, stream: bool) -> None:
    """Silence and trickling bytes alike end in failwell's deadline error."""
    act = Act(how, status=200, headers=(("Content-Length", "5000"),))
    policy = msgspec.structs.replace(BARE, deadline=0.3)
    with (
        Server([act] * 3) as server,
        session(server, policy=policy) as api,
        pytest.raises(theirs.RequestException) as caught,
    ):
        _ = api.get("/jobs/1", stream=stream).content
    assert isinstance(caught.value, failwell.DeadlineExceededError)


def test_many_addresses_do_not_outlast_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with four addresses that do not answer has the time of one; nothing was sent."""
    policy = msgspec.structs.replace(BARE, deadline=0.4)
    with deaf() as port, Session(f"http://many.test:{port}", policy=policy) as api:
        names(monkeypatch, *((f"127.0.0.{last}", port) for last in (1, 2, 3, 4)))
        with pytest.raises(theirs.Timeout) as caught:
            api.post("/jobs", json={}, timeout=30)
    assert isinstance(caught.value, failwell.DeadlineExceededError)
    assert caught.value.outcome == "not_started"


def test_the_address_that_answers_is_found_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that refuses takes no time, and the next one is asked."""
    policy = msgspec.structs.replace(BARE, deadline=2.0)
    with Server() as server:
        names(monkeypatch, ("127.0.0.2", server.port), ("127.0.0.1", server.port))
        with Session(f"http://many.test:{server.port}", policy=policy) as api:
            assert api.get("/jobs").status_code == 200


def test_nothing_is_looked_for_after_the_deadline() -> None:
    """requests takes no time-out of 0: the look-up fails, and the call ends as it would have."""
    policy = msgspec.structs.replace(BARE, deadline=0.3)
    with Server([Act("hang")]) as server, session(server, policy=policy, contract=by_tag()) as api:
        with pytest.raises(theirs.RequestException) as caught:
            api.post("/jobs", json={"name": "a"})
        assert len(server.requests) == 1
    assert isinstance(caught.value, failwell.DeadlineExceededError)
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize("timeout", [0.1, (5.0, 0.1)])
def test_a_time_out_of_the_callers_own_is_of_both_families(timeout: Any) -> None:
    """`timeout=` works as ever, for each attempt."""
    with (
        Server([Act("hang")]) as server,
        session(server, contract=UNKEYED) as api,
        pytest.raises(theirs.ReadTimeout) as caught,
    ):
        api.post("/jobs", json={}, timeout=timeout)
    assert isinstance(caught.value, failwell.APITimeoutError)
    assert caught.value.outcome == "unknown"


# ------------------------------------------------------------------ TLS and proxies


def test_tls_works_and_a_distrusted_certificate_sends_nothing(tmp_path: Any) -> None:
    """The handshake comes before the request: nothing was done."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(trusted)
    policy = msgspec.structs.replace(BARE, retry=failwell.Retry(max_retries=1), deadline=5)
    with (
        Server([LOST], ssl=context) as server,
        session(server, policy=policy) as api,
    ):
        assert api.get("/jobs/1", verify=str(trusted)).json() == {"read": True}
        with pytest.raises(theirs.SSLError) as caught:
            api.post("/jobs", json={})
    assert isinstance(caught.value, failwell.APIConnectionError)
    assert caught.value.outcome == "not_started"


def test_a_proxy_that_is_away_sends_nothing() -> None:
    """The proxy could not be reached, and so could not the API."""
    with (
        Server() as server,
        session(server, contract=UNKEYED) as api,
        pytest.raises(theirs.ProxyError) as caught,
    ):
        api.post("/jobs", json={}, proxies={"http": "http://127.0.0.1:1"})
    assert isinstance(caught.value, failwell.APIConnectionError)
    assert caught.value.outcome == "not_started"


def test_a_proxy_works() -> None:
    """As it does without us."""
    with Server([LOST]) as server, proxy() as (url, seen), session(server) as api:
        assert api.get("/jobs/1", proxies={"http": url}).json() == {"read": True}
    assert len(seen) >= 1


# ---------------------------------------------------------------- what errors carry


def _failure() -> Any:
    with Server([LOST]) as server, session(server, contract=UNKEYED) as api:
        api.headers["X-API-Key"] = TOKEN
        with pytest.raises(theirs.ConnectionError) as caught:
            api.post("/jobs?token=" + TOKEN, json={"password": "hunter22"})
    return caught.value


def test_it_pickles_and_copies() -> None:
    """The class is made on the fly, and found again in another process by its two parents."""
    error = _failure()
    for same in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(same) is type(error)
        assert same == error
        assert (same.outcome, same.response) == ("unknown", None)


def test_it_goes_by_requests_name_and_tells_the_story() -> None:
    """An SDK that prints the class prints requests'; the notes tell what failwell knows."""
    error = _failure()
    assert type(error).__name__ == "ConnectionError"
    assert "outcome: unknown" in error.__notes__[0]
    assert type(error) is type(_failure())


def test_nothing_secret_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    """No text, note, log line or pickle holds the credential or the password."""
    with caplog.at_level(logging.INFO, "failwell"):
        error = _failure()
    shown = [str(error), repr(error), *error.__notes__, caplog.text]
    shown.append(pickle.dumps(error).decode("latin-1"))
    for text in shown:
        assert TOKEN not in text
        assert "hunter22" not in text


def test_no_request_and_no_response_hang_on_it() -> None:
    """As on a fault of requests' own, which SDKs look at for a response: there is none, and so no
    header of it either. Those of requests itself know the request; ours tell of it."""
    error = _failure()
    assert (error.request, error.response) == (None, None)
    assert TOKEN not in repr(vars(error))
    assert error.failure.url.endswith("/jobs?token=[redacted]")


def test_a_session_still_pickles() -> None:
    """As requests' own do."""
    with Session("http://127.0.0.1:1") as api:
        again = pickle.loads(pickle.dumps(api))
    assert isinstance(again.get_adapter("https://x"), Adapter)


def test_a_redirected_write_is_a_call_of_its_own() -> None:
    """The session makes it, above us: it has a key of its own."""
    moved = Act(status=307, body=b"", headers=(("Location", "/there"),), commit=False)
    with Server([moved], honours_keys=True) as server, session(server) as api:
        response = api.post("/jobs", json={"name": "a"})
        assert [seen.path for seen in server.requests] == ["/jobs", "/there"]
        assert None not in server.keys
        assert len(set(server.keys)) == 2
    assert response.status_code == 201


def test_a_write_in_doubt_is_redirected_under_its_key() -> None:
    """Its first answer was lost: what follows must be told from a new write."""
    moved = Act(status=307, body=b"", headers=(("Location", "/there"),), commit=False)
    with Server([LOST, moved], honours_keys=True) as server, session(server) as api:
        assert api.post("/jobs", json={"name": "a"}).status_code == 201
        assert [seen.path for seen in server.requests] == ["/jobs", "/jobs", "/there"]
        assert (server.done, len(set(server.keys))) == (1, 1)


def test_a_write_in_doubt_is_authenticated_under_its_key() -> None:
    """The same where an auth scheme answers the refusal of its second attempt."""
    challenge = (("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"'),)
    asks = refusal(401, "no_auth", headers=challenge)
    with Server([LOST, asks], honours_keys=True) as server, session(server) as api:
        digest = requests.auth.HTTPDigestAuth("u", "p4ssw0rd")
        assert api.post("/jobs", json={"name": "a"}, auth=digest).status_code == 201
        assert (server.done, len(server.keys), len(set(server.keys))) == (1, 3, 1)


def test_a_callers_own_retry_of_a_write_in_doubt_is_no_second_write() -> None:
    """The same prepared request, sent again: it goes under the key that is in doubt. One of which
    nothing is in doubt is a new write each time."""
    policy = msgspec.structs.replace(BARE, retry=None)
    with Server([LOST], honours_keys=True) as server, session(server, policy=policy) as api:
        prepared = api.prepare_request(requests.Request("POST", server.url + "/jobs", json={}))
        with pytest.raises(theirs.ConnectionError):
            api.send(prepared)
        assert api.send(prepared).status_code == 201
        assert (server.done, len(set(server.keys))) == (1, 1)
        fresh = api.prepare_request(requests.Request("POST", server.url + "/jobs", json={}))
        assert [api.send(fresh).status_code for _ in range(2)] == [201, 201]
        assert server.done == 3


def test_an_auth_schemes_second_request_passes_through_us() -> None:
    """Digest authentication answers a 401 over the response's own connection."""
    challenge = (("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"'),)
    asks = Act(status=401, body=b'{"error": {"code": "no_auth"}}', headers=challenge)
    with Server([asks, LOST]) as server, session(server) as api:
        response = api.get("/jobs/1", auth=requests.auth.HTTPDigestAuth("u", "p4ssw0rd"))
        assert len(server.requests) == 3
    assert response.status_code == 200


def test_hooks_are_told() -> None:
    """Events are those of `failwell.Client`."""
    events: list[Any] = []
    with Server([LOST]) as server, session(server, hooks=[events.append]) as api:
        api.get("/jobs/1")
    assert [type(event).__name__ for event in events] == ["AttemptFailed", "Recovered"]


def test_an_origin_that_is_down_is_not_asked() -> None:
    """The circuit opens for all who call that origin; the error is a `ConnectionError`, too."""
    policy = failwell.Policy(retry=None, breaker=Breaker(failures=2))
    away = refusal(503, "unavailable")
    with Server([away] * 9) as server, session(server, policy=policy) as api:
        assert [api.get("/jobs/1").status_code for _ in range(2)] == [503, 503]
        with pytest.raises(theirs.ConnectionError) as caught:
            api.get("/jobs/1")
        assert len(server.requests) == 2
    assert isinstance(caught.value, CircuitOpenError)
    assert pickle.loads(pickle.dumps(caught.value)) == caught.value


def test_every_exception_of_requests_has_its_meaning() -> None:
    """Each that there is, now or later, finds a row in the table by its parents."""
    for member in vars(theirs).values():
        if isinstance(member, type) and issubclass(member, theirs.RequestException):
            assert any(cls in FAULTS for cls in member.__mro__)
