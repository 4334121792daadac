"""All that people know of httpx2 goes on working over failwell's clients."""

from __future__ import annotations

import inspect
import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpcore2
import httpx2
import msgspec
import pytest

import failwell
from clients.fault_server import OK, Act, Server, refusal
from clients.fault_server import error as envelope
from clients.servers import Certificates, http2, proxy
from clients.world import API, Face, World
from failwell import FailwellError, Idempotency, InvalidRequestError, Outcome, Policy, Retry
from failwell.clients.httpx2 import attempt

BUSY = refusal(429, "busy")
UNKEYED = msgspec.structs.replace(API, idempotency=Idempotency(header=None))
ONCE = Policy(retry=None)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def moved(status: int, to: str, *headers: tuple[str, str], commit: bool = False) -> Act:
    return Act(
        status=status,
        body=b"",
        commit=commit,
        content_type=None,
        headers=(("Location", to), *headers),
    )


async def failed(call: Any) -> FailwellError:
    with pytest.raises(FailwellError) as caught:
        await call
    return caught.value


# Redirects


def test_a_call_through_redirects_is_one_call(world: World) -> None:
    """Two hops and an answer: one key, one history, no attempt that failed."""
    script = [moved(307, "/b"), moved(308, "/c")]
    with Server(script) as server:
        response = world.run(
            lambda client: client.post("/a", json={"a": 1}),
            base_url=server.url,
            follow_redirects=True,
        )
    assert [seen.path for seen in server.requests] == ["/a", "/b", "/c"]
    assert len(set(server.keys)) == 1
    assert [r.status_code for r in response.history] == [307, 308]
    assert "failwell_attempts" not in response.extensions


def test_a_fault_behind_a_redirect_starts_the_call_anew(world: World) -> None:
    """A retry asks at the first address again; the history is of one call."""
    script = [moved(307, "/b"), Act("reset"), moved(307, "/b")]
    with Server(script, honours_keys=True) as server:
        response = world.run(
            lambda client: client.post("/a"), base_url=server.url, follow_redirects=True
        )
    assert [seen.path for seen in server.requests] == ["/a", "/b", "/a", "/b"]
    assert len(set(server.keys)) == 1
    assert server.done == 1
    assert len(response.extensions["failwell_attempts"]) == 1


def test_a_redirect_is_an_answer_where_it_is_not_followed(world: World) -> None:
    """Below 400 is httpx2's response, whose `next_request` works as ever."""
    with Server([moved(303, "/b")]) as server:
        response = world.run(lambda client: client.post("/a"), base_url=server.url)
    assert response.status_code == 303
    assert response.next_request.method == "GET"


@pytest.mark.parametrize(
    "second",
    [refusal(404, "not_found"), BUSY, refusal(401, "no_auth"), refusal(503, "unavailable")],
)
def test_the_answer_to_another_request_says_nothing_of_the_write(world: World, second: Act) -> None:
    """POST, 303, and the GET that follows is refused: the POST may well have taken effect."""
    codes = tuple(msgspec.structs.replace(c, proves=Outcome.NOT_STARTED) for c in API.codes)
    contract = msgspec.structs.replace(UNKEYED, codes=codes)
    with Server([moved(303, "/made/1", commit=True), second]) as server:
        error = world.run(
            lambda client: failed(client.post("/a", json={"a": 1})),
            base_url=server.url,
            follow_redirects=True,
            contract=contract,
        )
    assert error.outcome is Outcome.UNKNOWN
    assert [seen.method for seen in server.requests] == ["POST", "GET"]
    assert server.done == 1


def test_a_delete_is_not_proven_by_the_404_of_another_request(world: World) -> None:
    """DELETE, lost; again: 303 to a GET that says 404. Nobody has said that it is deleted."""
    script = [Act("reset", commit=False), moved(303, "/gone"), refusal(404, "not_found")]
    with Server(script) as server:
        error = world.run(
            lambda client: failed(client.delete("/a")), base_url=server.url, follow_redirects=True
        )
    assert error.outcome is Outcome.UNKNOWN


def test_a_cut_answer_behind_a_303_proves_nothing(world: World) -> None:
    """Half a 200 to the GET that a 303 made is not the POST's own 2xx."""
    for act in (Act("cut", body=b'{"a": 1}' * 99), Act(body=b'{"a": ')):
        with Server([moved(303, "/b"), act]) as server:
            error = world.run(
                lambda client: failed(client.post("/a")),
                base_url=server.url,
                follow_redirects=True,
                contract=UNKEYED,
            )
        assert error.outcome is Outcome.UNKNOWN


def test_redirects_that_never_end_are_a_bad_response(world: World) -> None:
    """`TooManyRedirects` is failwell's `BadResponseError`, and is not tried again."""
    with Server([moved(302, "/a")] * 9) as server:
        error = world.run(
            lambda client: failed(client.get("/a")),
            base_url=server.url,
            follow_redirects=True,
            max_redirects=3,
        )
    assert type(error) is failwell.BadResponseError
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    "to",
    [
        *("ftp://127.0.0.1/a", "http://[::1", "https://", "http://a..b/"),
        *("http://" + "a" * 70 + ".test/", "http://127.0.0.1:99999/"),
        "http://127.0.0.1:-1/",
    ],
)
def test_a_redirect_to_nowhere_is_the_servers_fault(world: World, to: str) -> None:
    """A `Location` that cannot be followed is no mistake of the caller's."""
    with Server([moved(307, to, commit=True)] * 9) as server:
        error = world.run(
            lambda client: failed(client.post("/a")),
            base_url=server.url,
            follow_redirects=True,
            contract=UNKEYED,
        )
    assert not isinstance(error, InvalidRequestError)
    assert error.outcome is Outcome.UNKNOWN
    assert server.done == 1


def test_a_refused_second_hop_is_not_a_refused_call(world: World) -> None:
    """The first address had the request: a connection refused behind it proves nothing."""
    with Server(listening=False) as closed, Server([moved(307, closed.url)] * 2) as server:
        error = world.run(
            lambda client: failed(client.post("/a")),
            base_url=server.url,
            follow_redirects=True,
            contract=UNKEYED,
        )
    assert error.outcome is Outcome.UNKNOWN
    assert len(server.requests) == 1


# Cookies, auth, hooks


def test_cookies_are_kept_and_sent(world: World) -> None:
    """A cookie that a call sets, by a refusal or an answer, is sent with the next one."""
    script = [refusal(404, "not_found", headers=(("Set-Cookie", "a=1"),))]
    with Server([*script, Act(headers=(("Set-Cookie", "b=2"),))]) as server:

        async def scenario(client: Face) -> dict[str, str]:
            await failed(client.get("/x"))
            await client.with_options(deadline=5).get("/x")
            await client.get("/x")
            return dict(client.cookies)

        assert world.run(scenario, base_url=server.url) == {"a": "1", "b": "2"}
    assert [seen.headers.get("cookie") for seen in server.requests] == [None, "a=1", "a=1; b=2"]


def test_basic_auth(world: World) -> None:
    """Every attempt carries it, by client or by call."""
    with Server([BUSY]) as server:

        async def scenario(client: Face) -> None:
            await client.get("/x")
            await client.get("/x", auth=("eve", "other"))

        world.run(scenario, base_url=server.url, auth=("adam", "secret"))
    adam, eve = (b64encode(who).decode() for who in (b"adam:secret", b"eve:other"))
    sent = [seen.headers["authorization"] for seen in server.requests]
    assert sent == [f"Basic {adam}", f"Basic {adam}", f"Basic {eve}"]


CHALLENGE = Act(
    status=401,
    body=b"",
    commit=False,
    headers=(("WWW-Authenticate", 'Digest realm="r", nonce="n1", qop="auth"'),),
)


def test_digest_auth(world: World) -> None:
    """The challenge and its answer are one attempt of one call."""
    with Server([CHALLENGE, Act("reset"), CHALLENGE], honours_keys=True) as server:
        response = world.run(
            lambda client: client.post("/x", json={"a": 1}),
            base_url=server.url,
            auth=httpx2.DigestAuth("adam", "secret"),
        )
    assert response.status_code == 201
    assert "failwell_attempts" in response.extensions
    assert server.done == 1
    assert {seen.body for seen in server.requests} == {b'{"a":1}'}
    assert len(set(server.keys)) == 1


@pytest.mark.parametrize(
    "challenge",
    [
        "Digest garbage",
        'Digest realm="r"',
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Digest realm="r", nonce="n", qop="other"',
        'Digest realm="r", nonce="n", algorithm=ROT13',
    ],
)
def test_a_challenge_that_cannot_be_answered_is_a_refusal(world: World, challenge: str) -> None:
    """The 401 is judged as the answer that it is; the next call is made as if it had not been."""
    body = b'{"error": {"code": "no_auth", "message": "Who are you?"}}'
    refused = Act(status=401, body=body, commit=False, headers=(("WWW-Authenticate", challenge),))
    with Server([refused, CHALLENGE]) as server:

        async def scenario(client: Face) -> tuple[FailwellError, Any]:
            return await failed(client.post("/x", json={})), await client.post("/x", json={})

        error, response = world.run(
            scenario, base_url=server.url, auth=httpx2.DigestAuth("adam", "secret")
        )
    assert type(error) is failwell.AuthenticationError
    assert (error.code, error.outcome) == ("no_auth", Outcome.NOT_STARTED)
    assert response.status_code == 201
    assert len(server.requests) == 3


class Token(httpx2.Auth):
    """Asks for a token first; signs the body with its length."""

    requires_request_body = True

    def __init__(self, url: str) -> None:
        self.url = url

    def auth_flow(self, request: httpx2.Request) -> Any:
        answer = yield httpx2.Request("GET", self.url + "/token")
        request.headers["Authorization"] = f"Bearer t-{answer.status_code}"
        request.headers["X-Signed"] = str(len(request.content))
        yield request


@pytest.mark.parametrize("whole", [True, False])
def test_a_custom_auth_flow_that_reads_the_body(world: World, whole: bool) -> None:
    """A flow that makes requests of its own and looks at the content works at each attempt."""
    contract = msgspec.structs.replace(API, whole_requests=whole)
    with Server([OK, Act("reset")], honours_keys=True) as server:
        response = world.run(
            lambda client: client.post("/x", content=b"0123"),
            base_url=server.url,
            auth=Token(server.url),
            contract=contract,
        )
    assert response.status_code == 201
    writes = [seen for seen in server.requests if seen.method == "POST"]
    assert [seen.headers["x-signed"] for seen in writes] == ["4", "4"]
    assert [seen.body for seen in writes] == [b"0123"] * 2
    assert server.done == 1


def hooks_for(world: World, function: Any) -> Any:
    async def later(given: Any) -> None:
        result = function(given)
        if inspect.isawaitable(result):
            await result

    return later if world.is_async else function


def test_event_hooks_see_every_attempt(world: World) -> None:
    """Request and response hooks are called for each request that is sent."""
    told: list[Any] = []
    hooks = {
        "request": [hooks_for(world, lambda request: told.append(request.method))],
        "response": [hooks_for(world, lambda response: told.append(response.status_code))],
    }
    with Server([BUSY]) as server:
        world.run(lambda client: client.get("/x"), base_url=server.url, event_hooks=hooks)
    assert told == ["GET", 429, "GET", 200]


@pytest.mark.parametrize("reads", [True, False])
def test_a_hook_that_raises_for_status(world: World, reads: bool) -> None:
    """An error that a hook raises is judged as the answer it came from, and is failwell's."""

    def check(response: Any) -> None:
        if reads:
            response.read()
        response.raise_for_status()

    async def acheck(response: Any) -> None:
        if reads:
            await response.aread()
        response.raise_for_status()

    hooks = {"response": [acheck if world.is_async else check]}
    with Server([refusal(503, "unavailable"), refusal(404, "not_found")]) as server:
        error = world.run(
            lambda client: failed(client.get("/x")), base_url=server.url, event_hooks=hooks
        )
    assert type(error) is failwell.NotFoundError
    assert len(server.requests) == 2
    assert error.code == "not_found"
    assert error.message == "It failed."


@pytest.mark.parametrize("status", [404, 422])
def test_a_hook_that_raises_does_not_hide_what_the_api_said(world: World, status: int) -> None:
    """A refused write says why and is `not_started`, with httpx's own idiom in a hook, too."""
    hook = hooks_for(world, lambda response: response.raise_for_status() and None)
    told = Act(status=status, body=b'{"detail": "No such part."}', commit=False)
    with Server([told]) as server:

        async def scenario(client: Face) -> tuple[FailwellError, Any]:
            return await failed(client.post("/x", json={})), client.event_hooks

        error, hooks = world.run(
            scenario,
            base_url=server.url,
            event_hooks={"response": [hook]},
            contract=failwell.GENERIC,
        )
    assert (error.status_code, error.message) == (status, "No such part.")
    assert error.outcome is Outcome.NOT_STARTED
    assert hooks == {"request": [], "response": [hook]}


def test_a_hook_sees_a_refusal_that_was_read_and_a_stream_that_was_not(world: World) -> None:
    """Of an answer of 400 and above a hook has the content at once; one below is still to come."""
    told: list[Any] = []

    def look(response: Any) -> None:
        told.append(response.content if response.status_code >= 400 else response.is_closed)

    hooks = {"response": [hooks_for(world, look)]}
    with Server([refusal(429, "busy")]) as server:
        response = world.run(
            lambda client: client.get("/x"), base_url=server.url, event_hooks=hooks
        )
    assert told == [envelope(429, "busy"), False]
    assert response.status_code == 200


def test_a_hook_may_be_added_later(world: World) -> None:
    """The lists that `event_hooks` gives back are those that are used."""
    with Server([refusal(404, "not_found")] * 2) as server:

        async def scenario(client: Face) -> FailwellError:
            hook = hooks_for(world, lambda response: response.raise_for_status() and None)
            client.event_hooks["response"].append(hook)
            return await failed(client.get("/x"))

        error = world.run(scenario, base_url=server.url)
    assert (type(error), error.code) == (failwell.NotFoundError, "not_found")


def test_hooks_may_be_changed_in_place_and_need_no_second_client(world: World) -> None:
    """What `event_hooks` gives is what is called; and a client that closes itself when it goes is
    not closed by a call."""
    seen: list[int] = []
    kind = failwell.AsyncClient if world.is_async else failwell.Client

    class Closing(kind):  # type: ignore[misc,valid-type]
        def __del__(self) -> None:
            seen.append(-1)

    with Server() as server:
        client = Closing(base_url=server.url, policy=ONCE, trust_env=False)
        hooks = client.event_hooks
        assert hooks == {"request": [], "response": []}
        hooks["response"].append(hooks_for(world, lambda answer: seen.append(answer.status_code)))
        assert client.event_hooks is hooks

        async def calls() -> None:
            for _ in range(2):
                answer = client.get("/r")
                _ = await answer if world.is_async else answer
            closing = client.aclose() if world.is_async else client.close()
            _ = await closing if world.is_async else closing

        anyio.run(calls)
        assert seen == [200, 200]
        client.event_hooks = {}
        assert client.event_hooks == {"request": [], "response": []}


def test_a_hook_that_raises_for_a_redirect(world: World) -> None:
    """`raise_for_status` minds a 302; so it is raised, as failwell's, and not handed out closed."""
    hooks = {"response": [hooks_for(world, lambda response: response.raise_for_status() and None)]}
    with Server([moved(302, "/b")]) as server:
        error = world.run(
            lambda client: failed(client.get("/x")), base_url=server.url, event_hooks=hooks
        )
    assert type(error) is failwell.BadResponseError
    assert error.status_code == 302


# HTTP/2, TLS and proxies


async def h2_app(scope: Any, receive: Any, send: Any) -> None:
    """Answers 503 once for each path that ends in /shy, then says what it got."""
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    asked = SHY.setdefault(scope["path"], 0)
    SHY[scope["path"]] += 1
    refused = scope["path"].endswith("/shy") and asked == 0
    fields = {name.decode(): value.decode() for name, value in scope["headers"]}
    said = {"version": scope["http_version"], "key": fields.get("idempotency-key"), "n": len(body)}
    failure = {"error": {"code": "busy", "message": "Later."}}
    start = {"type": "http.response.start", "status": 429 if refused else 200}
    await send({**start, "headers": [(b"content-type", b"application/json")]})
    await send(
        {"type": "http.response.body", "body": json.dumps(failure if refused else said).encode()}
    )


SHY: dict[str, int] = {}


@pytest.fixture(autouse=True)
def _fresh() -> None:
    SHY.clear()


@pytest.fixture(scope="module")
def h2_urls(certificates: Certificates) -> Iterator[dict[str, str]]:
    with http2(h2_app) as clear, http2(h2_app, certificates) as tls:
        yield {"clear": clear, "tls": tls}


@pytest.mark.parametrize("how", ["clear", "tls"])
def test_http2(world: World, how: str, h2_urls: dict[str, str], certificates: Certificates) -> None:
    """A retried write with a deadline and a large body, over real HTTP/2."""
    response = world.run(
        lambda client: client.post("/shy", content=b"x" * 300_000),
        base_url=h2_urls[how],
        http1=how == "tls",
        http2=True,
        verify=certificates.client if how == "tls" else False,
        contract=msgspec.structs.replace(API, whole_requests=True),
        policy=Policy(retry=Retry(base=0.0), deadline=10),
    )
    assert response.http_version == "HTTP/2"
    assert response.json()["version"] == "2"
    assert response.json()["n"] == 300_000
    assert response.json()["key"]
    assert len(response.extensions["failwell_attempts"]) == 1


def test_http2_serves_many_calls_at_once(h2_urls: dict[str, str]) -> None:
    """Twenty calls share a connection, each with its own key."""
    world = World("async")

    async def scenario(client: Face) -> list[str]:
        keys: list[str] = []

        async def one(n: int) -> None:
            response = await client.post(f"/{n}/shy", content=b"x" * n)
            assert response.json()["n"] == n
            keys.append(response.json()["key"])

        async with anyio.create_task_group() as group:
            for n in range(20):
                group.start_soon(one, n)
        return keys

    keys = world.run(scenario, base_url=h2_urls["clear"], http1=False, http2=True)
    assert len(set(keys)) == 20


def test_tls_that_is_not_trusted_did_nothing(world: World, certificates: Certificates) -> None:
    """A certificate that cannot be verified fails before a byte is sent: not started."""
    with Server(ssl=certificates.server) as server:

        async def scenario(client: Face) -> FailwellError:
            return await failed(client.post("/x"))

        error = world.run(scenario, base_url=server.url, verify=True, policy=ONCE)
        response = world.run(
            lambda client: client.get("/x"), base_url=server.url, verify=certificates.client
        )
    assert error.outcome is Outcome.NOT_STARTED
    assert "certificate" in error.message.lower()
    assert response.status_code == 200


def test_a_forwarding_proxy(world: World) -> None:
    """http through a proxy, with a fault on the way."""
    with proxy() as (url, seen), Server([Act("reset")], honours_keys=True) as server:
        response = world.run(lambda client: client.post(server.url + "/x"), proxy=url)
    assert response.status_code == 201
    assert seen == [f"POST {server.url}/x HTTP/1.1"] * 2
    assert server.done == 1


def test_a_tunnelling_proxy(world: World, certificates: Certificates) -> None:
    """https through CONNECT; a refused CONNECT has sent nothing, and is tried again."""
    with proxy(lambda n: n == 1) as (url, seen), Server(ssl=certificates.server) as server:
        response = world.run(
            lambda client: client.post(server.url + "/x"),
            proxy=url,
            verify=certificates.client,
            contract=UNKEYED,
            policy=Policy(deadline=10),
        )
    assert response.status_code == 201
    assert seen == [f"CONNECT 127.0.0.1:{server.port} HTTP/1.1"] * 2
    assert server.done == 1


def test_the_deadline_holds_through_a_proxy(world: World, certificates: Certificates) -> None:
    """A server behind a tunnel that trickles bytes cannot outlast the deadline either."""
    with proxy() as (url, _), Server([Act("trickle_headers")], ssl=certificates.server) as server:
        error = world.run(
            lambda client: failed(client.get(server.url + "/x")),
            proxy=url,
            verify=certificates.client,
            policy=Policy(deadline=0.4),
            timeout=30,
        )
    assert type(error) is failwell.DeadlineExceededError


def test_a_proxy_that_is_not_there(world: World) -> None:
    """A refused proxy has passed nothing on."""
    with Server(listening=False) as gone:
        error = world.run(
            lambda client: failed(client.post("http://127.0.0.1:9/x")), proxy=gone.url, policy=ONCE
        )
    assert error.outcome is Outcome.NOT_STARTED


# Timeouts, base_url, mounts, transports


def test_a_full_pool_has_sent_nothing(world: World) -> None:
    """No free connection in time: a time-out that is proven not to have started."""
    with Server() as server:

        async def scenario(client: Face) -> FailwellError:
            async with client.stream("GET", "/x"):
                return await failed(client.post("/x"))

        error = world.run(
            scenario,
            base_url=server.url,
            limits=httpx2.Limits(max_connections=1),
            timeout=httpx2.Timeout(5, pool=0.05),
            policy=ONCE,
        )
    assert type(error) is failwell.APITimeoutError
    assert error.outcome is Outcome.NOT_STARTED
    assert error.attempts[0].fault == "PoolTimeout"


def test_base_url_params_and_headers_are_merged(world: World) -> None:
    """What a client adds to each call is there at every attempt."""
    with Server([BUSY]) as server:
        world.run(
            lambda client: client.get("x", params={"b": "2"}),
            base_url=server.url + "/v1",
            params={"a": "1"},
            headers={"X-Own": "yes"},
        )
    assert [seen.path for seen in server.requests] == ["/v1/x?a=1&b=2"] * 2
    assert [seen.headers["x-own"] for seen in server.requests] == ["yes"] * 2


URLS = [
    "/a", "a", "", ".", "/a/../b", "/a?q=1", "?q=1", "/a#part", "/ä b", "//c.example/x",
    "https://c.example", "https://c.example:443/x", "HTTPS://C.example/x", "https://u:p@c.example/",
    httpx2.URL("/a"), httpx2.URL("https://c.example/x?q=2"),
]  # fmt: skip


@pytest.mark.parametrize("kind", [failwell.Client, failwell.AsyncClient])
@pytest.mark.parametrize("url", URLS, ids=str)
def test_a_url_leads_where_it_leads_over_httpx2_the_second_time_too(
    kind: Any, url: httpx2.URL | str
) -> None:
    """Whatever has changed between two requests: the base, the client's parameters, the call's."""
    ours, theirs = kind(), httpx2.Client()

    def agree(**how: Any) -> None:
        for _ in range(3):
            expected = theirs.build_request("GET", url, **how)
            assert ours.build_request("GET", url, **how).url == expected.url

    for base in ("", "https://a.example/v1", "https://b.example?key=1", "https://a.example/v1"):
        for client in (ours, theirs):
            client.base_url, client.params = base, {}
        agree()
        agree(params={})
        agree(params={"page": "2"})
        agree()
        for client in (ours, theirs):
            client.params = {"size": "5"}
        agree()
        agree(params={"page": "2"})


def test_urls_with_secrets_are_not_kept_and_no_more_than_some() -> None:
    client = failwell.Client(base_url="https://a.example")
    for url in ("/a?key=secret", "https://user:secret@a.example/", httpx2.URL("/secret")) * 3:
        client.build_request("GET", url)
    assert client._parsed._known == {}
    for number in range(1000):
        for _ in range(2):
            client.build_request("GET", f"/{number}")
    assert 0 < len(client._parsed._known) <= 256


def test_mock_transport_and_mounts(world: World) -> None:
    """Mounted transports are used, and their faults are judged like the network's."""
    calls: list[str] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        calls.append(request.headers["idempotency-key"])
        if len(calls) == 1:
            raise httpx2.ReadError("lost", request=request)
        return httpx2.Response(200, json={"ok": True})

    def never(request: httpx2.Request) -> httpx2.Response:
        raise AssertionError("not for this one")

    transport = httpx2.AsyncBaseTransport if world.is_async else httpx2.BaseTransport
    assert issubclass(httpx2.MockTransport, transport)
    response = world.run(
        lambda client: client.post("http://mounted.test/x"),
        transport=httpx2.MockTransport(never),
        mounts={"http://mounted.test": httpx2.MockTransport(handle)},
    )
    assert response.json() == {"ok": True}
    assert calls[0] == calls[1]


def test_asgi_transport() -> None:
    """An ASGI app in the same process is called over its transport."""
    transport = httpx2.ASGITransport(app=h2_app)
    response = World("async").run(
        lambda client: client.post("http://app.test/shy", content=b"abc"), transport=transport
    )
    assert response.json()["n"] == 3
    assert len(response.extensions["failwell_attempts"]) == 1


def test_wsgi_transport() -> None:
    """A WSGI app in the same process is called over its transport."""
    asked: list[str] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        asked.append(environ["HTTP_IDEMPOTENCY_KEY"])
        status = "503 Away" if len(asked) == 1 else "200 OK"
        start_response(status, [("Content-Type", "application/json")])
        return [b'{"ok": true}']

    response = World("sync").run(
        lambda client: client.post("http://app.test/x"), transport=httpx2.WSGITransport(app=app)
    )
    assert response.json() == {"ok": True}
    assert len(set(asked)) == 1
    assert len(asked) == 2


def test_server_sent_events(world: World) -> None:
    """`client.sse()` reads events; an answer that has none is failwell's exception."""
    events = Act(status=200, body=b"data: one\n\ndata: two\n\n", content_type="text/event-stream")
    any_body = {"failwell": failwell.Options(expect="any")}
    with Server([events, OK]) as server:

        async def listen(client: Face) -> list[str]:
            if world.is_async:
                async with client.client.sse("/x", extensions=any_body) as source:
                    return [event.data async for event in source]
            with client.client.sse("/x", extensions=any_body) as source:
                return [event.data for event in source]

        assert world.run(listen, base_url=server.url) == ["one", "two"]
        with pytest.raises(failwell.BadResponseError):
            world.run(listen, base_url=server.url)


# The surface


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(failwell.Client, httpx2.Client), (failwell.AsyncClient, httpx2.AsyncClient)],
)
def test_every_public_attribute_is_there(ours: Any, theirs: Any) -> None:
    """Whatever httpx2's client has, ours has, taking the same arguments."""
    own = ours(trust_env=False, verify=False)
    for name in (n for n in dir(theirs) if not n.startswith("_")):
        assert hasattr(ours, name)
        getattr(own, name)
        if callable(getattr(theirs, name)) and not {"args", "how"} & set(
            inspect.signature(getattr(ours, name)).parameters
        ):
            given = inspect.signature(getattr(theirs, name)).parameters
            taken = inspect.signature(getattr(ours, name)).parameters.values()
            assert [p.name for p in taken if p.kind is not p.VAR_KEYWORD] == list(given)
    assert issubclass(ours, theirs)


def test_the_methods_all_send(world: World) -> None:
    """get, post, put, patch, delete, head, options, query and request go through `send`."""
    methods = ["get", "post", "put", "patch", "delete", "head", "options", "query"]
    with Server() as server:

        async def scenario(client: Face) -> None:
            for method in methods:
                answer = getattr(client.client, method)(f"/{method}")
                response = await answer if inspect.isawaitable(answer) else answer
                assert isinstance(response, httpx2.Response)

        world.run(scenario, base_url=server.url)
    assert [seen.method.lower() for seen in server.requests] == methods


def test_attributes_are_settable_and_views_share_them(world: World) -> None:
    """headers, cookies, params, auth, timeout, base_url and hooks stay httpx2's own."""

    async def scenario(client: Face) -> None:
        own = client.client
        own.headers["X-Own"] = "1"
        own.timeout = 7
        own.base_url = "http://a.test/v1"
        own.auth = ("a", "b")
        view = own.with_options(deadline=3)
        assert type(view) is type(own)
        assert view.headers["X-Own"] == "1"
        assert view.timeout == httpx2.Timeout(7)
        assert view.cookies is own.cookies
        assert view.contract is own.contract
        assert view.policy is own.policy
        assert not own.is_closed

    world.run(scenario)


# Faults


def classes_of(root: type[BaseException]) -> set[type[BaseException]]:
    return {root}.union(*(classes_of(sub) for sub in root.__subclasses__()))


HTTPX2S_OWN = (
    {
        found
        for _, found in inspect.getmembers(httpx2, inspect.isclass)
        if issubclass(found, Exception) and not issubclass(found, Warning)
    }
    | classes_of(httpx2.HTTPError)
    | classes_of(httpx2.StreamError)
)


@pytest.mark.parametrize("cls", sorted(HTTPX2S_OWN, key=lambda c: c.__name__))
def test_no_exception_of_httpx2_gets_through(world: World, cls: type[Exception]) -> None:
    """Whichever httpx2 may raise while a request is sent, a failwell exception comes out."""
    request = httpx2.Request("GET", "http://x.test")
    given: tuple[Any, ...] = () if issubclass(cls, httpx2.StreamError) else ("it broke",)
    if cls is httpx2.StreamError:
        given = ("it broke",)
    more = {"request": request, "response": httpx2.Response(500, request=request)}
    error = cls(*given, **more) if cls is httpx2.HTTPStatusError else cls(*given)

    def handle(_: httpx2.Request) -> httpx2.Response:
        raise error

    raised = world.run(
        lambda client: failed(client.post("http://x.test")),
        transport=httpx2.MockTransport(handle),
        contract=UNKEYED,
    )
    assert type(raised).__module__.startswith("failwell")
    assert raised.outcome in (Outcome.UNKNOWN, Outcome.NOT_STARTED)


def test_every_exception_of_httpx2_has_a_line_of_its_own_or_its_parents() -> None:
    """The table is complete: no class of httpx2's is without a meaning, none is known by guess."""
    named = {
        getattr(httpx2, name) for name in httpx2.__all__ if inspect.isclass(getattr(httpx2, name))
    }
    ours = {c for c in named if issubclass(c, Exception) and not issubclass(c, Warning)}
    assert ours <= set(attempt.FAULTS)
    assert all(issubclass(c, attempt.RAISED) for c in ours)


def test_only_what_comes_before_the_first_byte_is_said_not_to_be_sent() -> None:
    """The faults after which a write may be sent again at once are these five, and no other."""
    unsent = {cls for cls, (_, sent, _) in attempt.FAULTS.items() if not sent}
    assert unsent == {
        httpx2.ConnectError,
        httpx2.ConnectTimeout,
        httpx2.PoolTimeout,
        httpx2.ProxyError,
        httpx2.UnsupportedProtocol,
    }


def test_every_exception_of_httpcore_is_mapped_by_httpx2() -> None:
    """What lies below httpx2 comes up as one of its own, but for those that it never lets out."""
    from httpx2._transports.default import _load_httpcore_exceptions

    below = {
        c for _, c in inspect.getmembers(httpcore2, inspect.isclass) if issubclass(c, Exception)
    }
    mapped = set(_load_httpcore_exceptions())
    unmapped = {c for c in below if not issubclass(c, tuple(mapped))}
    assert {c.__name__ for c in unmapped} <= {"ConnectionNotAvailable"}


def test_a_closed_client_says_so(world: World) -> None:
    """Using a client after `close()` is a mistake in the program: httpx2's own `RuntimeError`."""

    async def scenario(client: Face) -> None:
        closed = client.client
        if world.is_async:
            await closed.aclose()
        else:
            closed.close()
        with pytest.raises(RuntimeError, match="closed"):
            await client.get("http://x.test")

    world.run(scenario)


def test_with_blocks_close(world: World) -> None:
    """`with` and `async with` open and close the client."""

    async def use() -> Any:
        client = world.client()
        if world.is_async:
            async with client as entered:
                assert entered is client
        else:
            with client as entered:
                assert entered is client
        return client

    assert world.run_alone(use).is_closed


def test_netrc_auth(world: World, tmp_path: Path) -> None:
    """Credentials from a netrc file stay httpx2's business and work."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1\nlogin adam\npassword secret\n")
    with Server() as server:
        world.run(
            lambda client: client.get("/x"), base_url=server.url, auth=httpx2.NetRCAuth(str(netrc))
        )
    assert server.requests[0].headers["authorization"].startswith("Basic ")
