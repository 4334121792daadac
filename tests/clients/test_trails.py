"""One call above the seam that is several below it: what is known of the first goes along."""

from __future__ import annotations

import contextlib
import io
import pickle
from collections.abc import AsyncIterator, Iterator
from threading import Thread
from typing import Any

import httpx
import msgspec
import pytest
import requests

import failwell
from clients.fault_server import Act, Server, refusal
from clients.lookups import by_tag
from clients.scripts import KINDS, Process, account
from clients.world import API
from failwell.clients.httpx import Transport
from failwell.clients.seam import Asked, Left, Trail
from failwell.clients.seam.doubts import Doubts
from failwell.clients.seam.trail import LONGEST_HISTORY, MOMENTS
from failwell.model import Attempt, Outcome, Request, Sent

LOST = Act("reset")
UNSENT = Act("reset", commit=False)
REFUSED = refusal(422, "invalid")
POLICY = failwell.Policy(
    retry=failwell.Retry(base=0.0, fast_base=0.0), budget=None, breaker=None, governor=None
)
ONCE = msgspec.structs.replace(POLICY, retry=None)
UNKEYED = msgspec.structs.replace(API, idempotency=failwell.Idempotency(header=None))
CHALLENGE = refusal(
    401, "no_auth", headers=(("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"'),)
)


def moved(status: int, where: str = "/there") -> Act:
    return Act(status=status, body=b"", headers=(("Location", where),), commit=False)


class Caller:
    """A user of one of the libraries, over failwell's transport or adapter."""

    def __init__(self, kind: str, server: Server, **settings: Any) -> None:
        self.kind = kind
        self.process: Process = KINDS[kind](server.url, **{"policy": POLICY, **settings})
        if kind == "requests":
            self.process.client.mount("http://", self.process.seam)

    def send(self, method: str = "POST", path: str = "/records", **how: Any) -> Any:
        """What the library makes of it, redirects followed: an answer, or failwell's error."""
        follows = {} if self.kind == "requests" else {"follow_redirects": True}
        body = {} if method in ("GET", "DELETE") else {"json": {"name": "a"}}
        return self.process.send(method, path, **{**follows, **body, **how})

    def streamed(self) -> Any:
        """What comes of reading the answer; httpx's `send` has read it by then."""
        if self.kind != "requests":
            return self.send()
        try:
            return self.send(stream=True).content
        except failwell.FailwellError as failed:
            return failed

    def digest(self) -> Any:
        of = requests.auth.HTTPDigestAuth if self.kind == "requests" else httpx.DigestAuth
        return of("u", "p4ssw0rd")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    return request.param  # type: ignore[no-any-return]


def told(answer: Any) -> tuple[Outcome | None, list[int | None]]:
    """What is known of the write, and the status of each attempt that failed."""
    if not isinstance(answer, failwell.FailwellError):
        answer = account(answer)
    attempts = answer.attempts
    assert [attempt.number for attempt in attempts] == list(range(1, len(attempts) + 1))
    return answer.outcome, [attempt.status for attempt in attempts]


@pytest.fixture
def caller(kind: str) -> Iterator[Any]:
    """Makes callers, and closes them."""
    made: list[Caller] = []

    def make(server: Server, **settings: Any) -> Caller:
        made.append(Caller(kind, server, **settings))
        return made[-1]

    yield make
    for one in made:
        one.process.close()


# ------------------------------------------------------------------------- redirects


@pytest.mark.parametrize("status", [307, 308])
def test_a_refusal_after_a_redirect_does_not_take_a_lost_answer_back(
    caller: Any, status: int
) -> None:
    """The first hop may have been done; the history is that of the whole write."""
    with Server([LOST, moved(status), REFUSED], honours_keys=True) as server:
        answer = caller(server).send()
        assert (server.done, len(set(server.keys))) == (1, 1)
    assert answer.status_code == 422
    assert told(answer) == ("unknown", [None, 422])
    assert account(answer).error.sent.key == server.keys[0]


def test_an_idempotent_write_needs_no_key_for_that(caller: Any) -> None:
    """A PUT carries none, and is known by the request that was redirected."""
    with Server([LOST, moved(307), REFUSED]) as server:
        assert told(caller(server, contract=UNKEYED).send("PUT")) == ("unknown", [None, 422])


def test_a_fault_after_a_redirect_is_raised_as_the_whole_writes(caller: Any) -> None:
    """Nobody listens where it was sent: the error is of both families, and remembers."""
    with Server(listening=False) as nobody, Server([LOST, moved(307, nobody.url)]) as server:
        failed = caller(server).send()
    assert isinstance(failed, failwell.APIConnectionError)
    outcome, statuses = told(failed)
    assert (outcome, statuses[0], len(statuses)) == ("unknown", None, 7)
    assert told(pickle.loads(pickle.dumps(failed))) == (outcome, statuses)


def test_a_delete_that_is_gone_where_it_was_sent_has_taken_effect(caller: Any) -> None:
    """The answer resolves what the hop before had left open, as it does without a redirect."""
    with Server([LOST, moved(307), refusal(404, "not_found")]) as server:
        assert told(caller(server).send("DELETE"))[0] == "applied"


def test_a_redirect_without_a_doubt_leaves_none(caller: Any) -> None:
    """The refusal is the whole truth."""
    with Server([moved(307), REFUSED]) as server:
        assert told(caller(server).send()) == ("not_started", [422])


def test_a_doubt_of_the_second_hop_goes_on_under_its_own_key(caller: Any) -> None:
    """The first was in none, and had another."""
    with Server([moved(307), LOST, moved(307), REFUSED], honours_keys=True) as server:
        assert told(caller(server).send()) == ("unknown", [None, 422])
        first, *others = server.keys
    assert first not in others
    assert len(set(others)) == 1


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_read_that_a_redirect_makes_tells_of_the_write(caller: Any, status: int) -> None:
    """The write itself was answered by nothing but where to look."""
    with Server([moved(status), refusal(404, "not_found")]) as server:
        answer = caller(server).send()
        assert [seen.method for seen in server.requests] == ["POST", "GET"]
    assert told(answer) == ("unknown", [404])
    assert account(answer).error.sent.method == "POST"


def test_a_file_that_a_redirect_leads_to_and_that_breaks_tells_of_the_write(caller: Any) -> None:
    """As it is read, the error still knows what it followed."""
    file = Act("cut", status=200, body=b"x" * 100, content_type="application/octet-stream")
    with Server([LOST, moved(303), file], honours_keys=True) as server:
        assert told(caller(server).streamed()) == ("unknown", [None, 200])


def test_what_went_well_at_last_has_the_whole_history(caller: Any) -> None:
    """And the doubt is over: the same call, made anew, is another write."""
    with Server([LOST, moved(307)], honours_keys=True) as server:
        one = caller(server)
        assert told(one.send()) == (None, [None])
        assert told(one.send()) == (None, [])
        assert len(set(server.keys)) == 2


def test_a_tag_goes_along(caller: Any) -> None:
    """At an API without keys the second hop may be the first's record: it has the same tag."""
    missing = refusal(404, "not_found")
    with Server([UNSENT, missing, moved(307), LOST, missing]) as server:
        answer = caller(server, contract=by_tag(enforced=True)).send()
        assert answer.status_code == 201
        bodies = {seen.body for seen in server.requests if seen.method == "POST"}
    assert len(bodies) == 1


def test_a_key_that_the_caller_gave_serves_all_hops(caller: Any) -> None:
    """They are one write: the second is not refused for being another."""
    with Server([moved(307)], honours_keys=True) as server:
        with failwell.options(idempotency_key="order-17"):
            assert caller(server).send().status_code == 201
        assert server.keys == ["order-17", "order-17"]


def test_an_address_that_cannot_be_does_not_take_it_back(caller: Any) -> None:
    """What is refused before it is sent is refused as the whole write."""
    nowhere = moved(307, f"http://{'a' * 70}.test/")
    with Server([LOST, nowhere], honours_keys=True) as server:
        assert told(caller(server).send())[0] == "unknown"


# --------------------------------------------------------------------------- bodies


async def slowly(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def test_a_body_that_can_be_read_once_does_not_follow_a_redirect(caller: Any, kind: str) -> None:
    """Left to itself, requests would send it empty; what had not been done is said not to be."""
    pieces = slowly(b"ab", b"cd") if kind == "httpx-async" else iter([b"ab", b"cd"])
    name = "data" if kind == "requests" else "content"
    with Server([moved(307)]) as server:
        failed = caller(server).send(**{"json": None, name: pieces})
        assert [seen.body for seen in server.requests] == [b"abcd"]
    assert isinstance(failed, failwell.InvalidRequestError)
    assert failed.outcome == "not_started"
    assert failed.sent.url.endswith("/records")


@pytest.mark.parametrize("kind", ["httpx", "requests"])
def test_a_file_follows_a_redirect_whole(caller: Any, kind: str) -> None:
    """Left to itself, httpx would send nothing of it."""
    file = io.BytesIO(b"a line")
    name = "data" if kind == "requests" else "content"
    with Server([LOST, moved(307)], honours_keys=True) as server:
        assert caller(server).send(**{"json": None, name: file}).status_code == 201
        assert [seen.body for seen in server.requests] == [b"a line"] * 3


def test_a_form_follows_a_redirect(caller: Any) -> None:
    """It is the same in every byte."""
    with Server([LOST, moved(307)], honours_keys=True) as server:
        form = {"files": {"blob": ("a.txt", b"0123")}, "data": {"last": "true"}}
        assert caller(server).send(**{"json": None, **form}).status_code == 201
        first, *others = [seen.body for seen in server.requests]
    assert b"0123" in first
    assert others == [first, first]


# ---------------------------------------------------------------------- auth schemes


def test_a_refusal_after_a_challenge_does_not_take_a_lost_answer_back(caller: Any) -> None:
    """The request with credentials is refused; the one without may have been done."""
    with Server([LOST, CHALLENGE, REFUSED], honours_keys=True) as server:
        one = caller(server)
        answer = one.send(auth=one.digest())
        assert len(set(server.keys)) == 1
    assert told(answer) == ("unknown", [None, 401, 422])


def test_a_doubt_behind_a_challenge_goes_on_to_a_redirect(caller: Any) -> None:
    """requests makes the third request of the first one's copy."""
    with Server([CHALLENGE, LOST, moved(307), REFUSED], honours_keys=True) as server:
        one = caller(server)
        answer = one.send(auth=one.digest())
        assert len(set(server.keys[1:])) == 1
    assert (told(answer)[0], told(answer)[1][-1]) == ("unknown", 422)


# ------------------------------------------------------------ callers that retry themselves


def test_a_retry_of_the_callers_own_is_known_by_its_key(caller: Any) -> None:
    """An SDK makes each request anew, under one key: its last error is that of the whole write."""
    keyed = {"headers": {"Idempotency-Key": "order-17"}}
    with Server([LOST, REFUSED], honours_keys=True) as server:
        one = caller(server, policy=ONCE)
        assert told(one.send(**keyed)) == ("unknown", [None])
        assert told(one.send(**keyed)) == ("unknown", [None, 422])
        assert told(one.send(**keyed)) == (None, [None, 422])
        assert server.done == 1


class Retrying(httpx.BaseTransport):
    """A transport as SDKs have above the one that is theirs to give: it sends a request again."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with contextlib.suppress(httpx.TransportError):
            return self._inner.handle_request(request)
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


@pytest.mark.parametrize("contract", [API, UNKEYED], ids=["keyed", "unkeyed"])
def test_a_transport_that_sends_it_again_is_told_of_the_whole_write(
    contract: failwell.Contract,
) -> None:
    """The last answer is a refusal, and nobody knows of the first request."""
    ours = Transport(contract=contract, policy=ONCE)
    with (
        Server([LOST, REFUSED]) as server,
        httpx.Client(transport=Retrying(ours), trust_env=False) as client,
    ):
        answer = client.post(server.url + "/records", json={"name": "a"})
        assert len(set(server.keys)) == 1
    assert told(answer) == ("unknown", [None, 422])


@pytest.mark.parametrize(
    "other",
    [
        {"headers": {"Idempotency-Key": "order-18"}},
        {"path": "/payments"},
        {"json": {"name": "b"}},
        {"method": "PATCH"},
        {"headers": {"Idempotency-Key": "order-17", "Authorization": "Bearer another"}},
    ],
)
def test_another_write_is_not_in_doubt_for_that(caller: Any, other: Any) -> None:
    """Another key, URL, body, method or credential is another write."""
    keyed = {"headers": {"Idempotency-Key": "order-17"}}
    with Server([LOST, REFUSED], honours_keys=True) as server:
        one = caller(server, policy=ONCE)
        one.send(**keyed)
        assert told(one.send(**{**keyed, **other})) == ("not_started", [422])


def test_a_write_of_another_adapter_is_not_in_doubt_for_that(caller: Any) -> None:
    """What one knows, it alone knows."""
    keyed = {"headers": {"Idempotency-Key": "order-17"}}
    with Server([LOST, REFUSED], honours_keys=True) as server:
        caller(server, policy=ONCE).send(**keyed)
        assert told(caller(server, policy=ONCE).send(**keyed)) == ("not_started", [422])


def test_a_prepared_request_is_a_new_write_once_it_went_well() -> None:
    """After a redirect, too: it is not sent under a key that is used up."""
    with Server([LOST, moved(307)], honours_keys=True) as server:
        one = Caller("requests", server)
        asked = requests.Request("POST", server.url + "/records", json={"name": "a"}).prepare()
        for _ in range(2):
            assert one.process.client.send(asked).status_code == 201
        one.process.close()
        assert server.done == 2


def test_a_response_whose_write_is_in_doubt_still_pickles() -> None:
    """What lies on a request goes with it, and is no secret."""
    with Server([LOST, REFUSED], honours_keys=True) as server:
        one = Caller("requests", server)
        one.process.client.headers["Authorization"] = "Bearer s3cr3t-0123456789"
        answer = one.send()
        one.process.close()
    again = pickle.loads(pickle.dumps(answer))
    assert again.status_code == 422
    assert "s3cr3t" not in repr(again.request.hooks)


# ------------------------------------------------------- requests that their caller changes


def lost_and_kept(one: Caller, server: Server) -> requests.PreparedRequest:
    """A prepared request whose answer was lost."""
    asked = requests.Request("POST", server.url + "/records", json={"name": "a"}).prepare()
    with pytest.raises(failwell.FailwellError):
        one.process.client.send(asked)
    return asked


def elsewhere(asked: Any, server: Server) -> None:
    asked.url = server.url + "/payments"


def with_another_body(asked: Any, server: Server) -> None:
    asked.prepare_body(None, None, json={"name": "b"})


def with_a_file(asked: Any, server: Server) -> None:
    asked.prepare_body(io.BytesIO(b"b"), None)


def as_a_put(asked: Any, server: Server) -> None:
    asked.method = "PUT"


def as_a_read(asked: Any, server: Server) -> None:
    asked.prepare_method("GET")


CHANGES = [elsewhere, with_another_body, with_a_file, as_a_put, as_a_read]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("copies", [False, True], ids=["changed", "copied"])
def test_a_prepared_request_that_was_changed_is_another_write(change: Any, copies: bool) -> None:
    """It is neither in doubt for the one before, nor does it go under its key."""
    with Server([LOST, REFUSED], honours_keys=True) as server:
        one = Caller("requests", server, policy=ONCE)
        asked = lost_and_kept(one, server)
        asked = asked.copy() if copies else asked
        change(asked, server)
        answer = one.process.client.send(asked)
        one.process.close()
        keys = [seen.headers.get("idempotency-key") for seen in server.requests]
    assert keys[0] != keys[1]
    assert told(answer)[1] == [422]
    assert told(answer)[0] == (None if change is as_a_read else "not_started")


def test_the_doubt_of_a_template_outlives_its_copies() -> None:
    """Another write that was made of it says nothing of it, whether it went well or was lost."""
    with Server([LOST, Act(), LOST, REFUSED], honours_keys=True) as server:
        one = Caller("requests", server, policy=ONCE)
        template = lost_and_kept(one, server)
        copy = template.copy()
        with_another_body(copy, server)
        assert one.process.client.send(copy).status_code == 201
        with pytest.raises(failwell.FailwellError):
            one.process.client.send(copy)
        assert told(one.process.client.send(template)) == ("unknown", [None, 422])
        one.process.close()
    first, second, third, last = server.keys
    assert first == last
    assert len({first, second, third}) == 3


@pytest.mark.parametrize("status", [307, 308])
def test_what_was_redirected_is_known_by_what_was_first_asked_for(status: int) -> None:
    """Its caller has that request, and sends it again where a hop was lost."""
    with Server([moved(status), LOST, REFUSED], honours_keys=True) as server:
        one = Caller("requests", server, policy=ONCE)
        asked = lost_and_kept(one, server)
        assert told(one.process.client.send(asked)) == ("unknown", [None, 422])
        one.process.close()


@pytest.mark.parametrize("change", [elsewhere, with_another_body])
def test_what_a_redirect_does_not_lead_to_is_another_write(change: Any) -> None:
    """A redirect that nobody followed leads to one place, with the body that was there."""
    with Server([LOST, moved(307), REFUSED], honours_keys=True) as server:
        one = Caller("requests", server)
        asked = requests.Request("POST", server.url + "/records", json={"name": "a"}).prepare()
        assert one.process.client.send(asked, allow_redirects=False).status_code == 307
        change(asked, server)
        assert told(one.process.client.send(asked)) == ("not_started", [422])
        one.process.close()


@pytest.mark.parametrize(
    "where", ["/a%20b?c=%7e#d", "there", "?x=1", "/a/../b", "//{host}/x", "/\u00c3\u00a9"]
)
def test_a_redirect_is_followed_however_its_target_is_written(caller: Any, where: str) -> None:
    """Quoted, relative or odd: libraries write it anew, and the doubt goes along."""

    def leads(seen: Any) -> Act:
        return moved(307, where.replace("{host}", seen.headers["host"]))

    with Server([LOST, leads, REFUSED], honours_keys=True) as server:
        assert told(caller(server).send()) == ("unknown", [None, 422])


def test_an_httpx_request_that_was_changed_is_another_write() -> None:
    """A transport above may do that between two attempts of its own."""
    ours = Transport(contract=API, policy=ONCE)
    with (
        Server([LOST, REFUSED]) as server,
        httpx.Client(transport=ours, trust_env=False) as client,
    ):
        asked = httpx.Request("POST", server.url + "/records", json={"name": "a"})
        with pytest.raises(httpx.ReadError):
            client.send(asked)
        asked.url = httpx.URL(server.url + "/payments")
        assert told(client.send(asked)) == ("not_started", [422])
        assert len(set(server.keys)) == 2


# ------------------------------------------------------- transports below that try again


class Stubborn(httpx.BaseTransport):
    """A transport that tries a second time by itself, and finds nobody."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            raise httpx.ReadError("reset")
        except httpx.ReadError:
            raise httpx.ConnectError("refused")  # noqa: B904


class Silent(httpx.BaseTransport):
    """One that tries a second time once it has forgotten why, over httpx's own."""

    def __init__(self) -> None:
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with contextlib.suppress(httpx.ReadError):
            return self._inner.handle_request(request)
        raise httpx.ConnectError("refused")

    def close(self) -> None:
        self._inner.close()


class Deaf(httpx.BaseTransport):
    """A transport that finds nobody."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")


@pytest.mark.parametrize(("below", "outcome"), [(Stubborn, "unknown"), (Deaf, "not_started")])
def test_a_last_refused_connection_does_not_hide_a_lost_answer(below: Any, outcome: str) -> None:
    """What it was raised in the midst of counts, but not what the caller was dealing with."""
    ours = Transport(below(), contract=API, policy=ONCE)
    with httpx.Client(transport=ours) as client:
        try:
            raise httpx.ReadError("the caller's own")
        except httpx.ReadError:
            with pytest.raises(failwell.FailwellError) as caught:
                client.post("http://a.test/records", json={"name": "a"})
    assert caught.value.outcome == outcome


def test_a_lost_answer_that_a_transport_below_forgot_is_known_by_its_trace() -> None:
    """httpcore tells of each request that it begins; a trace of the caller's own goes on."""
    told: list[str] = []
    ours = Transport(Silent(), contract=API, policy=ONCE)
    with Server([LOST]) as server, httpx.Client(transport=ours) as client:
        trace = {"trace": lambda event, info: told.append(event)}
        with pytest.raises(failwell.FailwellError) as caught:
            client.post(server.url + "/records", json={"name": "a"}, extensions=trace)
    assert caught.value.outcome == "unknown"
    assert "http11.send_request_headers.started" in told


def test_a_body_that_fails_to_connect_was_begun_all_the_same() -> None:
    """The fault is of its source, and its first piece is on its way."""

    def relayed() -> Iterator[bytes]:
        yield b"row"
        raise httpx.ConnectError("the source is down")

    ours = Transport(contract=API, policy=ONCE)
    with (
        Server() as server,
        httpx.Client(transport=ours, trust_env=False) as client,
        pytest.raises(failwell.FailwellError) as caught,
    ):
        client.post(server.url + "/records", content=relayed())
    assert caught.value.outcome == "unknown"


# ------------------------------------------------------------------------ what is kept


SENT = Sent(method="POST", url="http://a/x", at=5.0, key="k")
ASKED = Request(method="POST", url="http://a/x", body=b"{}", key="k")
DOUBT = Trail(sent=SENT, left=5.0, outcome=Outcome.UNKNOWN)
SAME = Asked("POST", "http://a/x", b"{}", None)


def test_a_doubt_is_over_when_the_key_is() -> None:
    """Without a key, after moments: who sends the same then means another write."""
    retention = API.idempotency.retention
    assert DOUBT.holds(API, 5.0 + retention - 1)
    assert not DOUBT.holds(API, 5.0 + retention)
    unkeyed = msgspec.structs.replace(DOUBT, sent=msgspec.structs.replace(SENT, key=None))
    assert unkeyed.holds(API, 5.0 + MOMENTS - 1)
    assert not unkeyed.holds(API, 5.0 + MOMENTS)
    assert Left(DOUBT, marks=frozenset({SAME.mark})).found(API, SAME) is None
    assert Left().found(API, SAME) is None


def test_a_history_is_bounded() -> None:
    """The last attempts are kept, under their numbers."""
    attempts = tuple(
        Attempt(number=n, method="POST", url="http://a/x", at=0.0, elapsed=0.0)
        for n in range(1, LONGEST_HISTORY + 1)
    )
    kept = msgspec.structs.replace(DOUBT, attempts=attempts).history(attempts[:1])
    assert [attempt.number for attempt in kept] == list(range(2, LONGEST_HISTORY + 2))


def test_only_so_many_doubts_are_kept_whoever_asks() -> None:
    """The oldest is forgotten first; any number of threads may keep and forget."""
    now = msgspec.structs.replace(DOUBT, left=1e12)
    doubts = Doubts(most=2)

    def keep() -> None:
        for n in range(300):
            doubts.keep(msgspec.structs.replace(ASKED, key=str(n)), now)

    threads = [Thread(target=keep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(3):
        doubts.keep(msgspec.structs.replace(ASKED, key=str(n)), now)
    found = [doubts.of(API, msgspec.structs.replace(ASKED, key=str(n))) for n in range(4)]
    assert found == [None, now, now, None]
