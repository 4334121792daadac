"""What is secret is nowhere in what is raised, pickled, printed or logged.

Every call below sends planted secrets by each way that there is, to a server that echoes all of
them in its answers. Afterwards the whole exception is searched, by walking from it.
"""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import httpx
import httpx2
import msgspec
import pytest

import failwell
from clients.fault_server import Act, Seen, Server, error
from clients.world import API, Face, World, read
from failwell import FailwellError, Idempotency, Policy
from failwell.clients.httpx import Transport

SECRETS = {
    "bearer": "tok_live_9f8e7d6c5b4a",
    "api key": "xk-0a1b2c3d4e5f",
    "cookie": "sess+abc/def==ghi",
    "query": "qk&%1234 secret",
    "password": 'pw "quoted" \\ ünï',
    "basic": "basic:pass:word",
    "user info": "userinfo-pass-77",
    "session": "in-the-query-88",
}
HEADERS = {
    "Authorization": f"Bearer {SECRETS['bearer']}",
    "X-API-Key": SECRETS["api key"],
    "Cookie": f"theme=dark; session={SECRETS['cookie']}",
}
BODY = {"user": "adam", "password": SECRETS["password"], "nested": {"client_secret": "nested-1"}}
ONCE = Policy(retry=None)
UNKEYED = msgspec.structs.replace(API, idempotency=Idempotency(header=None))


def echo(seen: Seen) -> str:
    """Everything that came with a request, as a careless server writes it back."""
    lines = "; ".join(f"{name}: {value}" for name, value in seen.headers.items())
    return f"You sent {seen.path} with {lines} and {seen.body.decode()}"


def refuses(status: int, **more: Any) -> Any:
    """Answers in the API's envelope, with everything echoed in message, details and headers."""

    def act(seen: Seen) -> Act:
        body = error(
            status,
            "invalid",
            echo(seen),
            details={"seen": seen.headers, "list": [{"path": "a", "message": echo(seen)}]},
            **({"request_id": seen.headers.get("x-api-key", "")} if status == 422 else {}),
        )
        reflected = seen.headers.get("x-api-key", "-"), seen.headers.get("authorization", "-")
        headers = (("X-Request-Id", reflected[0]), ("X-Echo", reflected[1]))
        return Act(status=status, body=body, headers=headers, commit=False, **more)

    return act


def shows_page(seen: Seen) -> Act:
    return Act(status=200, body=f"<h1>{echo(seen)}</h1>".encode(), content_type="text/html")


def breaks_json(seen: Seen) -> Act:
    # The request's own fields in a text that ends in the midst of a secret.
    return Act(status=200, body=b'{"seen": ' + seen.body[:-9])


ACTS = {
    "refused": refuses(422),
    "failed": refuses(500),
    "page": shows_page,
    "broken": breaks_json,
    "lost": Act("reset"),
    "cut": Act("cut"),
    "hung": Act("hang"),
}


def walk(thing: object, seen: set[int] | None = None) -> list[str]:
    """Every string that can be reached from an exception without running its code."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, (type, int, float)) or thing is None:
        return []
    seen.add(id(thing))
    if isinstance(thing, str):
        return [thing]
    if isinstance(thing, bytes):
        return [thing.decode("utf-8", "replace")]
    parts: list[object] = []
    if isinstance(thing, dict):
        parts += [*thing.keys(), *thing.values()]
    elif isinstance(thing, (list, tuple, set, frozenset)):
        parts += thing
    elif isinstance(thing, msgspec.Struct):
        parts += [getattr(thing, name) for name in thing.__struct_fields__]
    elif isinstance(thing, BaseException):
        parts += [thing.args, thing.__dict__, thing.__cause__, thing.__context__]
        parts += [getattr(thing, "__notes__", []), getattr(thing, "object", None)]
        parts += [getattr(thing, "_request", None), getattr(thing, "response", None)]
    elif isinstance(thing, httpx2.Request):
        parts += [str(thing.url), list(thing.headers.multi_items()), thing.__dict__]
    elif hasattr(thing, "__dict__"):
        parts += [thing.__dict__]
    return [text for part in parts for text in walk(part, seen)]


def exposed(found: FailwellError) -> dict[str, str]:
    """All the ways in which an exception is shown or kept, as text."""
    text = {
        "str": str(found),
        "repr": repr(found),
        "args": repr(found.args),
        "walk": "\n".join(walk(found)),
        "pickle": pickle.dumps(found).decode("latin-1"),
        "pickled": "\n".join(walk(pickle.loads(pickle.dumps(found)))),
        "copies": "\n".join([*walk(copy.copy(found)), *walk(copy.deepcopy(found))]),
        "traceback": "".join(traceback.format_exception(found)),
        "properties": "\n".join(
            f"{getattr(found, name)!r} {getattr(found, name)}"
            for name in (
                *("message", "code", "details", "issues", "errors", "body", "data"),
                *("request_id", "advice", "attempts", "sent", "failure"),
            )
        ),
    }
    return text


def spellings(secret: str) -> set[str]:
    """A secret as it is, and as JSON, URLs, pickles and `repr` spell it."""
    as_json = msgspec.json.encode(secret).decode()[1:-1]
    return {
        *(secret, as_json, repr(secret)[1:-1], quote(secret, safe=""), quote(secret)),
        secret.encode("unicode_escape").decode(),
        secret.encode().decode("latin-1"),
        b64encode(secret.encode()).decode(),
    }


def leaks(text: dict[str, str], secrets: dict[str, str]) -> list[str]:
    return [
        f"{name} in {place}"
        for place, shown in text.items()
        for name, secret in secrets.items()
        if any(form in shown for form in spellings(secret))
    ]


def provoke(world: World, act: Any, contract: failwell.Contract, **more: Any) -> FailwellError:
    with Server([act]) as server:

        async def scenario(client: Face) -> FailwellError:
            url = server.url.replace("://", f"://adam:{SECRETS['user info']}@") + "/records"
            with pytest.raises(FailwellError) as caught:
                await client.post(
                    url,
                    **{"json": BODY, "headers": HEADERS} | more,
                    params={"key": SECRETS["query"], "session": SECRETS["session"], "page": "2"},
                    extensions={"failwell": failwell.Options(expect="json")},
                )
            return caught.value

        return world.run(scenario, contract=contract, policy=ONCE, timeout=0.2)


@pytest.mark.parametrize("contract", [UNKEYED, failwell.GENERIC], ids=["declared", "generic"])
@pytest.mark.parametrize("name", ACTS)
def test_planted_secrets_are_nowhere(
    world: World, name: str, contract: failwell.Contract, caplog: pytest.LogCaptureFixture
) -> None:
    """Each way to send a secret, each way to fail: it is in nothing that can be seen afterwards."""
    caplog.set_level(logging.DEBUG, logger="failwell")
    found = provoke(world, ACTS[name], contract)
    text = exposed(found) | {"log": "\n".join(r.getMessage() for r in caplog.records)}
    assert any(record.name == "failwell" for record in caplog.records)
    assert leaks(text, SECRETS | {"nested": "nested-1"}) == []
    assert "page=2" in found.failure.url


def test_the_harness_finds_what_is_there(world: World) -> None:
    """The search itself works: what is not secret is found in every place that may hold it."""
    found = provoke(world, ACTS["refused"], UNKEYED)
    hits = leaks(exposed(found), {"path": "/records", "user": "adam"})
    assert {"path in walk", "path in pickle", "path in traceback", "user in walk"} <= set(hits)


def test_form_bodies_and_basic_auth(world: World) -> None:
    """A form's password and Basic credentials, as sent and as decoded, are taken out too."""
    found = provoke(
        world,
        ACTS["refused"],
        UNKEYED,
        json=None,
        data={"user": "adam", "password": SECRETS["password"]},
        headers={},
        auth=("adam", SECRETS["basic"]),
    )
    credentials = b64encode(f"adam:{SECRETS['basic']}".encode()).decode()
    assert leaks(exposed(found), SECRETS | {"credentials": credentials}) == []


PEM = b"-----BEGIN KEY-----\r\nMIIabc\r\n-----END KEY-----"
BODIES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "parts": (
        {
            "data": {"user": "adam", "password": SECRETS["password"]},
            "files": {
                "private_key": ("key.pem", PEM),
                "config": (None, b'{"api_key": "in-a-part-1"}', "application/json"),
                "file": b"0123",
            },
        },
        {"password": SECRETS["password"], "key": PEM.decode(), "in a part": "in-a-part-1"},
    ),
    "object": (
        {"json": {"password": {"old": "old-word-1", "new": "new-word-1"}}},
        {"old": "old-word-1", "new": "new-word-1"},
    ),
    "number": ({"json": {"user": "adam", "pin": 98765432}}, {"pin": "98765432"}),
    "plural": ({"json": {"tokens": ["one-of-two-1"]}}, {"token": "one-of-two-1"}),
    "quoted": ({"json": {"passPhrase": 'a "b" \\ c'}}, {"phrase": 'a "b" \\ c'}),
    "XML": (
        {"content": b'<a pwd="in-a-tag-1"><password>tag-word-1</password></a>'},
        {"attribute": "in-a-tag-1", "element": "tag-word-1"},
    ),
}


@pytest.mark.parametrize("name", ["refused", "failed", "page", "lost", "cut"])
@pytest.mark.parametrize("body", BODIES)
def test_bodies_of_other_shapes(
    world: World, body: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A form of parts, an object or a number under a secret name, XML: none of it is seen again."""
    caplog.set_level(logging.DEBUG, logger="failwell")
    sent, secrets = BODIES[body]
    found = provoke(world, ACTS[name], UNKEYED, **{"json": None} | sent)
    text = exposed(found) | {"log": "\n".join(r.getMessage() for r in caplog.records)}
    assert leaks(text, SECRETS | secrets) == []
    assert found.sent is not None
    assert found.sent.body is None


@pytest.mark.parametrize("name", ["page", "lost"])
def test_parts_over_httpx(name: str) -> None:
    """The same of a form of parts that is sent by httpx's own client, at whose seam failwell is."""
    sent, secrets = BODIES["parts"]
    transport = Transport(contract=UNKEYED, policy=ONCE)
    with (
        Server([ACTS[name]]) as server,
        httpx.Client(transport=transport) as client,
        pytest.raises(FailwellError) as caught,
    ):
        client.post(server.url + "/records", headers=HEADERS, **sent)
    assert leaks(exposed(caught.value), SECRETS | secrets) == []


class Signs(httpx2.Auth):
    """Puts its credentials on a request of its own making, not on the caller's."""

    def auth_flow(self, request: httpx2.Request) -> Any:
        signed = httpx2.Request(
            request.method, request.url, headers=request.headers, content=request.content
        )
        signed.headers["Authorization"] = "Custom made-by-auth-flow-1"
        yield signed


@pytest.mark.parametrize("name", ["refused", "page", "lost"])
def test_what_an_auth_flow_adds(world: World, name: str) -> None:
    """Credentials that only the last request carries are taken out of its answer as well."""
    found = provoke(world, ACTS[name], UNKEYED, headers={}, auth=Signs())
    assert leaks(exposed(found), {"signed": "made-by-auth-flow-1"}) == []


def test_a_cookie_that_a_redirect_set(world: World) -> None:
    """A session cookie from the first hop, echoed by the second, is taken out."""
    first = Act(
        status=307,
        commit=False,
        headers=(("Location", "/b"), ("Set-Cookie", "session=set-on-the-way-1")),
    )
    with Server([first, refuses(422)]) as server:

        async def scenario(client: Face) -> FailwellError:
            with pytest.raises(FailwellError) as caught:
                await client.post("/a", json={"a": 1})
            return caught.value

        found = world.run(scenario, base_url=server.url, follow_redirects=True)
    assert len(server.requests) == 2
    assert leaks(exposed(found), {"cookie": "set-on-the-way-1"}) == []


@pytest.mark.parametrize("name", ["refused", "page", "lost"])
def test_the_address_that_a_redirect_leads_to(world: World, name: str) -> None:
    """A presigned URL from the first hop, echoed by the last of three, is taken out."""
    hops = [
        Act(status=307, commit=False, headers=(("Location", "/b?X-Amz-Signature=signed-1"),)),
        Act(status=307, commit=False, headers=(("Location", "/c?token=on-the-way-2"),)),
    ]

    def echoes_all(seen: Seen) -> Act:
        told = error(403, "invalid", f"bad signed-1 at {seen.path}")
        return Act(status=403, body=told, commit=False)

    last = {"refused": echoes_all, "page": shows_page, "lost": Act("reset")}[name]
    with Server([*hops, last]) as server:

        async def scenario(client: Face) -> FailwellError:
            with pytest.raises(FailwellError) as caught:
                await client.post("/a", json={"a": 1})
            return caught.value

        found = world.run(
            scenario, base_url=server.url, follow_redirects=True, contract=UNKEYED, policy=ONCE
        )
    assert len(server.requests) == 3
    assert leaks(exposed(found), {"first": "signed-1", "second": "on-the-way-2"}) == []


def test_a_hook_that_quotes_the_location(world: World) -> None:
    """`raise_for_status` in a hook quotes where a redirect leads: without what is secret in it."""

    def check(response: httpx2.Response) -> None:
        response.raise_for_status()

    async def acheck(response: httpx2.Response) -> None:
        response.raise_for_status()

    moved = Act(status=302, commit=False, headers=(("Location", "/x?token=led-there-1&page=2"),))
    with Server([moved]) as server:

        async def scenario(client: Face) -> FailwellError:
            with pytest.raises(FailwellError) as caught:
                await client.get("/a")
            return caught.value

        hooks = {"response": [acheck if world.is_async else check]}
        found = world.run(scenario, base_url=server.url, event_hooks=hooks)
    assert type(found) is failwell.BadResponseError
    assert "page=2" in found.message
    assert leaks(exposed(found), {"location": "led-there-1"}) == []


def test_the_clients_own_headers_and_jar(world: World) -> None:
    """Secrets that the client adds to each call are treated like those of a call."""
    with Server([refuses(403)]) as server:

        async def scenario(client: Face) -> FailwellError:
            with pytest.raises(FailwellError) as caught:
                await client.get("/records")
            return caught.value

        found = world.run(
            scenario,
            base_url=server.url,
            headers={"X-API-Key": SECRETS["api key"]},
            cookies={"session": SECRETS["cookie"]},
            params={"token": SECRETS["query"]},
        )
    assert leaks(exposed(found), SECRETS) == []


def test_events_keep_them_too(world: World) -> None:
    """An answer that is no stream of events raises an error without a secret behind it."""
    with Server() as server:

        async def listen(client: Face) -> None:
            how = {"method": "POST", "headers": HEADERS, "json": BODY}
            if world.is_async:
                async with client.client.sse("/x", **how) as source:
                    [event async for event in source]
            else:
                with client.client.sse("/x", **how) as source:
                    list(source)

        async def scenario(client: Face) -> FailwellError:
            with pytest.raises(FailwellError) as caught:
                await listen(client)
            return caught.value

        found = world.run(scenario, base_url=server.url, contract=UNKEYED, policy=ONCE)
    assert leaks(exposed(found), SECRETS) == []


@pytest.mark.parametrize("how", ["cut", "gzip", "page"])
def test_streams_keep_them_too(world: World, how: str) -> None:
    """A stream that breaks in the caller's hands raises an error without a secret behind it."""
    act = {
        "cut": Act("cut", body=b'{"a": 1}' * 99),
        "gzip": Act(status=200, body=b"not gzip", headers=(("Content-Encoding", "gzip"),)),
        "page": shows_page,
    }[how]
    with Server([act]) as server:

        async def consume(client: Face) -> None:
            async with client.stream("POST", "/x", headers=HEADERS, json=BODY) as response:
                await read(response)

        async def scenario(client: Face) -> FailwellError:
            with pytest.raises(FailwellError) as caught:
                await consume(client)
            return caught.value

        found = world.run(scenario, base_url=server.url, contract=UNKEYED, policy=ONCE)
    assert leaks(exposed(found), SECRETS) == []


@pytest.mark.parametrize("value", ["bad-secret-é-1", "bad-secret\n-1", "bad-secret-\x00-1"])
def test_a_header_that_cannot_be_sent(world: World, value: str) -> None:
    """The refusal of a malformed credential does not show it."""

    async def scenario(client: Face) -> FailwellError:
        with pytest.raises(failwell.InvalidRequestError) as caught:
            await client.get("/", headers={"X-API-Key": value})
        return caught.value

    with Server() as server:
        found = world.run(scenario, base_url=server.url)
    assert leaks(exposed(found), {"value": value, "part": "bad-secret"}) == []


def test_malformed_urls(world: World) -> None:
    """The refusal of a malformed URL does not show the password in it."""

    async def scenario(client: Face) -> list[FailwellError]:
        found = []
        for url in (
            "http://a:hidden-pw-1@[::1",
            "http://a:hidden-pw-1@x:port/",
            "http://a:hidden-pw-1@x\n/",
        ):
            with pytest.raises(failwell.InvalidRequestError) as caught:
                await client.get(url)
            found.append(caught.value)
        return found

    for found in world.run(scenario):
        assert leaks(exposed(found), {"password": "hidden-pw-1"}) == []


def test_retried_and_recovered_calls_log_none(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The lines about attempts that failed, and about a recovery, hold none."""
    caplog.set_level(logging.DEBUG, logger="failwell")
    with Server([refuses(500), Act("reset")], honours_keys=True) as server:
        world.run(
            lambda client: client.post(
                "/records", json=BODY, headers=HEADERS, params={"api_key": SECRETS["query"]}
            ),
            base_url=server.url,
        )
    lines = [record.getMessage() for record in caplog.records if record.name == "failwell"]
    assert len(lines) == 3
    said = {
        "log": "\n".join(lines),
        "extra": "\n".join(
            text for record in caplog.records for text in walk(getattr(record, "failwell", None))
        ),
    }
    assert leaks(said, SECRETS) == []
