"""Over any httpx client: safe retries and outcomes below it, httpx's own answers and exceptions
above it."""

from __future__ import annotations

import contextlib
import copy
import gzip
import inspect
import json
import logging
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest

import failwell
from clients.fault_server import OK, PAGE, Act, Server, error, refusal
from clients.lookups import TAGGED, by_tag, elsewhere
from clients.world import API, World, body_for
from failwell.clients.httpx import AsyncTransport, Transport
from failwell.clients.httpx.attempt import FAULTS, RAISED
from failwell.clients.seam import Account
from failwell.dialects import Nested
from failwell.errors import CircuitOpenError
from failwell.settings import Breaker

KEYED = API
UNKEYED = msgspec.structs.replace(API, idempotency=failwell.Idempotency(header=None))
LOST = Act("reset")
BARE = failwell.Policy(breaker=None, governor=None)
"""Retries alone: a breaker and a governor go by the real clock, and waits are not slept here."""

TOKEN = "tp_live_0123456789abcdef"
SECRET = {"headers": {"Authorization": f"Bearer {TOKEN}"}}


class Caller:
    """An httpx client over our transport, sync or async, with one set of awaitable methods."""

    def __init__(self, client: Any, sleeps: list[float]) -> None:
        self.client = client
        self.sleeps = sleeps

    def __getattr__(self, method: str) -> Callable[..., Awaitable[httpx.Response]]:
        async def call(*args: Any, **kwargs: Any) -> httpx.Response:
            answer = getattr(self.client, method)(*args, **kwargs)
            response: httpx.Response = await answer if inspect.isawaitable(answer) else answer
            return response

        return call

    @contextlib.asynccontextmanager
    async def stream(self, *args: Any, **kwargs: Any) -> AsyncIterator[httpx.Response]:
        manager = self.client.stream(*args, **kwargs)
        if hasattr(manager, "__aenter__"):
            async with manager as response:
                yield response
        else:
            with manager as response:
                yield response


async def _read(response: httpx.Response) -> bytes:
    if isinstance(response.stream, httpx.SyncByteStream):
        return response.read()
    return await response.aread()


def run(
    world: World, server: Server, scenario: Callable[[Caller], Awaitable[Any]], **settings: Any
) -> Any:
    """What the scenario returns; the transport's waits are recorded, not slept."""
    above = {"base_url": server.url, "timeout": 5.0, **settings.pop("above", {})}
    settings = {"contract": KEYED, "policy": BARE, **settings}
    sleeps: list[float] = []

    async def asleep(seconds: float) -> None:
        sleeps.append(seconds)

    async def main() -> Any:
        transport: Any = (AsyncTransport if world.is_async else Transport)(**settings)
        sleep: Any = asleep if world.is_async else sleeps.append
        rim = msgspec.structs.replace(transport.seam.rim, sleep=sleep)
        transport.seam = msgspec.structs.replace(transport.seam, rim=rim)
        if world.is_async:
            async with httpx.AsyncClient(transport=transport, **above) as client:
                return await scenario(Caller(client, sleeps))
        with httpx.Client(transport=transport, **above) as client:
            return await scenario(Caller(client, sleeps))

    return world.run_alone(main)


async def _post(api: Caller) -> httpx.Response:
    return await api.post("/jobs", json={"name": "a"})


async def _get(api: Caller) -> httpx.Response:
    return await api.get("/jobs/1")


def account(response: httpx.Response) -> Account:
    told = response.extensions["failwell"]
    assert isinstance(told, Account)
    return told


# ------------------------------------------------------------------------- writes


def test_a_lost_answer_to_an_unkeyed_write_is_not_asked_for_again(world: World) -> None:
    """It may have taken effect: it is sent once, and the error says so in both families."""
    with Server([LOST]) as server, pytest.raises(httpx.ReadError) as caught:
        run(world, server, _post, contract=UNKEYED)
    error = caught.value
    assert isinstance(error, failwell.APIConnectionError)
    assert (error.outcome, server.done, len(server.requests)) == ("unknown", 1, 1)
    assert server.keys == [None]


def test_a_key_that_is_honoured_makes_it_safe(world: World) -> None:
    """The same key goes with both attempts, and the write takes effect once."""
    with Server([LOST], honours_keys=True) as server:
        response = run(world, server, _post)
        assert response.json() == {"id": "rec_1"}
        assert (server.done, len(server.requests)) == (1, 2)
        assert server.keys[0] == server.keys[1] is not None
    assert [attempt.fault for attempt in account(response).attempts] == ["ReadError"]
    assert account(response).outcome is None


def test_the_callers_own_key_wins(world: World) -> None:
    """A key that the SDK has set goes with all attempts as it is."""

    async def scenario(api: Caller) -> httpx.Response:
        return await api.post("/jobs", json={}, headers={"idempotency-key": "my-own-key-1"})

    with Server([LOST], honours_keys=True) as server:
        run(world, server, scenario)
        assert server.keys == ["my-own-key-1", "my-own-key-1"]


def test_a_call_may_have_options_of_its_own(world: World) -> None:
    """`extensions["failwell"]` gives one request its key and its retries."""
    options = failwell.Options(idempotency_key="order-1", retry=None)

    async def scenario(api: Caller) -> httpx.Response:
        return await api.post("/jobs", json={}, extensions={"failwell": options})

    with Server([LOST], honours_keys=True) as server:
        with pytest.raises(httpx.ReadError) as caught:
            run(world, server, scenario)
        assert server.keys == ["order-1"]
    assert isinstance(caught.value, failwell.APIConnectionError)
    assert caught.value.sent is not None
    assert caught.value.sent.key == "order-1"


@pytest.mark.parametrize(
    "how",
    [
        {"headers": {"idempotency-key": "two\x07words"}},
        {"extensions": {"failwell": failwell.Options(idempotency_key="é")}},
        {"extensions": {"failwell": {"deadline": 2}}},
    ],
)
def test_what_cannot_be_sent_is_refused_in_both_families(world: World, how: Any) -> None:
    """A bad key and bad options are `InvalidRequestError`, and one of httpx's request errors."""

    async def scenario(api: Caller) -> httpx.Response:
        return await api.post("/jobs", json={}, **how)

    with Server() as server:
        with pytest.raises(httpx.RequestError) as caught:
            run(world, server, scenario)
        assert server.requests == []
    assert isinstance(caught.value, failwell.InvalidRequestError)
    assert caught.value.outcome == "not_started"


def test_a_refused_connection_is_tried_again_even_for_a_write(world: World) -> None:
    """Nothing was sent, so nothing was done; at last it is httpx's `ConnectError`."""
    with Server(listening=False) as server, pytest.raises(httpx.ConnectError) as caught:
        run(world, server, _post, contract=UNKEYED)
    error = caught.value
    assert isinstance(error, failwell.APIConnectionError)
    assert (error.outcome, len(error.attempts)) == ("not_started", 6)


# ------------------------------------------------------------------- answers >= 400


def test_a_refusal_that_lasts_is_returned(world: World) -> None:
    """After the retries the last answer comes back as httpx's response, whole and readable."""
    busy = refusal(429, "busy", headers=(("Retry-After", "3"),))
    with Server([busy] * 9) as server:

        async def scenario(api: Caller) -> tuple[httpx.Response, list[float]]:
            return await _post(api), api.sleeps

        response, sleeps = run(world, server, scenario)
        assert len(server.requests) == 6
    assert min(sleeps) >= 3
    assert (response.status_code, response.json()["error"]["code"]) == (429, "busy")
    with pytest.raises(httpx.HTTPStatusError):
        response.raise_for_status()
    told = account(response)
    assert isinstance(told.error, failwell.RateLimitError)
    assert (told.outcome, len(told.attempts), told.error.retry_after) == ("not_started", 6, 3)


def test_an_outage_that_passes_is_not_seen(world: World) -> None:
    """A 503 with `Retry-After` is waited out, and the good answer comes back."""
    away = refusal(503, "unavailable", headers=(("Retry-After", "2"),))
    with Server([away, away]) as server:
        response = run(world, server, _get)
    assert (response.status_code, len(account(response).attempts)) == (200, 2)


def test_a_500_to_an_unkeyed_write_is_returned_at_once(world: World) -> None:
    """It is not sent again, and the account says that nobody knows."""
    with Server([refusal(500, "internal", commit=True)]) as server:
        response = run(world, server, _post, contract=UNKEYED)
        assert len(server.requests) == 1
    assert response.status_code == 500
    assert account(response).outcome == "unknown"


def test_a_refusal_after_a_lost_answer_leaves_the_call_unknown(world: World) -> None:
    """The 401 is returned as it is; the account remembers the attempt before."""
    with Server([LOST, refusal(401, "no_auth")], honours_keys=True) as server:
        response = run(world, server, _post)
    assert response.status_code == 401
    assert account(response).outcome == "unknown"


def test_elapsed_and_raw_bytes_work_on(world: World) -> None:
    """What httpx promises of a response holds for one whose body was judged before."""

    async def scenario(api: Caller) -> tuple[Any, bytes]:
        response = await _get(api)
        async with api.stream("GET", "/jobs/1") as streamed:
            if isinstance(streamed.stream, httpx.SyncByteStream):
                raw = b"".join(streamed.iter_raw())
            else:
                raw = b"".join([chunk async for chunk in streamed.aiter_raw()])
        return response.elapsed, raw

    with Server() as server:
        elapsed, raw = run(world, server, scenario)
    assert elapsed.total_seconds() > 0
    assert raw == b'{"read": true}'


# -------------------------------------------------------------------------- reads


def test_a_reset_read_is_asked_for_again(world: World) -> None:
    """A GET has no effect: it is repeated."""
    with Server([LOST, Act("close"), Act("cut")]) as server:
        response = run(world, server, _get)
        assert len(server.requests) == 4
    assert response.json() == {"read": True}
    faults = [attempt.fault for attempt in account(response).attempts]
    assert faults == ["ReadError", "RemoteProtocolError", "RemoteProtocolError"]


def test_broken_json_is_asked_for_again(world: World) -> None:
    """A GET whose JSON is cut, though its length is right, is repeated."""
    with Server([Act(status=200, body=b'{"read": tr')]) as server:
        assert run(world, server, _get).json() == {"read": True}


def test_json_that_stays_broken_is_of_both_families(world: World) -> None:
    """A write's cut JSON has taken effect; it is `BadResponseError` and httpx's `DecodingError`."""
    broken = Act(status=201, body=b'{"id": "re')
    with Server([broken]) as server, pytest.raises(httpx.DecodingError) as caught:
        run(world, server, _post, contract=UNKEYED)
    assert isinstance(caught.value, failwell.BadResponseError)
    assert caught.value.outcome == "applied"


def test_a_page_in_the_place_of_a_writes_json_is_not_good(world: World) -> None:
    """A proxy's page with status 200 proves nothing, and is not handed on as success."""
    page = Act(status=200, body=PAGE, content_type="text/html", commit=False)
    with Server([page]) as server, pytest.raises(httpx.DecodingError) as caught:
        run(world, server, _post, contract=UNKEYED)
    assert isinstance(caught.value, failwell.BadResponseError)
    assert caught.value.outcome == "unknown"


def test_a_file_passes_through(world: World) -> None:
    """An API of JSON may serve files, too: what does not call itself JSON is handed on unread."""
    file = Act(status=200, body=b"PAR1", content_type="application/octet-stream")
    with Server([file]) as server:
        assert run(world, server, _get).content == b"PAR1"


def test_a_file_that_breaks_off_is_of_both_families(world: World) -> None:
    """It is not asked for again, for part of it may be in the caller's hands."""
    cut = Act("cut", status=200, body=b"x" * 100, content_type="application/octet-stream")

    async def scenario(api: Caller) -> bytes:
        async with api.stream("GET", "/file") as response:
            return await _read(response)

    with Server([cut]) as server:
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            run(world, server, scenario)
        assert len(server.requests) == 1
    assert isinstance(caught.value, failwell.APIConnectionError)


def test_a_stream_that_breaks_off_tells_all_attempts(world: World) -> None:
    """Those before the one whose answer was handed out, too."""
    page = Act(status=502, body=PAGE, content_type="text/html")
    cut = Act("cut", status=200, body=b"x" * 100, content_type="application/octet-stream")

    async def scenario(api: Caller) -> bytes:
        async with api.stream("GET", "/file") as response:
            return await _read(response)

    with Server([page, cut]) as server, pytest.raises(failwell.APIConnectionError) as caught:
        run(world, server, scenario)
    assert [(a.number, a.status) for a in caught.value.attempts] == [(1, 502), (2, 200)]


def test_compressed_json_is_read(world: World) -> None:
    """A coding is undone for the judgement, and once more for whoever asked."""
    body = gzip.compress(b'{"ok": true}')
    act = Act(status=200, body=body, headers=(("Content-Encoding", "gzip"),))
    with Server([act]) as server:
        assert run(world, server, _get).json() == {"ok": True}


GZIP = (("Content-Encoding", "gzip"),)
WHATEVER = {"extensions": {"failwell": failwell.Options(expect="any")}}


def test_a_body_that_is_not_in_its_coding_is_of_both_families(world: World) -> None:
    """What was handed out unread, as a stream or not, and cannot be decoded; it took effect."""
    page = Act(status=201, body=b"no gzip", content_type="text/html", headers=GZIP)

    async def streamed(api: Caller) -> bytes:
        async with api.stream("POST", "/jobs", **WHATEVER) as response:
            return await _read(response)

    async def read(api: Caller) -> httpx.Response:
        return await api.post("/jobs?token=" + TOKEN, json={"name": "a"}, **WHATEVER)

    for scenario in (streamed, read):
        with Server([page]) as server, pytest.raises(httpx.DecodingError) as caught:
            run(world, server, scenario, contract=UNKEYED, above=SECRET)
        error = caught.value
        assert isinstance(error, failwell.BadResponseError)
        assert (error.outcome, len(error.attempts), error.status_code) == ("applied", 1, 201)
        assert error.request.method == "POST"
        assert TOKEN not in _shown(error)
        assert pickle.loads(pickle.dumps(error)) == error


@pytest.mark.parametrize("how", ["read", "bytes", "text", "raw"])
def test_a_body_in_its_coding_is_decoded_by_httpx_as_ever(world: World, how: str) -> None:
    """Piece by piece, by any of its methods; and a response that was read still pickles."""
    body = gzip.compress(b"line\n" * 50_000)
    file = Act(status=200, body=body, content_type="text/plain", headers=GZIP)

    async def scenario(api: Caller) -> list[Any]:
        async with api.stream("GET", "/file") as response:
            if how == "read":
                whole = await _read(response)
                assert pickle.loads(pickle.dumps(response)).content == response.content
                return [whole]
            name = (
                f"iter_{how}"
                if isinstance(response.stream, httpx.SyncByteStream)
                else f"aiter_{how}"
            )
            pieces = getattr(response, name)()
            if hasattr(pieces, "__aiter__"):
                return [piece async for piece in pieces]
            return list(pieces)

    with Server([file]) as server:
        got = run(world, server, scenario)
    expected: Any = {"raw": body, "text": "line\n" * 50_000}.get(how, b"line\n" * 50_000)
    assert type(expected)().join(got) == expected


# ------------------------------------------------------------------------- bodies


def test_a_body_that_can_be_read_once_is_sent_once(world: World) -> None:
    """A generator is never sent half-read or empty: the fault is raised instead."""

    async def scenario(api: Caller) -> httpx.Response:
        return await api.put("/file", content=body_for(world, [b"abc", b"def"]))

    with Server([LOST]) as server:
        with pytest.raises(httpx.ReadError):
            run(world, server, scenario)
        assert [seen.body for seen in server.requests] == [b"abcdef"]


def test_a_file_is_sent_again_from_its_start(text_file: Any) -> None:
    """A file that can seek is sent whole on each attempt."""

    async def scenario(api: Caller) -> httpx.Response:
        with text_file.open("rb") as file:
            return await api.put("/file", content=file)

    with Server([LOST]) as server:
        run(World("sync"), server, scenario)
        assert [seen.body for seen in server.requests] == [b"0123456789"] * 2


def test_a_form_with_files_is_sent_again_whole(world: World) -> None:
    """A multipart body is the same on each attempt."""

    async def scenario(api: Caller) -> httpx.Response:
        return await api.put("/file", files={"blob": ("a.txt", b"0123")}, data={"last": "true"})

    with Server([LOST]) as server:
        run(world, server, scenario)
        first, second = [seen.body for seen in server.requests]
    assert first == second
    assert b"0123" in first


# ----------------------------------------------------------------------- deadlines


@pytest.mark.parametrize("how", ["hang", "trickle_headers", "trickle_body"])
def test_a_deadline_bounds_the_inside_of_an_attempt(world: World, how: Any) -> None:
    """Silence and trickling bytes alike end in an error that is both time-outs."""
    act = Act(how, status=200, headers=(("Content-Length", "5000"),))
    policy = msgspec.structs.replace(BARE, deadline=0.3)
    with Server([act] * 3) as server, pytest.raises(httpx.ReadTimeout) as caught:
        run(world, server, _get, policy=policy)
    assert isinstance(caught.value, failwell.DeadlineExceededError)


def test_a_time_out_of_the_clients_own_is_of_both_families(world: World) -> None:
    """`timeout=` works as ever, for each attempt."""
    with Server([Act("hang")]) as server, pytest.raises(httpx.ReadTimeout) as caught:
        run(world, server, _post, contract=UNKEYED, above={"timeout": 0.1})
    assert isinstance(caught.value, failwell.APITimeoutError)
    assert caught.value.outcome == "unknown"


# ---------------------------------------------------------------- what errors carry


def _failure(world: World, **settings: Any) -> Any:
    async def scenario(api: Caller) -> httpx.Response:
        return await api.post("/jobs?token=" + TOKEN, json={"password": "hunter22"})

    above = {"headers": {"Authorization": f"apiKey {TOKEN}"}}
    with Server([LOST]) as server, pytest.raises(httpx.ReadError) as caught:
        run(world, server, scenario, contract=UNKEYED, above=above, **settings)
    return caught.value


def test_it_pickles_and_copies(world: World) -> None:
    """The class is made on the fly, and found again in another process by its two parents."""
    error = _failure(world)
    for same in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(same) is type(error)
        assert same == error
        assert same.outcome == "unknown"
        assert isinstance(same, httpx.ReadError)
        with pytest.raises(RuntimeError, match="request"):
            _ = same.request


def test_it_goes_by_httpxs_name_and_tells_the_story(world: World) -> None:
    """An SDK that prints the class prints httpx's; the notes tell what failwell knows."""
    error = _failure(world)
    assert type(error).__name__ == "ReadError"
    assert "outcome: unknown" in error.__notes__[0]
    assert type(error) is type(_failure(world))


def test_nothing_secret_is_shown(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """No text, note, log line or pickle holds the credential or the password."""
    with caplog.at_level(logging.INFO, "failwell"):
        error = _failure(world)
    shown = [str(error), repr(error), *error.__notes__, caplog.text]
    shown.append(pickle.dumps(error).decode("latin-1"))
    for text in shown:
        assert TOKEN not in text
        assert "hunter22" not in text


def _shown(error: Any) -> str:
    """All that hangs on it."""
    asked = error.request
    return repr((vars(error), str(asked.url), list(asked.headers.items()), asked.content))


def test_the_request_that_httpx_hangs_on_it_holds_nothing_secret(world: World) -> None:
    """SDKs read its method and URL, which are there; a credential, a password and a body not."""

    async def scenario(api: Caller) -> httpx.Response:
        url = api.client.base_url.copy_with(userinfo=b"me:hunter22", path="/jobs")
        named = {"token": TOKEN, "page": "2"}
        fields = {**SECRET["headers"], "Cookie": f"sid={TOKEN}", "X-Trace": "t-1"}
        fields["X-Name"] = "Zoë".encode()
        return await api.post(url, params=named, headers=fields, json={"password": "hunter22"})

    with Server([LOST]) as server:
        with pytest.raises(httpx.ReadError) as caught:
            run(world, server, scenario, contract=UNKEYED)
        assert TOKEN in server.requests[0].headers["cookie"]
    asked = caught.value.request
    assert (asked.method, asked.url.path, asked.url.params["page"]) == ("POST", "/jobs", "2")
    assert (asked.headers["x-trace"], asked.headers["x-name"]) == ("t-1", "Zoë")
    for secret in (TOKEN, "hunter22"):
        assert secret not in _shown(caught.value)


def test_a_header_that_cannot_be_sent_is_not_quoted(world: World) -> None:
    """h11 refuses it and quotes it; the error names neither."""

    async def scenario(api: Caller) -> httpx.Response:
        return await api.get("/jobs", headers={"Authorization": "secret-\n-0123456789"})

    with Server() as server, pytest.raises(httpx.LocalProtocolError) as caught:
        run(world, server, scenario)
    assert isinstance(caught.value, failwell.InvalidRequestError)
    assert "0123456789" not in str(caught.value) + repr(caught.value.__cause__)


def test_a_redirected_write_is_a_call_of_its_own(world: World) -> None:
    """The client makes it, above us: it has attempts and a key of its own."""
    moved = Act(status=307, body=b"", headers=(("Location", "/there"),), commit=False)
    with Server([moved, LOST], honours_keys=True) as server:
        response = run(world, server, _post, above={"follow_redirects": True})
        assert [seen.path for seen in server.requests] == ["/jobs", "/there", "/there"]
        assert server.keys[0] != server.keys[1] == server.keys[2]
    assert (response.status_code, server.done) == (201, 1)


def test_a_write_in_doubt_is_redirected_under_its_key(world: World) -> None:
    """Its first answer was lost: what follows must be told from a new write."""
    moved = Act(status=307, body=b"", headers=(("Location", "/there"),), commit=False)
    with Server([LOST, moved], honours_keys=True) as server:
        response = run(world, server, _post, above={"follow_redirects": True})
        assert [seen.path for seen in server.requests] == ["/jobs", "/jobs", "/there"]
    assert (response.status_code, server.done, len(set(server.keys))) == (201, 1, 1)


def test_a_write_in_doubt_is_authenticated_under_its_key(world: World) -> None:
    """The same where an auth scheme answers the refusal of its second attempt."""
    challenge = (("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"'),)
    asks = refusal(401, "no_auth", headers=challenge)
    digest = httpx.DigestAuth("u", "p4ssw0rd")
    with Server([LOST, asks], honours_keys=True) as server:
        response = run(world, server, _post, above={"auth": digest})
    assert (response.status_code, server.done) == (201, 1)
    assert (len(server.keys), len(set(server.keys))) == (3, 1)


def test_a_callers_own_retry_of_a_write_in_doubt_is_no_second_write(world: World) -> None:
    """The same request, sent again, goes under the key that is in doubt."""

    async def scenario(api: Caller) -> httpx.Response:
        request = api.client.build_request("POST", "/jobs", json={"name": "a"})
        with pytest.raises(httpx.ReadError):
            await api.send(request)
        return await api.send(request)

    policy = msgspec.structs.replace(BARE, retry=None)
    with Server([LOST], honours_keys=True) as server:
        assert run(world, server, scenario, policy=policy).status_code == 201
    assert (server.done, len(set(server.keys))) == (1, 1)


def test_hooks_are_told(world: World) -> None:
    """Events are those of `failwell.Client`."""
    events: list[Any] = []
    with Server([LOST]) as server:
        run(world, server, _get, hooks=[events.append])
    assert [type(event).__name__ for event in events] == ["AttemptFailed", "Recovered"]


def test_an_origin_that_is_down_is_not_asked(world: World) -> None:
    """The circuit opens for all who call that origin; the error is httpx's `ConnectError`, too."""
    policy = failwell.Policy(retry=None, breaker=Breaker(failures=2))

    async def scenario(api: Caller) -> list[int]:
        return [(await _get(api)).status_code for _ in range(3)]

    with Server([refusal(503, "unavailable")] * 9) as server:
        with pytest.raises(httpx.ConnectError) as caught:
            run(world, server, scenario, policy=policy)
        assert len(server.requests) == 2
    assert isinstance(caught.value, CircuitOpenError)
    assert pickle.loads(pickle.dumps(caught.value)) == caught.value


def test_a_generic_contract_is_careful(world: World) -> None:
    """Without a contract a key is sent and not trusted."""
    with Server([LOST]) as server, pytest.raises(httpx.ReadError):
        run(world, server, _post, contract=failwell.GENERIC)
    assert len(server.requests) == 1
    assert server.keys[0] is not None


def test_a_contracts_own_classes_are_kept(world: World) -> None:
    """The exception is of the API's own family, failwell's and httpx's at once."""

    class RecordsConnectionError(failwell.APIConnectionError):
        """The API's own."""

    contract = msgspec.structs.replace(
        UNKEYED, exceptions={failwell.Kind.CONNECTION: RecordsConnectionError}
    )
    with Server([LOST]) as server, pytest.raises(RecordsConnectionError) as caught:
        run(world, server, _post, contract=contract)
    assert isinstance(caught.value, httpx.ReadError)


def test_a_lost_write_is_found_by_its_tag(world: World) -> None:
    """It is sent once; its record comes with the write's own status, and is asked for with the
    write's credential, and nothing else of it."""
    with Server([LOST, TAGGED]) as server:
        response = run(world, server, _post, contract=by_tag(), above=SECRET)
    made, looked = server.requests
    word = json.loads(made.body)["tag"]
    assert looked.path == f"/jobs?tag={word}"
    assert json.loads(made.body) == {"name": "a", "tag": word}
    assert looked.headers["authorization"] == f"Bearer {TOKEN}"
    assert not {"content-type", "content-length"} & set(looked.headers)
    assert (response.status_code, response.json()["id"]) == (201, "rec_1")
    assert response.reason_phrase == "Created"
    assert (account(response).how, len(account(response).attempts)) == ("found", 1)
    assert server.done == 1


def test_a_write_that_is_not_found_is_unknown(world: World) -> None:
    """What is raised is what the write met, and not what the look-up did."""
    gone = refusal(404, "missing")
    with Server([LOST, gone]) as server, pytest.raises(httpx.ReadError) as caught:
        run(world, server, _post, contract=by_tag())
    assert isinstance(caught.value, failwell.APIConnectionError)
    assert (caught.value.outcome, len(caught.value.attempts)) == ("unknown", 1)
    assert [seen.method for seen in server.requests] == ["POST", "GET"]


def test_a_refusal_is_returned_though_a_look_up_came_after_it(world: World) -> None:
    """A 500 that proves nothing is the SDK's to read, where its record was not found."""
    failed = refusal(500, "internal")
    with Server([failed, refusal(404, "missing")]) as server:
        response = run(world, server, _post, contract=by_tag())
    assert response.status_code == 500
    assert account(response).outcome == "unknown"
    assert response.json()["error"]["code"] == "internal"


def test_an_enforced_name_makes_it_safe(world: World) -> None:
    """The server itself refuses a second one: it is looked for, and sent again."""
    with Server([LOST, refusal(404, "missing")]) as server:
        response = run(world, server, _post, contract=by_tag(enforced=True))
    assert [seen.method for seen in server.requests] == ["POST", "GET", "POST"]
    bodies = [seen.body for seen in server.requests if seen.method == "POST"]
    assert bodies[0] == bodies[1]
    assert response.status_code == 201


def test_a_record_that_is_there_already_is_an_answer_if_that_is_asked_for(world: World) -> None:
    """`Options(get_existing=True)` as with a client; without it the 409 is returned."""
    taken = Act(status=409, body=error(409, "clash", details={"existing_id": "7"}), commit=False)
    existing = failwell.Existing(request=lambda sent, id: ("GET", f"{sent.url}/{id}"))
    contract = msgspec.structs.replace(UNKEYED, existing=existing)
    record = Act(status=200, body=b'{"id": "7", "name": "a"}')

    async def scenario(api: Caller) -> httpx.Response:
        options = failwell.Options(get_existing=True)
        return await api.post("/jobs", json={"name": "a"}, extensions={"failwell": options})

    with Server([taken, record, taken]) as server:
        got = run(world, server, scenario, contract=contract)
        refused = run(world, server, _post, contract=contract)
    assert (got.status_code, got.json()["id"], account(got).how) == (200, "7", "existing")
    assert refused.status_code == 409


def test_a_credential_does_not_leave_its_origin(world: World) -> None:
    """A look-up that would ask another host is not made."""
    with Server([LOST]) as server, Server() as other:
        with pytest.raises(httpx.ReadError):
            run(world, server, _post, contract=elsewhere(other.url), above=SECRET)
        assert other.requests == []


def test_a_body_without_room_for_a_tag_is_sent_as_it_is(world: World) -> None:
    """It cannot be looked for, and stays unknown."""

    async def scenario(api: Caller) -> httpx.Response:
        return await api.post("/jobs", content=b"no json")

    with Server([LOST]) as server, pytest.raises(httpx.ReadError):
        run(world, server, scenario, contract=by_tag())
    assert [seen.body for seen in server.requests] == [b"no json"]


def test_an_api_that_acts_on_whole_requests_has_not_begun(world: World) -> None:
    """A body that was not handed over whole did nothing, where the contract says so."""

    async def scenario(api: Caller) -> httpx.Response:
        return await api.post("/file", content=b"x" * 40_000_000)

    contract = msgspec.structs.replace(UNKEYED, whole_requests=True)
    with Server([Act("reset", reads=False, commit=False), OK]) as server:
        response = run(world, server, scenario, contract=contract)
    assert response.status_code == 201
    assert [attempt.outcome for attempt in account(response).attempts] == ["not_started"]


# ----------------------------------------------------------------------- the table


def test_every_exception_of_httpx_has_its_meaning() -> None:
    """The table is complete for the httpx that is installed."""
    classes = {
        member
        for member in vars(httpx).values()
        if isinstance(member, type) and issubclass(member, RAISED)
    }
    assert classes == {cls for cls in FAULTS if cls.__module__ == "httpx"}


def test_a_body_of_the_wrong_length_is_refused(world: World) -> None:
    """h11's own exception, which httpx lets through, is of both families; the head was sent."""

    async def scenario(api: Caller) -> httpx.Response:
        return await api.put("/file", content=b"abc", headers={"Content-Length": "5"})

    with Server() as server, pytest.raises(httpx.LocalProtocolError) as caught:
        run(world, server, scenario)
    assert isinstance(caught.value, failwell.APIConnectionError)


def test_a_request_ids_header_is_added(world: World) -> None:
    """Where the API takes a caller's id, each call has one, the same on each attempt."""
    contract = failwell.Contract(
        name="Ids", dialect=Nested(), request_ids=failwell.RequestIds(accepts=True)
    )
    with Server([LOST]) as server:
        run(world, server, _get, contract=contract)
        first, second = [seen.headers["x-request-id"] for seen in server.requests]
    assert first == second
    assert json.dumps(first)
