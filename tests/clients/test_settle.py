"""`client.settle(error)`: what became of a write, found out now, later, or in another process."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import time
from typing import Any

import httpx2
import msgspec
import pytest

import failwell
from clients.fault_server import Act, Seen, Server, error, refusal
from clients.world import API, Face, World, body_for
from failwell import FailwellError, Idempotency, LookUp, Outcome, Policy, Settled
from failwell.model import Response, Sent

ONCE = Policy(retry=None)
UNKEYED = msgspec.structs.replace(API, idempotency=Idempotency(header=None))
LOST = Act("reset")


async def lose(client: Face, method: str = "POST", **request: Any) -> FailwellError:
    """A write whose answer is lost."""
    with pytest.raises(FailwellError) as caught:
        await client.request(method, "/records", **({"json": {"name": "a"}} | request))
    assert caught.value.outcome is Outcome.UNKNOWN
    return caught.value


def settled(world: World, script: list[Any], honours_keys: bool, **arguments: Any) -> Any:
    """A lost write and its settlement, with one client; and the server."""
    with Server(script, honours_keys=honours_keys) as server:

        async def scenario(client: Face) -> Settled:
            found: Settled = await client.settle(await lose(client))
            return found

        found = world.run(scenario, base_url=server.url, policy=ONCE, **arguments)
    return found, server


def test_the_keyed_replay_finds_the_record(world: World) -> None:
    """A keyed write that was carried out is read back, not repeated."""
    found, server = settled(world, [LOST], True)
    assert found.outcome is Outcome.APPLIED
    assert found.record == {"id": "rec_1"}
    assert isinstance(found.response, httpx2.Response)
    assert found.why
    assert server.done == 1
    first, again = server.requests
    assert (first.key, first.body, first.path) == (again.key, again.body, again.path)
    assert again.headers["content-type"] == "application/json"


def test_the_keyed_replay_carries_it_out_once_where_it_was_lost(world: World) -> None:
    """A keyed write that never arrived is carried out by settling it: applied, once."""
    found, server = settled(world, [Act("reset", commit=False)], True)
    assert found.outcome is Outcome.APPLIED
    assert server.done == 1


def test_a_refusal_leaves_it_unknown(world: World) -> None:
    """A 401 to the replay says nothing of the first one; the error is there to be read."""
    found, server = settled(world, [LOST, refusal(401, "no_auth")], True)
    assert found.outcome is Outcome.UNKNOWN
    assert isinstance(found.error, failwell.AuthenticationError)
    assert found.record is None
    assert server.done == 1


def test_without_a_key_nothing_is_sent(world: World) -> None:
    """An API with neither keys nor a look-up: still unknown, in words, and nothing is sent."""
    found, server = settled(world, [LOST], False, contract=UNKEYED)
    assert found.outcome is Outcome.UNKNOWN
    assert "key" in found.why
    assert len(server.requests) == 1


def test_an_untrusted_key_is_not_replayed(world: World) -> None:
    """A key that the contract does not honour settles nothing."""
    contract = msgspec.structs.replace(API, idempotency=Idempotency(keys="ignored"))
    found, server = settled(world, [LOST], False, contract=contract)
    assert found.outcome is Outcome.UNKNOWN
    assert len(server.requests) == 1


@pytest.mark.parametrize("committed", [True, False])
def test_a_delete_is_settled_by_repeating_it(world: World, committed: bool) -> None:
    """DELETE again: the 404 shows that the first one did it, a success that it is done now."""
    with Server([Act("reset", commit=committed)]) as server:

        async def scenario(client: Face) -> Settled:
            found: Settled = await client.settle(await lose(client, "DELETE", json=None))
            return found

        found = world.run(scenario, base_url=server.url, policy=ONCE)
    assert found.outcome is Outcome.APPLIED
    assert server.done == 1
    assert (found.error is not None) == committed


def test_a_key_past_its_retention_is_not_used(world: World) -> None:
    """To a server that has forgotten the key, the replay would be a second write."""
    with Server([LOST]) as server:

        async def scenario(client: Face) -> Settled:
            lost = await lose(client)
            assert lost.sent is not None
            lost.sent = msgspec.structs.replace(lost.sent, at=time.time() - 86400.0)
            found: Settled = await client.settle(lost)
            return found

        found = world.run(scenario, base_url=server.url, policy=ONCE)
    assert found.outcome is Outcome.UNKNOWN
    assert "older" in found.why
    assert len(server.requests) == 1


def test_a_key_within_its_retention_is_used(world: World) -> None:
    """A minute before its time is up, the key still finds the record."""
    with Server([LOST], honours_keys=True) as server:

        async def scenario(client: Face) -> Settled:
            lost = await lose(client)
            assert lost.sent is not None
            lost.sent = msgspec.structs.replace(lost.sent, at=time.time() - 86340.0)
            found: Settled = await client.settle(lost)
            return found

        found = world.run(scenario, base_url=server.url, policy=ONCE)
    assert found.outcome is Outcome.APPLIED
    assert server.done == 1


ELSEWHERE = """
import pickle, sys, failwell
error = pickle.load(sys.stdin.buffer)
with failwell.Client(contract=failwell.GENERIC.trusting_keys(), trust_env=False) as client:
    settled = client.settle(error)
print(type(error).__name__, settled.outcome, settled.record["id"])
"""


def test_an_error_is_settled_in_another_process(world: World) -> None:
    """Pickled here and unpickled in a process that knows nothing else: the record is found."""
    contract = failwell.GENERIC.trusting_keys()
    with Server([LOST], honours_keys=True) as server:
        lost = world.run(lose, base_url=server.url, contract=contract, policy=ONCE)
        told = subprocess.run(
            [sys.executable, "-c", ELSEWHERE],
            input=pickle.dumps(lost),
            capture_output=True,
            timeout=30,
            check=True,
        )
    assert told.stdout.decode().split() == ["APIConnectionError", "applied", "rec_1"]
    assert server.done == 1
    assert len(set(server.keys)) == 1


def test_an_error_is_settled_by_a_new_client_in_the_other_world(world: World) -> None:
    """An error of a sync client can be settled by an async one, and the other way round."""
    other = World("async" if world.name == "sync" else "sync")
    with Server([LOST], honours_keys=True) as server:
        lost = pickle.loads(pickle.dumps(world.run(lose, base_url=server.url, policy=ONCE)))
        found = other.run(lambda client: client.settle(lost))
    assert found.record == {"id": "rec_1"}
    assert server.done == 1


def ask(sent: Sent) -> tuple[str, str]:
    assert sent.body is not None
    return "GET", sent.url + "?name=" + json.loads(sent.body)["name"]


def shows(sent: Sent, answer: Response) -> bool:
    return b'"name": "a"' in (answer.body or b"")


def by_look_up(**more: Any) -> failwell.Contract:
    look = LookUp(request=ask, found=shows, **more)
    return msgspec.structs.replace(UNKEYED, look_up=look)


THERE = Act(status=200, body=b'{"name": "a", "id": "rec_1"}')
ABSENT = Act(status=404, body=error(404, "not_found"))


def test_a_look_up_that_finds_the_record_ends_the_call(world: World) -> None:
    """An unkeyed write with a lost answer is looked up at once; its record is the answer."""
    with Server([LOST, THERE]) as server:
        response = world.run(
            lambda client: client.post("/records", json={"name": "a"}),
            base_url=server.url,
            contract=by_look_up(),
        )
    assert response.json()["id"] == "rec_1"
    assert [seen.path for seen in server.requests] == ["/records", "/records?name=a"]
    assert server.done == 1


def test_a_look_up_that_finds_nothing_proves_nothing(world: World) -> None:
    """Without a settle time, the first request may still be on its way: unknown, not resent."""
    with Server([LOST, ABSENT]) as server:
        lost = world.run(lose, base_url=server.url, contract=by_look_up())
    assert lost.outcome is Outcome.UNKNOWN
    assert [seen.method for seen in server.requests] == ["POST", "GET"]


def test_a_look_up_repeated_after_the_settle_time_is_a_proof(world: World) -> None:
    """Absent at once and absent after the settle time: it never arrived, and may be sent again."""
    with Server([Act("reset", commit=False), ABSENT, ABSENT]) as server:

        async def scenario(client: Face) -> Any:
            response = await client.post("/records", json={"name": "a"})
            return response, client.sleeps

        response, sleeps = world.run(
            scenario, base_url=server.url, contract=by_look_up(settle_time=7.5)
        )
    assert response.status_code == 201
    assert [seen.method for seen in server.requests] == ["POST", "GET", "GET", "POST"]
    assert 7.5 in sleeps
    assert server.done == 1


def test_a_record_that_appears_within_the_settle_time_is_found(world: World) -> None:
    """Absent at once, there after the settle time: applied, and not sent again."""
    with Server([LOST, ABSENT, THERE]) as server:
        response = world.run(
            lambda client: client.post("/records", json={"name": "a"}),
            base_url=server.url,
            contract=by_look_up(settle_time=1.0),
        )
    assert response.json()["id"] == "rec_1"
    assert server.done == 1


def test_a_server_that_enforces_the_natural_key_may_be_asked_again(world: World) -> None:
    """Where the server itself refuses a second record, an absent one is sent again at once."""
    with Server([Act("reset", commit=False), ABSENT]) as server:
        response = world.run(
            lambda client: client.post("/records", json={"name": "a"}),
            base_url=server.url,
            contract=by_look_up(enforced=True),
        )
    assert response.status_code == 201
    assert [seen.method for seen in server.requests] == ["POST", "GET", "POST"]


def test_a_look_up_that_fails_proves_nothing(world: World) -> None:
    """A look-up that is answered by 500s, a proxy's page or not at all leaves it unknown; where
    that may pass it is made three times."""
    page = Act(status=404, body=b"<html>nothing here</html>", content_type="text/html")
    for act, looks in ((refusal(500, "internal"), 3), (Act("reset"), 3), (page, 1)):
        with Server([LOST, *[act] * looks]) as server:
            contract = by_look_up(settle_time=0.0, enforced=True)
            lost = world.run(lose, base_url=server.url, contract=contract)
        assert lost.outcome is Outcome.UNKNOWN
        assert [seen.method for seen in server.requests] == ["POST", *["GET"] * looks]


def test_a_look_up_works_under_stream(world: World) -> None:
    """The look-up's own answer is read, although the call was made with `stream()`."""
    with Server([LOST, THERE]) as server:

        async def scenario(client: Face) -> int:
            async with client.stream("POST", "/records", json={"name": "a"}) as response:
                status: int = response.status_code
                return status

        assert world.run(scenario, base_url=server.url, contract=by_look_up()) == 200
    assert server.done == 1


def test_settle_looks_the_record_up(world: World) -> None:
    """Later, too, the contract's look-up finds the record or leaves it unknown."""
    with Server([LOST]) as server:
        lost = world.run(lose, base_url=server.url, contract=UNKEYED)
    for act, outcome in ((THERE, Outcome.APPLIED), (ABSENT, Outcome.UNKNOWN)):
        with Server([act]) as server:
            here = msgspec.structs.replace(lost.sent, url=server.url + "/records")
            lost.sent = here
            found = world.run(lambda client: client.settle(lost), contract=by_look_up())
        assert found.outcome is outcome
        assert (found.response is not None) == (outcome is Outcome.APPLIED)


@pytest.mark.parametrize("body", ["stream", "secret"])
def test_a_body_that_was_not_kept_must_be_given_again(world: World, body: str) -> None:
    """A stream and a body with a password are not kept; with `content=` it can be settled."""
    content = b'{"password":"hunter2-hunter2"}' if body == "secret" else b"stream"
    with Server([LOST], honours_keys=True) as server:

        async def scenario(client: Face) -> tuple[Settled, Settled]:
            given = body_for(world, [b"str", b"eam"]) if body == "stream" else content
            lost = await lose(client, json=None, content=given)
            assert lost.sent is not None
            assert lost.sent.body is None
            without = await client.settle(lost)
            return without, await client.settle(lost, content=content)

        without, with_body = world.run(scenario, base_url=server.url, policy=ONCE)
    assert without.outcome is Outcome.UNKNOWN
    assert "body" in without.why
    assert with_body.outcome is Outcome.APPLIED
    assert [seen.body for seen in server.requests] == [content, content]
    assert server.done == 1


def test_there_may_be_nothing_to_settle(world: World) -> None:
    """A read, and a write that is proven not to have started, need no settling: nothing is sent."""
    with Server([refusal(404, "not_found"), refusal(422, "invalid")]) as server:

        async def scenario(client: Face) -> list[Settled]:
            found = []
            for method in ("GET", "POST"):
                with pytest.raises(FailwellError) as caught:
                    await client.request(method, "/records")
                found.append(await client.settle(caught.value))
            return found

        read, write = world.run(scenario, base_url=server.url)
    assert (read.outcome, write.outcome) == (None, Outcome.NOT_STARTED)
    assert len(server.requests) == 2


def test_what_is_applied_is_read_back(world: World) -> None:
    """A cut 2xx is applied; settling it reads the record through the key."""
    with Server([Act("cut")], honours_keys=True) as server:

        async def scenario(client: Face) -> Settled:
            with pytest.raises(failwell.APIConnectionError) as caught:
                await client.post("/records", json={"name": "a"})
            assert caught.value.outcome is Outcome.APPLIED
            found: Settled = await client.settle(caught.value)
            return found

        found = world.run(scenario, base_url=server.url, policy=ONCE)
    assert found.outcome is Outcome.APPLIED
    assert found.record == {"id": "rec_1"}
    assert server.done == 1


def test_settling_sends_the_clients_credentials(world: World) -> None:
    """The error keeps no credential; the client that settles it adds its own."""

    def check(seen: Seen) -> Act:
        return Act() if seen.headers.get("x-api-key") == "k-1" else refusal(401, "no_auth")

    with Server([LOST, check], honours_keys=True) as server:
        lost = world.run(lose, base_url=server.url, policy=ONCE, headers={"X-API-Key": "k-1"})
        assert b"k-1" not in pickle.dumps(lost)
        found = world.run(lambda client: client.settle(lost), headers={"X-API-Key": "k-1"})
    assert found.outcome is Outcome.APPLIED


def test_a_large_body_is_not_kept(world: World) -> None:
    """An error does not hold 5 MB; it says so when it is settled."""
    with Server([LOST], honours_keys=True) as server:

        async def scenario(client: Face) -> Settled:
            lost = await lose(client, json=None, content=b"x" * 5_000_000)
            assert len(pickle.dumps(lost)) < 100_000
            found: Settled = await client.settle(lost)
            return found

        found = world.run(scenario, base_url=server.url, policy=ONCE)
    assert found.outcome is Outcome.UNKNOWN


def test_a_file_body_is_not_kept(world: World) -> None:
    """A file is a stream: it is not read into the error."""
    with Server([LOST], honours_keys=True) as server:

        async def scenario(client: Face) -> FailwellError:
            if world.is_async:
                return await lose(client, json=None, files={"part": b"solid"})
            return await lose(client, json=None, content=io.BytesIO(b"solid"))

        lost = world.run(scenario, base_url=server.url, policy=ONCE)
    assert lost.sent is not None
    assert lost.sent.body is None
