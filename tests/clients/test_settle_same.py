"""Settling sends the same request: with the header fields that say what was asked for, and for
whom; where one of those could not be kept, it sends nothing."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import msgspec
import pytest
import requests

import failwell
from clients.fault_server import Act, Server, refusal
from clients.test_settle import LOST, ONCE, THERE, UNKEYED, by_look_up, lose
from clients.world import Face, World
from failwell import FailwellError, InvalidRequestError, Outcome, Settled
from failwell.clients.httpx import Transport
from failwell.clients.requests import Adapter
from failwell.model import Sent

GENERIC = failwell.GENERIC.trusting_keys()
SECRET = "s3cr3t-s3cr3t"


async def settle_at_once(client: Face, **request: Any) -> Settled:
    settled: Settled = await client.settle(await lose(client, **request))
    return settled


def settled(
    world: World, request: dict[str, Any], *script: Any, **arguments: Any
) -> tuple[Settled, Server]:
    """A lost write of that request and its settlement with one client; and the server."""
    with Server([LOST, *script], honours_keys=True) as server:
        found = world.run(
            lambda client: settle_at_once(client, **request),
            base_url=server.url,
            policy=ONCE,
            **arguments,
        )
    return found, server


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Stripe-Account", "acct_1032D82eZvKYlo2C"),
        ("If-Match", '"v1"'),
        ("Accept", "application/vnd.records.v2+json"),
        ("Prefer", "return=representation"),
        ("Host", "tenant-7.example.org"),
    ],
)
def test_the_calls_own_fields_are_sent_again(world: World, name: str, value: str) -> None:
    """What a header field of the call asks for, or for whom, is asked for again."""
    found, server = settled(world, {"headers": {name: value}})
    assert found.outcome is Outcome.APPLIED
    first, again = server.requests
    assert first.headers[name.lower()] == again.headers[name.lower()] == value
    assert first.headers == again.headers


def test_a_coding_is_sent_again_with_its_body(world: World) -> None:
    """A body that was compressed goes with its Content-Encoding."""
    body = gzip.compress(b"{}")
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    _, server = settled(world, {"json": None, "content": body, "headers": headers})
    assert [seen.headers["content-encoding"] for seen in server.requests] == ["gzip", "gzip"]
    assert [seen.body for seen in server.requests] == [body, body]


def test_a_precondition_still_holds(world: World) -> None:
    """A PUT that was made under If-Match overwrites nothing that somebody has done since."""
    changed = refusal(412, "changed")
    with Server([Act("reset", commit=False), changed]) as server:

        async def scenario(client: Face) -> Settled:
            return await settle_at_once(client, method="PUT", headers={"If-Match": '"v1"'})

        found = world.run(scenario, base_url=server.url, policy=ONCE, contract=GENERIC)
    assert found.outcome is Outcome.UNKNOWN
    assert server.done == 0


def test_a_put_is_told_without_a_key(world: World) -> None:
    """The words do not speak of a key where there was none."""
    found, _ = settled(world, {"method": "PUT"})
    assert found.outcome is Outcome.APPLIED
    assert "PUT" in found.why
    assert "key" not in found.why


def test_the_account_of_the_first_client_is_asked_for_by_another(world: World) -> None:
    """A field that the first client sent with every call is part of what was sent, too."""
    with Server([LOST], honours_keys=True) as server:
        fields = {"Stripe-Account": "acct_1"}
        lost = world.run(lose, base_url=server.url, policy=ONCE, headers=fields)
        lost = pickle.loads(pickle.dumps(lost))
        world.run(lambda client: client.settle(lost), headers={"Stripe-Account": "acct_2"})
    assert [seen.headers["stripe-account"] for seen in server.requests] == ["acct_1", "acct_1"]


OWN: list[dict[str, Any]] = [
    {"headers": {"Authorization": f"Bearer {SECRET}"}},
    {"headers": {"X-Api-Key": SECRET}},
    {"headers": {"Cookie": f"tenant={SECRET}"}},
    {"headers": {"X-Caller": f"Bearer {SECRET}"}},
    {"headers": {"X-Note": "é".encode()}},
    {"headers": {"X-Note": "n" * 20_000}},
    {"auth": ("alice", SECRET)},
]


@pytest.mark.parametrize("given", OWN, ids=lambda given: str(given)[:24])
def test_what_was_the_calls_own_and_is_not_kept_must_be_given_again(
    world: World, given: dict[str, Any]
) -> None:
    """Under the client's own credential, or without one, it would be another request: it is not
    sent, and the words say what is missing. With that, the same is sent."""
    with Server([LOST], honours_keys=True) as server:

        async def scenario(client: Face) -> tuple[FailwellError, Settled, Settled]:
            lost = await lose(client, **given)
            return lost, await client.settle(lost), await client.settle(lost, **given)

        lost, without, found = world.run(
            scenario, base_url=server.url, policy=ONCE, headers={"X-Api-Key": "the-client's"}
        )
    name = next(iter(given.get("headers", given))).lower()
    assert without.outcome is Outcome.UNKNOWN
    assert f"with {name} of its own" in without.why
    assert "client.settle(error, " in without.why
    assert SECRET.encode() not in pickle.dumps(lost)
    assert found.outcome is Outcome.APPLIED
    first, again = server.requests
    assert first.headers == again.headers
    assert server.done == 1


def test_what_is_given_again_is_in_no_error(world: World) -> None:
    """The error of a settlement that failed keeps no more than the first one did."""
    given = {"headers": {"X-Api-Key": SECRET, "X-Unlisted": "unlisted-secret"}}
    with Server([LOST, refusal(500, "internal")], honours_keys=True) as server:

        async def scenario(client: Face) -> tuple[FailwellError, Settled]:
            lost = await lose(client, headers={"X-Api-Key": SECRET})
            return lost, await client.settle(lost, **given)

        lost, found = world.run(scenario, base_url=server.url, policy=ONCE)
    assert found.error is not None
    assert found.error.sent == lost.sent
    assert SECRET.encode() not in pickle.dumps(found.error)
    assert b"unlisted-secret" not in pickle.dumps(found.error)


def test_a_call_without_the_clients_auth_is_not_sent_with_it(world: World) -> None:
    """`auth=None` is an auth of its own."""
    found, server = settled(world, {"auth": None}, auth=("main", SECRET))
    assert found.outcome is Outcome.UNKNOWN
    assert len(server.requests) == 1


def signed(request: httpx2.Request) -> httpx2.Request:
    request.headers["X-Signature"] = SECRET
    return request


@pytest.mark.parametrize(
    "brings",
    [
        {"auth": ("main", SECRET)},
        {"auth": signed},
        {"headers": {"Authorization": f"Bearer {SECRET}"}},
        {"headers": {"Authorization": "Bearer tp_live_…".encode()}},
        {"headers": {"Cookie": f"session={SECRET}"}},
        {"cookies": {"session": SECRET}},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_the_client_brings_to_every_call_need_not_be_given(
    world: World, brings: dict[str, Any], method: str
) -> None:
    """Its own credentials, and its cookies, go with what it settles as with what it sends."""
    found, server = settled(world, {"method": method}, **brings)
    assert found.outcome is Outcome.APPLIED
    first, again = server.requests
    assert first.headers == again.headers


def test_a_cookie_that_an_answer_sets_makes_no_other_request(world: World) -> None:
    """The client's cookies may have changed since, as those of a load balancer do."""
    balanced = (("Set-Cookie", "node=2"),)
    failed = Act(status=502, body=b"<html>", content_type="text/html", headers=balanced)
    with Server([failed], honours_keys=True) as server:

        async def scenario(client: Face) -> Settled:
            return await settle_at_once(client)

        found = world.run(scenario, base_url=server.url, policy=ONCE, cookies={"node": "1"})
    assert found.outcome is Outcome.APPLIED
    first, again = (seen.headers["cookie"] for seen in server.requests)
    assert "node=2" not in first
    assert "node=2" in again


def test_an_old_error_has_no_fields() -> None:
    """An error that was pickled by an earlier failwell is settled as it was then."""
    sent = Sent(method="POST", url="https://api.example.org/", at=0.0, key="k")
    assert (sent.fields, sent.withheld) == ((), ())


@pytest.mark.parametrize("given", OWN, ids=lambda given: str(given)[:24])
def test_a_look_up_asks_for_the_same_caller(world: World, given: dict[str, Any]) -> None:
    """While the call is under way, its record is looked for with all that the call had of its own,
    without what told of its body."""
    headers = {"X-Tenant": "t7", "If-Match": '"v1"'} | given.get("headers", {})
    with Server([LOST, THERE]) as server:
        world.run(
            lambda client: client.post(
                "/records", json={"name": "a"}, **given | {"headers": headers}
            ),
            base_url=server.url,
            contract=by_look_up(),
        )
    first, look = server.requests
    gone = {"content-length", "content-type", "if-match", "idempotency-key"}
    assert look.headers == {n: v for n, v in first.headers.items() if n not in gone}


def test_a_later_look_up_asks_for_the_same_caller(world: World) -> None:
    """So does that of a settlement; it says nothing where a part of that caller is missing."""
    fields = {"X-Tenant": "t7"}
    with Server([LOST, THERE]) as server:

        async def scenario(client: Face) -> list[Settled]:
            first = await client.settle(lost)
            assert lost.sent is not None
            lost.sent = msgspec.structs.replace(lost.sent, withheld=("x-api-key",))
            return [first, await client.settle(lost)]

        lost = world.run(
            lambda client: lose(client, headers=fields), base_url=server.url, contract=UNKEYED
        )
        shows, nothing = world.run(scenario, base_url=server.url, contract=by_look_up())
    assert shows.outcome is Outcome.APPLIED
    assert nothing.outcome is Outcome.UNKNOWN
    assert [seen.headers["x-tenant"] for seen in server.requests] == ["t7", "t7"]


def test_a_look_up_elsewhere_asks_for_the_client_alone(world: World) -> None:
    """What the call alone had does not leave the origin that it was sent to."""
    with Server([THERE]) as elsewhere, Server([LOST]) as server:
        look = failwell.LookUp(
            request=lambda sent: ("GET", elsewhere.url), found=lambda sent, answer: True
        )
        world.run(
            lambda client: client.post(
                "/records", json={}, headers={"X-Api-Key": SECRET, "X-Tenant": "t7"}
            ),
            base_url=server.url,
            contract=msgspec.structs.replace(UNKEYED, look_up=look),
        )
    (look_up,) = elsewhere.requests
    assert "x-api-key" not in look_up.headers
    assert "x-tenant" not in look_up.headers


Arguments = Callable[[Server], dict[str, Any]]
CREDENTIAL = {"headers": {"Authorization": f"Bearer {SECRET}"}}


@pytest.mark.parametrize(
    ("made", "is_asked"),
    [
        (lambda other: {"base_url": other.url, **CREDENTIAL}, False),
        (lambda other: {"base_url": other.url, "auth": ("main", SECRET)}, False),
        (lambda other: {"base_url": other.url}, True),
        (lambda other: CREDENTIAL, True),
    ],
    ids=["header", "auth", "none", "nowhere"],
)
def test_credentials_stay_where_they_belong(world: World, made: Arguments, is_asked: bool) -> None:
    """A client that has credentials for one API, by its base URL, settles no write to another; one
    without a base URL, or without credentials, settles any."""
    with Server([LOST], honours_keys=True) as server, Server() as other:
        lost = world.run(lose, base_url=server.url, policy=ONCE, contract=GENERIC)
        found = world.run(lambda client: client.settle(lost), contract=GENERIC, **made(other))
    assert found.outcome is (Outcome.APPLIED if is_asked else Outcome.UNKNOWN)
    assert len(server.requests) == (2 if is_asked else 1)
    assert is_asked or "credentials" in found.why


def test_options_around_it_hold(world: World) -> None:
    """A deadline given to all calls inside a `with` is kept by a settlement, too; the view's own
    wins over it."""
    with Server([LOST, Act("hang"), Act("hang")]) as server:

        async def scenario(client: Face) -> list[Settled]:
            lost = await lose(client)
            with failwell.options(deadline=0.2):
                around = await client.settle(lost)
            with failwell.options(deadline=60):
                return [around, await client.with_options(deadline=0.2).settle(lost)]

        found = world.run(scenario, base_url=server.url, policy=ONCE)
    for one in found:
        assert isinstance(one.error, failwell.DeadlineExceededError)


Given = dict[str, Any]


@pytest.mark.parametrize(
    ("error", "given", "word"),
    [
        (ValueError("x"), {}, "error="),
        (None, {}, "error="),
        (..., {"content": {"a": 1}}, "content="),
        (..., {"headers": 5}, "headers"),
    ],
)
def test_what_cannot_be_settled_is_refused(
    world: World, error: Any, given: Given, word: str
) -> None:
    """A foreign exception, and what no request can have, raise `InvalidRequestError`, which names
    it; nothing is sent."""
    with Server([LOST]) as server:

        async def scenario(client: Face) -> Any:
            lost = await lose(client)
            return await client.settle(lost if error is ... else error, **given)

        with pytest.raises(InvalidRequestError, match=word):
            world.run(scenario, base_url=server.url, policy=ONCE)
    assert len(server.requests) == 1


def lost_under_httpx(url: str, fields: dict[str, str]) -> FailwellError:
    adopted = httpx.Client(transport=Transport(policy=ONCE, contract=GENERIC), headers=fields)
    with adopted as client, pytest.raises(FailwellError) as caught:
        client.post(url, json={"name": "a"}, headers={"If-Match": '"v1"'})
    return caught.value


def lost_under_requests(url: str, fields: dict[str, str]) -> FailwellError:
    with requests.Session() as session:
        session.mount("http://", Adapter(policy=ONCE, contract=GENERIC))
        session.headers.update(fields)
        with pytest.raises(FailwellError) as caught:
            session.post(url, json={"name": "a"}, headers={"If-Match": '"v1"'})
    return caught.value


@pytest.mark.parametrize("lose_under", [lost_under_httpx, lost_under_requests])
def test_what_was_lost_under_an_adopted_library_is_settled_alike(
    world: World, lose_under: Callable[[str, dict[str, str]], FailwellError]
) -> None:
    """Its fields are kept as those of failwell's own client are; its credentials are not, and the
    client that settles brings its own."""
    fields = {"Stripe-Account": "acct_1", "Authorization": f"Bearer {SECRET}"}
    with Server([LOST], honours_keys=True) as server:
        lost = lose_under(server.url + "/records", fields)
        assert SECRET.encode() not in pickle.dumps(lost)
        found = world.run(
            lambda client: client.settle(lost), headers={"Authorization": f"Bearer {SECRET}"}
        )
    assert found.outcome is Outcome.APPLIED
    first, again = server.requests
    for name in ("stripe-account", "authorization", "if-match", "idempotency-key"):
        assert first.headers[name] == again.headers[name]
    assert first.body == again.body
    assert server.done == 1
