"""How far an attempt got before it raised: what was not sent is not held to be in doubt."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import httpx2
import pytest

import failwell
from clients.fault_server import Act, Server, refusal
from clients.h2_server import Http2Server
from clients.world import Face, World
from failwell import APIConnectionError, FailwellError, InvalidRequestError, Outcome, Policy

ONCE = Policy(retry=None, breaker=None, budget=None)
DOUBT = "may or may not have taken effect"
REDIRECT = Act(status=307, body=b"", headers=(("Location", "/there"),), commit=False)
CHALLENGE = Act(
    status=401,
    body=b"",
    headers=(("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'),),
    commit=False,
)


def hook_of(world: World, hook: Callable[[Any], None]) -> Callable[[Any], Any]:
    """The event hook, of the kind that this world's client calls."""

    async def ahook(message: Any) -> None:
        hook(message)

    return ahook if world.is_async else hook


async def raised(call: Any) -> Any:
    with pytest.raises(Exception) as caught:  # noqa: PT011  whatever it is, is the matter
        await call
    return caught.value


def notes_of(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", []))


@pytest.mark.parametrize("as_stream", [False, True])
def test_a_request_hook_that_raises_has_sent_nothing(world: World, as_stream: bool) -> None:
    """The traceback says so, and does not put the write in doubt; the exception is the hook's."""

    def refuse(_: Any) -> None:
        raise LookupError("no")

    async def scenario(client: Face) -> Any:
        if not as_stream:
            return await raised(client.post("/records", json={}))
        with pytest.raises(LookupError) as caught:
            async with client.stream("POST", "/records", json={}):
                pass
        return caught.value

    with Server() as server:
        hooks = {"request": [hook_of(world, refuse)]}
        error = world.run(scenario, base_url=server.url, event_hooks=hooks)
    assert type(error) is LookupError
    assert notes_of(error) == "failwell: nothing was sent in this attempt"
    assert server.requests == []


def test_a_hook_that_raises_once_something_was_sent_leaves_doubt(world: World) -> None:
    """A response hook, and the request hook of what a redirect leads to."""

    def refuse(message: Any) -> None:
        if isinstance(message, httpx2.Response) or message.url.path == "/there":
            raise LookupError("no")

    for name in ("request", "response"):
        with Server([REDIRECT]) as server:
            error = world.run(
                lambda client: raised(client.post("/records", json={}, follow_redirects=True)),
                base_url=server.url,
                event_hooks={name: [hook_of(world, refuse)]},
            )
        assert type(error) is LookupError
        assert DOUBT in notes_of(error)
        assert len(server.requests) == 1


def test_a_hook_with_a_client_of_its_own_leaves_doubt(world: World) -> None:
    """Which of the two has sent is not known for certain."""

    def refuse(message: Any) -> None:
        if message.url.path == "/there":
            with httpx2.Client(trust_env=False) as inner:
                inner.get("http://127.0.0.1:1/")

    with Server([REDIRECT]) as server:
        error = world.run(
            lambda client: raised(client.post("/records", json={}, follow_redirects=True)),
            base_url=server.url,
            event_hooks={"request": [hook_of(world, refuse)]},
            policy=ONCE,
        )
    assert isinstance(error, FailwellError)
    assert error.outcome is Outcome.UNKNOWN


def test_a_closed_client_has_sent_nothing() -> None:
    """httpx2's own exception goes through, without a word of doubt."""
    client = failwell.Client(trust_env=False)
    client.close()
    with pytest.raises(RuntimeError, match="closed") as caught:
        client.post("http://127.0.0.1:1/records", json={})
    assert notes_of(caught.value) == "failwell: nothing was sent in this attempt"


class Tokens(httpx2.Auth):
    """An auth that asks for a token before the first request, and after each refusal."""

    def __init__(self, url: str, *, first: bool = True) -> None:
        self._url = url
        self._first = first

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        asks = httpx2.Request("POST", self._url, json={})
        if self._first:
            yield asks
        answer = yield request
        if answer.status_code == 401:
            yield asks
            yield request


def test_a_token_that_cannot_be_asked_for_leaves_the_write_unsent(world: World) -> None:
    """No connection to whoever gives it out: no byte of the write has left."""
    with Server() as server, Server(listening=False) as shut:
        error = world.run(
            lambda client: raised(client.post("/records", json={}, auth=Tokens(shut.url))),
            base_url=server.url,
            policy=ONCE,
        )
    assert type(error) is APIConnectionError
    assert error.outcome is Outcome.NOT_STARTED
    assert server.requests == []


def test_a_token_that_is_asked_for_afterwards_leaves_doubt(world: World) -> None:
    """The write was sent and refused by somebody; then the token could not be asked for."""
    with Server([CHALLENGE]) as server, Server(listening=False) as shut:
        auth = Tokens(shut.url, first=False)
        error = world.run(
            lambda client: raised(client.post("/records", json={}, auth=auth)),
            base_url=server.url,
            policy=ONCE,
        )
    assert error.outcome is Outcome.UNKNOWN
    assert len(server.requests) == 1


class Asking(httpx2.Auth):
    """An auth that asks for its token with a client of its own, once it was refused."""

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        yield request
        with httpx2.Client(trust_env=False) as inner:
            inner.post("http://127.0.0.1:1/token")
        yield request


def test_a_token_asked_for_with_another_client_leaves_doubt(world: World) -> None:
    """What that one could not send says nothing of what ours has."""
    with Server([CHALLENGE]) as server:
        error = world.run(
            lambda client: raised(client.post("/records", json={}, auth=Asking())),
            base_url=server.url,
            policy=ONCE,
        )
    assert error.outcome is Outcome.UNKNOWN
    assert len(server.requests) == 1


class Again(httpx2.Auth):
    """An auth that sends again what was answered with a 503, or asks for something else."""

    def __init__(self, then: str | None = None) -> None:
        self._then = then

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        yield request
        yield request if self._then is None else httpx2.Request("POST", self._then, json={})


@pytest.mark.parametrize("elsewhere", [True, False])
def test_the_refusal_of_another_request_is_not_the_writes(world: World, elsewhere: bool) -> None:
    """An auth has sent the write before: what it is told at last says nothing of that."""
    refused = refusal(422, "invalid")
    with Server([Act(status=503, commit=True), refused]) as server, Server([refused]) as other:
        auth = Again(other.url if elsewhere else None)
        lost = world.run(
            lambda client: raised(client.post("/records", json={}, auth=auth)),
            base_url=server.url,
            policy=ONCE,
        )
    assert lost.outcome is Outcome.UNKNOWN
    assert lost.status_code == 422


def refused_by(asked: httpx2.Request) -> Exception:
    """What `raise_for_status` raises for another call, refused in so many words."""
    answer = httpx2.Response(404, json={"message": "no such job"}, request=asked)
    return httpx2.HTTPStatusError("404", request=asked, response=answer)


FOREIGN: list[Callable[[httpx2.URL], Exception]] = [
    lambda _: httpx2.ConnectError("down"),
    lambda _: httpx2.PoolTimeout("full"),
    lambda _: httpx2.UnsupportedProtocol("none"),
    lambda _: refused_by(httpx2.Request("POST", "https://elsewhere.example")),
    lambda url: refused_by(httpx2.Request("POST", url)),
]


@pytest.mark.parametrize("fault", FOREIGN)
def test_what_a_hook_has_met_elsewhere_says_nothing_of_the_write(
    world: World, fault: Callable[[httpx2.URL], Exception]
) -> None:
    """The answer was there when it raised: in doubt, and not sent again."""

    def tell(answer: Any) -> None:
        raise fault(answer.request.url)

    with Server([Act(status=201)] * 3) as server:
        lost = world.run(
            lambda client: raised(client.post("/records", json={})),
            base_url=server.url,
            contract=failwell.GENERIC,
            event_hooks={"response": [hook_of(world, tell)]},
        )
    assert isinstance(lost, FailwellError)
    assert lost.outcome is Outcome.UNKNOWN
    assert server.done == 1


def test_a_body_that_meets_a_fault_of_its_own_has_begun(world: World) -> None:
    """Its source is not there: but the head of the request, and what came before, have left."""

    def parts() -> Any:
        yield b"x"
        raise httpx2.ConnectError("the source is down")

    async def aparts() -> Any:
        yield b"x"
        raise httpx2.ConnectError("the source is down")

    with Server() as server:
        lost = world.run(
            lambda client: raised(
                client.post("/records", content=aparts() if world.is_async else parts())
            ),
            base_url=server.url,
            contract=failwell.GENERIC,
        )
    assert lost.outcome is Outcome.UNKNOWN


def test_who_traces_a_client_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function of the same name around httpx2's own raises once the write was sent."""
    theirs = httpx2.Client.send

    def send(self: Any, *args: Any, **kwargs: Any) -> Any:
        theirs(self, *args, **kwargs)
        raise KeyError("span")

    with Server([Act(status=201)]) as server, failwell.Client(base_url=server.url) as client:
        monkeypatch.setattr(httpx2.Client, "send", send)
        with pytest.raises(KeyError) as caught:
            client.post("/records", json={})
    assert DOUBT in notes_of(caught.value)
    assert server.done == 1


def generated(world: World) -> Any:
    async def aparts() -> Any:
        yield b"ab"

    return aparts() if world.is_async else (part for part in [b"ab"])


@pytest.mark.parametrize(("first", "auth"), [(REDIRECT, None), (CHALLENGE, ("me", "pw"))])
def test_what_was_sent_is_no_invalid_request(world: World, first: Act, auth: Any) -> None:
    """A body that cannot be sent once more, after a redirect or a challenge: nobody reads in the
    class that nothing was sent."""

    async def scenario(client: Face) -> Any:
        digest = None if auth is None else httpx2.DigestAuth(*auth)
        return await raised(
            client.post("/records", content=generated(world), auth=digest, follow_redirects=True)
        )

    with Server([first]) as server:
        error = world.run(scenario, base_url=server.url)
    assert type(error) is APIConnectionError
    assert not isinstance(error, InvalidRequestError)
    assert error.outcome is Outcome.UNKNOWN
    assert "cannot be sent a second time" in error.message
    assert len(server.requests) == 1


@pytest.mark.parametrize("path", ["/refused", "/goaway"])
def test_a_stream_that_http2_refuses_was_not_begun(world: World, path: str) -> None:
    """REFUSED_STREAM, and GOAWAY before it: RFC 9113, section 8.7. So it is sent again."""
    with Http2Server() as server:
        response = world.run(
            lambda client: client.post(path, json={}), base_url=server.url, http1=False, http2=True
        )
    assert response.status_code == 200
    assert server.paths == [path, path]


@pytest.mark.parametrize("path", ["/torn", "/left"])
def test_a_stream_that_http2_ends_otherwise_may_have_been(world: World, path: str) -> None:
    """Any other code, and GOAWAY after it, proves nothing."""
    with Http2Server() as server:
        error = world.run(
            lambda client: raised(client.post(path, json={})),
            base_url=server.url,
            http1=False,
            http2=True,
            policy=ONCE,
        )
    assert isinstance(error, FailwellError)
    assert error.outcome is Outcome.UNKNOWN
    assert server.paths == [path]
