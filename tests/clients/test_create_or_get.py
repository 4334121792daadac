"""`failwell.create_or_get`, and what a 409 proves after a lost answer."""

from __future__ import annotations

import inspect
import json
from typing import Any

import msgspec
import pytest

import failwell
from clients.fault_server import Act, Seen, Server, error
from clients.world import API, Face, World
from failwell import Existing, Got, Idempotency, LookUp, Outcome, Policy
from failwell.model import Response, Sent

RECORD = {"id": "rec_7", "name": "a", "size": 1.0, "made_by": "somebody"}
SENT = {"name": "a", "size": 1}


def read(sent: Sent, identifier: str) -> tuple[str, str] | None:
    return ("GET", f"{sent.url}/{identifier}") if sent.url.endswith("/records") else None


UNKEYED = msgspec.structs.replace(API, idempotency=Idempotency(header=None))
NATURAL = msgspec.structs.replace(UNKEYED, existing=Existing(request=read))


def clash(**more: Any) -> Act:
    details = {"existing_id": "rec_7", **more}
    body = error(409, "clash", "The name is in use.", details=details)
    return Act(status=409, body=body, commit=False)


def there(record: Any = RECORD) -> Act:
    return Act(status=200, body=json.dumps(record).encode())


LOST = Act("reset")


async def got(client: Face, body: Any = SENT, **request: Any) -> Got:
    answer = failwell.create_or_get(client.client, "/records", json=body, **request)
    return await answer if inspect.isawaitable(answer) else answer


def run(
    world: World, script: list[Any], contract: failwell.Contract = NATURAL, **more: Any
) -> tuple[Any, Server]:
    """What `create_or_get` gives or raises, and the server."""

    async def scenario(client: Face) -> Any:
        try:
            return await got(client, **more)
        except failwell.FailwellError as failed:
            return failed

    with Server(script) as server:
        return world.run(scenario, base_url=server.url, contract=contract), server


def test_a_new_record_is_created(world: World) -> None:
    """Nobody has it: one request, and `created` says so."""
    found, server = run(world, [])
    assert (found.record, found.created) == ({"id": "rec_1"}, True)
    assert found.response.status_code == 201
    assert server.done == 1


def test_a_record_that_is_there_is_read(world: World) -> None:
    """The 409 names it, it holds what was sent: it is the answer."""
    found, server = run(world, [clash(), there()])
    assert (found.record, found.created) == (RECORD, False)
    assert [seen.path for seen in server.requests] == ["/records", "/records/rec_7"]
    assert server.done == 0


def test_another_record_is_a_conflict_that_names_the_fields(world: World) -> None:
    """What differs is told, field by field; nothing was done."""
    other = {**RECORD, "size": 2, "name": "A"}
    found, _ = run(world, [clash(), there(other)])
    assert isinstance(found, failwell.ConflictError)
    assert [issue.pointer for issue in found.issues] == ["/name", "/size"]
    assert "size was sent as 1 and is 2 there" in found.message
    assert (found.code, found.outcome) == ("clash", Outcome.NOT_STARTED)


def test_only_declared_fields_are_compared(world: World) -> None:
    """The contract may say which members count."""
    how = Existing(request=read, compare=frozenset({"name"}))
    contract = msgspec.structs.replace(UNKEYED, existing=how)
    found, _ = run(world, [clash(), there({**RECORD, "size": 2})], contract)
    assert found.created is False


def test_a_record_inside_an_answer(world: World) -> None:
    """The contract says where the record is; the answer then shows it alone."""
    how = Existing(request=read, id=lambda details: details["at"]["id"], record="data.item")
    contract = msgspec.structs.replace(UNKEYED, existing=how)
    inside = {"data": {"item": RECORD}}
    found, _ = run(world, [clash(at={"id": 7}), there(inside)], contract)
    assert (found.record, found.created) == (RECORD, False)


@pytest.mark.parametrize(
    "after",
    [
        Act(status=404, body=error(404, "not_found")),
        Act(status=200, body=b"<html>", content_type="text/html"),
        LOST,
    ],
)
def test_a_record_that_cannot_be_read_leaves_the_conflict(world: World, after: Act) -> None:
    """The API's own 409 is what is raised; nothing is made up."""
    found, _ = run(world, [clash(), after])
    assert isinstance(found, failwell.ConflictError)
    assert found.message == "The name is in use."


def test_other_conflicts_are_not_taken_for_it(world: World) -> None:
    """A 409 with another code, or one that names nothing, is raised as it is."""
    how = Existing(request=read, codes=frozenset({"taken"}))
    contract = msgspec.structs.replace(UNKEYED, existing=how)
    found, server = run(world, [clash()], contract)
    assert isinstance(found, failwell.ConflictError)
    assert len(server.requests) == 1
    nameless = Act(status=409, body=error(409, "clash"), commit=False)
    found, server = run(world, [nameless])
    assert isinstance(found, failwell.ConflictError)
    assert len(server.requests) == 1


def test_a_plain_post_is_not_answered_so(world: World) -> None:
    """Who has not asked for a record that is there gets the 409."""
    with Server([clash(), there()]) as server:

        async def scenario(client: Face) -> None:
            with pytest.raises(failwell.ConflictError):
                await client.post("/records", json=SENT)

        world.run(scenario, base_url=server.url, contract=NATURAL)
    assert len(server.requests) == 1


def test_without_a_natural_key_nothing_is_sent(world: World) -> None:
    """An API that declares none cannot tell a new record from one that is there."""
    found, server = run(world, [], UNKEYED)
    assert isinstance(found, failwell.InvalidRequestError)
    assert "natural key" in found.message
    assert server.requests == []


def test_it_goes_by_the_look_up_where_no_id_is_told(world: World) -> None:
    """A look-up by name does as well: found, compared, given."""
    look = LookUp(
        request=lambda sent: ("GET", sent.url + "?name=a"),
        found=lambda sent, reply: b'"a"' in (reply.body or b""),
        record=lambda sent, reply: json.loads(reply.body or b"")["items"][0],
    )
    contract = msgspec.structs.replace(UNKEYED, look_up=look)
    found, _ = run(world, [clash(), there({"items": [RECORD]})], contract)
    assert (found.record, found.created) == (RECORD, False)
    found, _ = run(world, [clash(), there({"items": [{**RECORD, "size": 3}]})], contract)
    assert [issue.path for issue in found.issues] == ["size"]


ENFORCED = msgspec.structs.replace(
    NATURAL,
    look_up=LookUp(
        request=lambda sent: ("GET", sent.url + "?name=a"),
        found=lambda sent, reply: b"rec_" in (reply.body or b""),
        enforced=True,
    ),
)
ABSENT = Act(status=200, body=b'{"items": []}')


def test_after_a_lost_answer_the_409_is_our_own_record(world: World) -> None:
    """Lost, not seen, sent again, refused by the server's own uniqueness: applied, and the
    record is the answer, whoever asked for it."""
    with Server([LOST, ABSENT, clash(), there()]) as server:

        async def scenario(client: Face) -> Any:
            return await client.post("/records", json=SENT)

        response = world.run(scenario, base_url=server.url, contract=ENFORCED)
    assert response.json() == RECORD
    assert response.extensions["failwell_found"] is True
    assert [attempt.outcome for attempt in response.extensions["failwell_attempts"]] == [
        Outcome.UNKNOWN,
        Outcome.NOT_STARTED,
    ]
    assert [seen.method for seen in server.requests] == ["POST", "GET", "POST", "GET"]


def test_after_a_lost_answer_nobody_knows_who_made_it(world: World) -> None:
    """`created` is neither True nor False."""
    found, _ = run(world, [LOST, ABSENT, clash(), there()], ENFORCED)
    assert (found.record, found.created) == (RECORD, None)


def test_after_a_lost_answer_another_record_proves_nothing(world: World) -> None:
    """It may be somebody else's, or ours and changed since: still unknown, with the fields."""
    found, server = run(world, [LOST, ABSENT, clash(), there({**RECORD, "size": 2})], ENFORCED)
    assert isinstance(found, failwell.ConflictError)
    assert found.outcome is Outcome.UNKNOWN
    assert [issue.path for issue in found.issues] == ["size"]
    assert len(server.requests) == 4


def put_tag(sent: Sent, tag: str) -> bytes | None:
    body = json.loads(sent.body or b"{}")
    return None if body.get("full") else json.dumps({**body, "tag": tag}).encode()


def by_tag(sent: Sent) -> tuple[str, str] | None:
    return None if sent.tag is None else ("GET", f"{sent.url}?tag={sent.tag}")


def tagged_item(sent: Sent, answer: Response) -> Any:
    items = json.loads(answer.body or b"{}").get("items", [])
    return next((item for item in items if item["tag"] == sent.tag), None)


TAGGED = msgspec.structs.replace(
    UNKEYED,
    look_up=LookUp(
        request=by_tag,
        found=lambda sent, reply: tagged_item(sent, reply) is not None,
        record=tagged_item,
        tag=put_tag,
    ),
)


class Tags:
    """A server's list of records, which shows the tags they came with."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []

    def lose(self, seen: Seen) -> Act:
        self.posted.append(json.loads(seen.body))
        return LOST

    def show(self, seen: Seen) -> Act:
        return there({"items": [{"id": f"rec_{n}", **body} for n, body in enumerate(self.posted)]})


@pytest.mark.parametrize("body", [SENT, {"name": "x" * 70_000}])
def test_a_tag_finds_the_record(world: World, body: Any) -> None:
    """The client puts a tag into the body, once a call, and finds the record by it; the caller's
    own request is as it was."""
    tags = Tags()
    with Server([tags.lose, tags.show]) as server:

        async def scenario(client: Face) -> Any:
            request = client.client.build_request("POST", "/records", json=body)
            before = request.content
            response = await client.send(request)
            assert request.content == before
            assert request.headers["content-length"] == str(len(before))
            return response

        response = world.run(scenario, base_url=server.url, contract=TAGGED)
    (posted,) = tags.posted
    assert response.json() == {"id": "rec_0", **posted}
    assert len(posted.pop("tag")) == 36
    assert posted == body
    assert server.done == 1


def test_each_call_has_a_tag_of_its_own_and_keeps_it(world: World) -> None:
    """All attempts of a call carry the same tag, another call another one."""
    busy = Act(status=429, body=error(429, "busy"), commit=False)
    with Server([busy]) as server:

        async def scenario(client: Face) -> None:
            await client.post("/records", json=SENT)
            await client.post("/records", json=SENT)

        world.run(scenario, base_url=server.url, contract=TAGGED)
    first, again, other = (json.loads(seen.body)["tag"] for seen in server.requests)
    assert first == again != other
    assert {seen.headers["content-length"] for seen in server.requests} == {
        str(len(server.requests[0].body))
    }


def test_no_room_for_a_tag_is_said_plainly(world: World) -> None:
    """Nothing can be looked up: unknown, and the advice says why."""
    with Server([LOST]) as server:

        async def scenario(client: Face) -> failwell.FailwellError:
            with pytest.raises(failwell.FailwellError) as caught:
                await client.post("/records", json={"full": True})
            return caught.value

        lost = world.run(scenario, base_url=server.url, contract=TAGGED)
    assert lost.outcome is Outcome.UNKNOWN
    assert "no room for a tag" in lost.advice
    assert len(server.requests) == 1


def test_a_tagged_write_is_settled_later(world: World) -> None:
    """The error keeps the tag, and `settle` gives the record out of the list."""
    tags = Tags()
    with Server([tags.lose, *[Act("reset")] * 3, tags.show]) as server:

        async def scenario(client: Face) -> failwell.Settled:
            with pytest.raises(failwell.FailwellError) as caught:
                await client.post("/records", json=SENT)
            assert caught.value.sent is not None
            assert caught.value.sent.tag is not None
            settled: failwell.Settled = await client.settle(caught.value)
            return settled

        settled = world.run(
            scenario, base_url=server.url, contract=TAGGED, policy=Policy(retry=None)
        )
    assert settled.outcome is Outcome.APPLIED
    assert settled.record["id"] == "rec_0"
