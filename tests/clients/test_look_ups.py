"""What a look-up must show before anything is concluded from it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

import failwell
from clients.fault_server import PAGE, Act, Server, error
from clients.test_settle import ABSENT, LOST, ONCE, THERE, UNKEYED, lose
from clients.world import Face, World
from failwell import Existing, FailwellError, LookUp, Outcome, Settled
from failwell.model import Response, Sent
from failwell.stores.memory import MemoryStore

LENIENT = msgspec.structs.replace(UNKEYED, reads_json=False)
"""It says nothing of JSON, as a contract does by default."""

PROOFS: list[dict[str, Any]] = [{"settle_time": 0.0}, {"enforced": True}]


def ask(sent: Sent) -> tuple[str, str]:
    return "GET", sent.url + "?name=a"


def shows(sent: Sent, answer: Response) -> bool:
    return b'"name": "a"' in (answer.body or b"")


def looking(**how: Any) -> failwell.Contract:
    look = LookUp(**{"request": ask, "found": shows} | how)
    return msgspec.structs.replace(LENIENT, look_up=look)


@pytest.mark.parametrize("proof", PROOFS, ids=str)
@pytest.mark.parametrize(
    ("page", "looks"),
    [
        (Act(status=200, body=PAGE, content_type="text/html"), 3),
        (Act(status=200, body=b"", content_type="text/html"), 3),
        (Act(status=200, body=b"", content_type=None), 3),
        (Act(status=200, body=b"{}", content_type="text/html"), 3),
        (Act(status=200, body=b'{"cut":'), 3),
        (Act(status=204, body=b""), 1),
    ],
    ids=["page", "empty", "untyped", "mislabelled", "cut", "no content"],
)
def test_an_answer_that_is_not_json_misses_nothing(
    world: World, page: Act, looks: int, proof: dict[str, Any]
) -> None:
    """A login page, an empty answer or a cut one is no "not found", even where that would be a
    proof: the write stays unknown and is not sent again."""
    with Server([LOST, *[page] * looks]) as server:
        lost = world.run(lose, base_url=server.url, contract=looking(**proof))
    assert lost.outcome is Outcome.UNKNOWN
    assert [seen.method for seen in server.requests] == ["POST", *["GET"] * looks]
    assert server.done == 1


@pytest.mark.parametrize("proof", PROOFS, ids=str)
@pytest.mark.parametrize("part", [False, True])
def test_a_look_up_that_is_led_elsewhere_or_sees_a_part_misses_nothing(
    world: World, proof: dict[str, Any], part: bool
) -> None:
    """Whoever a redirect leads to may know nothing of the record; and it may be in another part."""
    with Server([Act(status=200, body=b"{}")]) as other:
        led = Act(status=302, body=b"", headers=(("Location", other.url),))
        seen = Act(status=206, body=b"[]", headers=(("Content-Range", "items 0-49/1200"),))
        with Server([LOST, seen if part else led]) as server:
            lost = world.run(
                lose, base_url=server.url, contract=looking(**proof), follow_redirects=True
            )
    assert lost.outcome is Outcome.UNKNOWN
    assert (server.done, other.requests) == (1, [])


def test_a_contract_may_take_any_success_for_the_apis_own(world: World) -> None:
    """With `reads_json=False`, an answer without a body shows the record or misses it."""
    contract = looking(
        request=lambda sent: ("HEAD", sent.url),
        found=lambda sent, answer: "etag" in answer.headers,
        record=lambda sent, answer: {"etag": answer.headers["etag"]},
        reads_json=False,
    )
    with Server([LOST, Act(status=200, headers=(("ETag", '"7"'),))]) as server:
        response = world.run(
            lambda client: client.post("/records", json={}), base_url=server.url, contract=contract
        )
    assert response.json() == {"etag": '"7"'}


def breaks(*given: Any) -> Any:
    """A function of a contract's that was written for another answer."""
    return json.loads("<html>")


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"request": breaks}, "LookUp.request"),
    ({"found": breaks}, "LookUp.found"),
    ({"record": breaks}, "LookUp.record"),
    ({"record": lambda sent, answer: object()}, "LookUp.record"),
    ({"enforced": breaks}, "LookUp.enforced"),
]


@pytest.mark.parametrize(("how", "name"), BROKEN)
def test_a_function_that_raises_says_nothing(world: World, how: dict[str, Any], name: str) -> None:
    """What a contract's function raises is no failure of the call: that is raised as it would have
    been, with its outcome, and a note names what went wrong with the look-up."""
    answer = ABSENT if "enforced" in how else THERE
    with Server([LOST, answer]) as server:
        lost = world.run(lose, base_url=server.url, contract=looking(**how))
    assert isinstance(lost, failwell.APIConnectionError)
    assert lost.outcome is Outcome.UNKNOWN
    (note,) = lost.__notes__[1:]
    assert f"{name} raised " in note
    assert server.done == 1


@pytest.mark.parametrize(("how", "name"), BROKEN)
def test_settling_says_what_a_function_raised(world: World, how: dict[str, Any], name: str) -> None:
    """Later, too, nothing is concluded, and `why` names it."""
    answer = ABSENT if "enforced" in how else THERE
    with Server([LOST, answer]) as server:
        lost = world.run(lose, base_url=server.url, contract=UNKEYED)
        found: Settled = world.run(lambda client: client.settle(lost), contract=looking(**how))
    assert found.outcome is Outcome.UNKNOWN
    assert f"{name} raised " in found.why


def test_nothing_secret_is_told_of_it(world: World) -> None:
    """What was raised may quote the answer, which may echo what was sent."""

    def quotes(sent: Sent, answer: Response) -> bool:
        raise ValueError((answer.body or b"").decode())

    echo = Act(status=200, body=b'{"you": "s3cr3t-s3cr3t", "password": "hunter2-hunter2"}')
    with Server([LOST, echo]) as server:
        lost = world.run(
            lose,
            base_url=server.url,
            contract=looking(found=quotes),
            headers={"X-Api-Key": "s3cr3t-s3cr3t"},
        )
    told = "".join(lost.__notes__)
    assert "ValueError" in told
    assert "s3cr3t-s3cr3t" not in told
    assert "hunter2-hunter2" not in told


def test_a_run_says_so_too(world: World) -> None:
    """A write that was lost in an earlier run is asked after; a function that raises is named."""
    with Server([LOST, LOST, THERE]) as server:
        arguments: dict[str, Any] = {
            "base_url": server.url,
            "policy": ONCE,
            "store": MemoryStore(),
            "run": "nightly",
        }

        async def once(client: Face) -> FailwellError:
            with pytest.raises(FailwellError) as caught:
                await client.post("/records", json={"name": "a"})
            return caught.value

        world.run(once, contract=UNKEYED, **arguments)
        again = world.run(once, contract=looking(found=breaks), **arguments)
    assert again.outcome is Outcome.UNKNOWN
    assert "LookUp.found raised JSONDecodeError" in again.message


NAMING = error(409, "clash", details={"existing_id": "rec_1"})
CLASH = Act(status=409, body=NAMING, commit=False)


def existing(**how: Any) -> failwell.Contract:
    named = {"request": lambda sent, found: ("GET", f"{sent.url}/{found}")} | how
    return msgspec.structs.replace(LENIENT, existing=Existing(**named))


@pytest.mark.parametrize(
    ("contract", "shown"),
    [
        (existing(), Act(status=200, body=PAGE, content_type="text/html")),
        (existing(request=breaks), THERE),
    ],
    ids=["page", "raises"],
)
def test_a_record_that_cannot_be_read_does_not_differ(
    world: World, contract: failwell.Contract, shown: Act
) -> None:
    """The record that a 409 names is read as JSON or not at all: the 409 is raised as it came."""
    with Server([CLASH, shown]) as server:

        async def scenario(client: Face) -> FailwellError:
            with pytest.raises(failwell.ConflictError) as caught:
                await client.with_options(get_existing=True).post("/records", json={"name": "a"})
            return caught.value

        clash = world.run(scenario, base_url=server.url, contract=contract, policy=ONCE)
    assert clash.outcome is Outcome.NOT_STARTED
    assert not clash.issues
    assert "not what was sent" not in str(clash)
