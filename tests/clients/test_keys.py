"""Idempotency keys: one for each logical call, and trust only where the contract gives it."""

from __future__ import annotations

import uuid
from typing import Any

import httpx2
import msgspec
import pytest

import failwell
from clients.fault_server import OK, Act, Server, refusal
from clients.world import API, Face, World
from failwell import Idempotency, InvalidRequestError, Options, Outcome

KEY = "Idempotency-Key"
UNTRUSTED = msgspec.structs.replace(API, idempotency=Idempotency(keys="ignored"))
THREE_FAULTS = [Act("reset"), refusal(500, "internal", commit=True), refusal(429, "busy")]


def options(**given: Any) -> dict[str, Any]:
    return {"failwell": Options(**given)}


async def post_with(client: Face, key: str, how: str) -> None:
    """A write with a key that is given in one of the three ways."""
    if how == "header":
        await client.post("/records", headers={KEY: key})
    elif how == "options":
        await client.post("/records", extensions=options(idempotency_key=key))
    else:
        await client.with_options(idempotency_key=key).post("/records")


def test_one_key_is_minted_once_and_serves_every_attempt(world: World) -> None:
    """Four attempts of one call carry one key, a fresh UUID; the next call has another."""
    with Server(THREE_FAULTS, honours_keys=True) as server:

        async def scenario(client: Face) -> None:
            await client.post("/records", json={"name": "a"})
            await client.post("/records", json={"name": "a"})

        world.run(scenario, base_url=server.url)
    first, second = server.keys[:4], server.keys[4]
    assert len(set(first)) == 1
    assert uuid.UUID(first[0]).version == 4
    assert second not in first
    assert server.done == 2


def test_the_callers_request_is_left_as_it_was(world: World) -> None:
    """The key is set on a copy: a request object sent twice is two calls with two keys."""
    with Server([Act("reset")], honours_keys=True) as server:

        async def scenario(client: Face) -> None:
            request = client.build_request("POST", "/records", json={"name": "a"})
            before = (dict(request.headers), dict(request.extensions), request.content)
            await client.send(request)
            assert (dict(request.headers), dict(request.extensions), request.content) == before
            await client.send(request)

        world.run(scenario, base_url=server.url)
    assert len(server.requests) == 3
    assert server.keys[0] == server.keys[1] != server.keys[2]
    assert {seen.body for seen in server.requests} == {b'{"name":"a"}'}


@pytest.mark.parametrize("how", ["header", "options", "with_options"])
def test_the_users_key_wins(world: World, how: str) -> None:
    """A key given by header or by `Options` is the one that every attempt carries."""
    with Server([Act("reset")], honours_keys=True) as server:
        world.run(lambda client: post_with(client, "mine-1", how), base_url=server.url)
    assert server.keys == ["mine-1", "mine-1"]
    assert server.done == 1


def test_a_users_key_earns_no_trust(world: World) -> None:
    """With a contract that does not honour keys, a key of the caller's is sent, once."""
    with Server([Act("reset")]) as server:

        async def scenario(client: Face) -> failwell.FailwellError:
            with pytest.raises(failwell.APIConnectionError) as caught:
                await client.post("/records", headers={KEY: "mine-1"})
            return caught.value

        error = world.run(scenario, base_url=server.url, contract=UNTRUSTED)
    assert server.keys == ["mine-1"]
    assert error.outcome is Outcome.UNKNOWN
    assert error.sent is not None
    assert error.sent.key == "mine-1"


def test_generic_sends_a_key_and_does_not_trust_it(world: World) -> None:
    """An undeclared API gets a key with each POST; only `trusting_keys()` makes it a licence."""
    with Server([Act("reset"), Act("reset")], honours_keys=True) as server:

        async def scenario(client: Face) -> None:
            with pytest.raises(failwell.APIConnectionError):
                await client.post("/records")

        world.run(scenario, base_url=server.url, contract=failwell.GENERIC)
        assert len(server.requests) == 1
        assert server.keys[0] is not None
        world.run(
            lambda client: client.post("/records"),
            base_url=server.url,
            contract=failwell.GENERIC.trusting_keys(),
        )
    assert len(server.requests) == 3


@pytest.mark.parametrize("key", ["", "k" * 256, "clé", "a,b", "a b", "a\nb"])
@pytest.mark.parametrize("how", ["header", "options", "with_options"])
def test_bad_keys_are_refused_before_anything_is_sent(world: World, how: str, key: str) -> None:
    """Empty, too long, not visible ASCII, or a list: `InvalidRequestError`, and nothing is sent."""
    with Server() as server:

        async def scenario(client: Face) -> failwell.FailwellError:
            with pytest.raises(InvalidRequestError) as caught:
                await post_with(client, key, how)
            return caught.value

        error = world.run(scenario, base_url=server.url)
    assert server.connections == 0
    assert error.outcome is Outcome.NOT_STARTED
    assert str(error)


def test_a_key_of_255_characters_is_fine(world: World) -> None:
    """The longest key that is allowed arrives whole."""
    with Server() as server:
        world.run(
            lambda client: client.post("/records", headers={KEY: "k" * 255}), base_url=server.url
        )
    assert server.keys == ["k" * 255]


def test_two_key_lines_are_refused(world: World) -> None:
    """Two header lines are a list of keys: refused."""
    with Server() as server:

        async def scenario(client: Face) -> None:
            with pytest.raises(InvalidRequestError):
                await client.post("/records", headers=[(KEY, "a"), (KEY, "b")])

        world.run(scenario, base_url=server.url)
    assert server.connections == 0


def test_a_view_with_a_key_serves_one_write(world: World) -> None:
    """`with_options(idempotency_key=…)` lends its key to one write; the second is refused."""
    script = [OK, Act("reset")]
    with Server(script, honours_keys=True) as server:

        async def scenario(client: Face) -> None:
            view = client.with_options(idempotency_key="order-7")
            await view.get("/records")
            await view.post("/records")
            await view.get("/records")
            with pytest.raises(InvalidRequestError, match="order-7"):
                await view.post("/records")
            with pytest.raises(InvalidRequestError):
                await view.with_options(deadline=5).post("/records")
            await client.post("/records")

        world.run(scenario, base_url=server.url)
    sent = [(seen.method, seen.key) for seen in server.requests]
    assert sent[:4] == [("GET", None), ("POST", "order-7"), ("POST", "order-7"), ("GET", None)]
    assert [key == "order-7" for _, key in sent[4:]] == [False]
    assert server.done == 2


def test_reads_and_deletes_get_no_key(world: World) -> None:
    """Only the methods that the contract names take a key."""
    with Server() as server:

        async def scenario(client: Face) -> None:
            for method in ("GET", "DELETE", "PUT", "PATCH", "POST"):
                await client.request(method, "/records/7")

        world.run(scenario, base_url=server.url)
    assert [key is not None for key in server.keys] == [False, False, False, True, True]


def test_an_api_without_keys_gets_none(world: World) -> None:
    """With `header=None` no key is made up."""
    contract = msgspec.structs.replace(API, idempotency=Idempotency(header=None))
    with Server() as server:
        world.run(lambda client: client.post("/records"), base_url=server.url, contract=contract)
    assert server.keys == [None]


def test_the_header_is_the_contracts(world: World) -> None:
    """The key travels under the name that the contract gives it."""
    rules = Idempotency(header="X-Request-Token", keys="honoured")
    contract = msgspec.structs.replace(API, idempotency=rules)
    with Server([Act("reset")]) as server:
        world.run(lambda client: client.post("/records"), base_url=server.url, contract=contract)
    tokens = {seen.headers["x-request-token"] for seen in server.requests}
    assert len(tokens) == 1
    assert server.keys == [None, None]


@pytest.mark.parametrize("how", ["options", "with_options"])
def test_a_key_that_cannot_travel_is_refused(world: World, how: str) -> None:
    """A key given to an API without a header for it protects nothing: nothing is sent."""
    contract = msgspec.structs.replace(API, idempotency=Idempotency(header=None))
    with Server() as server:

        async def scenario(client: Face) -> None:
            with pytest.raises(InvalidRequestError, match="takes no idempotency keys"):
                await post_with(client, "mine-1", how)
            await client.post("/records")

        world.run(scenario, base_url=server.url, contract=contract)
    assert server.keys == [None]


def test_a_key_in_flight_is_waited_for(world: World) -> None:
    """After a time-out, a 409 to the same key means that the first one may still run: ask on."""
    with Server([Act("hang"), refusal(409, "clash")], honours_keys=True) as server:
        response = world.run(
            lambda client: client.post("/records", timeout=0.15), base_url=server.url
        )
    assert response.json() == {"id": "rec_1"}
    assert server.done == 1


def test_options_of_another_type_are_refused(world: World) -> None:
    """What is not `Options` under `extensions["failwell"]` is refused, in words."""
    with Server() as server:

        async def scenario(client: Face) -> None:
            with pytest.raises(InvalidRequestError, match="Options"):
                await client.post("/records", extensions={"failwell": {"deadline": 3}})

        world.run(scenario, base_url=server.url)
    assert server.connections == 0


def test_a_hook_sees_the_key_and_the_body(world: World) -> None:
    """A request hook sees the copy that is sent, with its key and its content."""
    told: list[tuple[str | None, bytes]] = []

    def look(request: httpx2.Request) -> None:
        told.append((request.headers.get(KEY), request.content))

    async def alook(request: httpx2.Request) -> None:
        look(request)

    hook = alook if world.is_async else look
    for contract in (API, msgspec.structs.replace(API, whole_requests=True)):
        with Server([Act("reset")], honours_keys=True) as server:
            world.run(
                lambda client: client.post("/records", json={"a": 1}),
                base_url=server.url,
                event_hooks={"request": [hook]},
                contract=contract,
            )
        assert told[-2:] == [(key, b'{"a":1}') for key in server.keys]
