"""`Client(store=…, run=…)`: a script that is begun again buys nothing twice.

A restart is a new client over the same store: it counts its writes from the first one again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import failwell
from clients.fault_server import Act, Server, error
from clients.world import API, Face, World, body_for, read
from failwell import Idempotency, LookUp, Outcome, Policy, RunError
from failwell.actions import Change, StoreError
from failwell.events import StoreFailed
from failwell.stores import open as open_store
from failwell.stores.memory import MemoryStore
from failwell.stores.sqlite import SQLiteStore
from failwell.testing import Clock

ONCE = Policy(retry=None)
LOST = Act("reset")
UNKEYED = msgspec.structs.replace(API, idempotency=Idempotency(header=None))
DAY = 86_400.0


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "run.db")


class Script:
    """A script, run again and again over one store and one server."""

    def __init__(self, world: World, server: Server, store: Any, **settings: Any) -> None:
        self._world = world
        self._settings = {
            "base_url": server.url,
            "store": store if not isinstance(store, str) else f"sqlite:///{store}",
            "run": "pricing",
            "policy": ONCE,
            **settings,
        }

    def run(self, *bodies: Any, **more: Any) -> list[Any]:
        """One process: it posts these bodies one after another; the answers, or the errors."""

        async def scenario(client: Face) -> list[Any]:
            return [await posted(client, body) for body in bodies]

        return self.scenario(scenario, **more)

    def scenario(self, scenario: Callable[[Face], Any], **more: Any) -> Any:
        """One process that does this."""
        return self._world.run(scenario, **{**self._settings, **more})


async def posted(client: Face, body: Any, path: str = "/records") -> Any:
    try:
        return await client.post(path, json=body)
    except failwell.FailwellError as failed:
        return failed


async def end_run(client: Face, **how: Any) -> Any:
    ended = client.client.end_run(**how)
    return await ended if asyncio.iscoroutine(ended) else ended


def test_a_finished_write_is_not_sent_again(world: World, path: str) -> None:
    """The second time the answer is the one that was kept, and it says so."""
    with Server() as server:
        script = Script(world, server, path)
        (first,) = script.run({"name": "a"})
        (again,) = script.run({"name": "a"})
    assert (
        (first.json(), first.status_code)
        == (again.json(), again.status_code)
        == (
            {"id": "rec_1"},
            201,
        )
    )
    assert again.headers["content-type"] == "application/json"
    assert again.extensions["failwell_replayed"] is True
    assert "failwell_replayed" not in first.extensions
    assert again.request.url == first.request.url
    assert again.elapsed.total_seconds() == 0
    assert again.raise_for_status() is again
    assert len(server.requests) == 1


def test_a_begun_write_goes_on_under_its_key(world: World, path: str) -> None:
    """Its answer was lost, the process ended: the next one sends the same key, once done."""
    with Server([LOST], honours_keys=True) as server:
        script = Script(world, server, path)
        (lost,) = script.run({"name": "a"})
        assert lost.outcome is Outcome.UNKNOWN
        found, third = script.run({"name": "a"}, {"name": "b"})
    assert (found.json(), third.json()) == ({"id": "rec_1"}, {"id": "rec_2"})
    assert server.keys[0] == server.keys[1] != server.keys[2]
    assert server.done == 2


def test_a_write_that_stays_unknown_keeps_its_key(world: World, path: str) -> None:
    """However often its answer is lost, and whatever refusal comes in between."""
    no_auth = Act(status=401, body=error(401, "no_auth"), commit=False)
    with Server([LOST, LOST, no_auth], honours_keys=True) as server:
        script = Script(world, server, path)
        failed = [script.run({"name": "a"})[0] for _ in range(3)]
        assert [error.outcome for error in failed] == [Outcome.UNKNOWN] * 3
        assert failed[1].sent.at == failed[2].sent.at <= failed[0].sent.at
        (found,) = script.run({"name": "a"})
    assert found.json() == {"id": "rec_1"}
    assert len(set(server.keys)) == 1
    assert server.done == 1


def test_what_left_nothing_behind_is_begun_anew(world: World, path: str) -> None:
    """A refused write gets a new key the next time, for some APIs replay refusals, too."""
    invalid = Act(status=422, body=error(422, "invalid"), commit=False)
    with Server([invalid], honours_keys=True) as server:
        script = Script(world, server, path)
        (refused,) = script.run({"name": "a"})
        assert refused.outcome is Outcome.NOT_STARTED
        (made,) = script.run({"name": "a"})
    assert made.json() == {"id": "rec_1"}
    assert len(set(server.keys)) == 2


def test_equal_writes_are_told_apart_by_their_order(world: World, path: str) -> None:
    """Three times the same body are three purchases, in every run of the script."""
    with Server() as server:
        script = Script(world, server, path)
        first = script.run(*[{"shots": 1}] * 3)
        again = script.run(*[{"shots": 1}] * 4)
    assert [r.json()["id"] for r in first] == ["rec_1", "rec_2", "rec_3"]
    assert [r.json()["id"] for r in again] == ["rec_1", "rec_2", "rec_3", "rec_4"]
    assert server.done == 4


def test_a_name_tells_a_write_whatever_its_order(world: World, path: str) -> None:
    """With names of their own, writes may come in another order, or fewer of them."""

    async def scenario(client: Face, names: str) -> list[str]:
        answers = [
            await client.with_options(name=name).post("/records", json={"shots": 1})
            for name in names
        ]
        return [answer.json()["id"] for answer in answers]

    with Server() as server:
        script = Script(world, server, path)
        assert script.scenario(lambda client: scenario(client, "ab")) == ["rec_1", "rec_2"]
        assert script.scenario(lambda client: scenario(client, "ba")) == ["rec_2", "rec_1"]
        assert script.scenario(lambda client: scenario(client, "bb")) == ["rec_2", "rec_2"]
    assert server.done == 2


def test_an_ambiguous_name_is_refused(world: World, path: str) -> None:
    """The same name for another write: a typed error, and nothing is sent."""

    async def scenario(client: Face) -> Any:
        view = client.with_options(name="order 17")
        await view.post("/records", json={"shots": 1})
        return await posted(view, {"shots": 2})

    with Server() as server:
        refused = Script(world, server, path).scenario(scenario)
    assert isinstance(refused, RunError)
    assert (refused.outcome, refused.kind) == (Outcome.NOT_STARTED, failwell.Kind.CONFLICT)
    assert "belongs to another one" in refused.message
    assert len(server.requests) == 1


def test_reads_are_not_kept(world: World, path: str) -> None:
    """A GET is asked each time."""

    async def scenario(client: Face) -> None:
        await client.get("/records")

    with Server() as server:
        script = Script(world, server, path)
        script.scenario(scenario)
        script.scenario(scenario)
    assert len(server.requests) == 2


def test_a_stream_needs_a_name(world: World, path: str) -> None:
    """One stream cannot be told from another; with a name, it can."""

    async def scenario(client: Face, name: str | None) -> Any:
        view = client if name is None else client.with_options(name=name)
        try:
            return await view.post("/records", content=body_for(world, [b"a", b"b"]))
        except failwell.InvalidRequestError as refused:
            return refused

    with Server() as server:
        script = Script(world, server, path)
        refused = script.scenario(lambda client: scenario(client, None))
        assert "give this write a name" in refused.message
        assert server.requests == []
        for _ in range(2):
            assert script.scenario(lambda client: scenario(client, "up")).json() == {"id": "rec_1"}
    assert [seen.body for seen in server.requests] == [b"ab"]


def test_a_streamed_answer_is_read_again_under_its_key(world: World, path: str) -> None:
    """It is not kept, so the API is asked for it again, and does nothing twice."""

    async def scenario(client: Face) -> bytes:
        async with client.stream("POST", "/records", json={"a": 1}) as response:
            return await read(response)

    with Server(honours_keys=True) as server:
        script = Script(world, server, path)
        assert script.scenario(scenario) == script.scenario(scenario) == b'{"id": "rec_1"}'
    assert server.done == 1
    assert len(set(server.keys)) == 1


def test_a_kept_answer_can_be_streamed(world: World, path: str) -> None:
    """An answer that was kept is read like one that comes."""

    async def scenario(client: Face) -> bytes:
        async with client.stream("POST", "/records", json={"a": 1}) as response:
            return await read(response)

    with Server() as server:
        script = Script(world, server, path)
        script.run({"a": 1})
        assert script.scenario(scenario) == b'{"id": "rec_1"}'
    assert server.done == 1


# --- Past the retention --------------------------------------------------------------------------


def aged(path: str, clock: Clock) -> SQLiteStore:
    return SQLiteStore(path, clock=clock)


@pytest.mark.parametrize(("seconds", "sends"), [(DAY - 60, 2), (DAY, 1)])
def test_a_key_past_its_retention_is_not_sent(
    world: World, path: str, seconds: float, sends: int
) -> None:
    """To an API that has forgotten the key it would be a second purchase: unknown, and why."""
    clock = Clock()
    with Server([LOST], honours_keys=True) as server:
        script = Script(world, server, aged(path, clock))
        script.run({"name": "a"})
        clock.advance(seconds)
        (found,) = script.run({"name": "a"})
    assert len(server.requests) == sends
    assert server.done == 1
    if sends == 1:
        assert isinstance(found, failwell.APIConnectionError)
        assert found.outcome is Outcome.UNKNOWN
        assert "was begun 86400 s ago in the run 'pricing'" in found.message
        assert "older than the 24 h" in found.message
        assert found.sent is not None
        assert found.sent.key == server.keys[0]


def looked_up(**more: Any) -> failwell.Contract:
    look = LookUp(
        request=lambda sent: ("GET", sent.url + "?name=a"),
        found=lambda sent, reply: b"rec_" in (reply.body or b""),
        **more,
    )
    return msgspec.structs.replace(API, look_up=look)


SHOWN = Act(status=200, body=b'{"id": "rec_1"}')
ABSENT = Act(status=200, body=b'{"items": []}')


def test_past_its_retention_it_is_looked_up(world: World, path: str) -> None:
    """Found by its record: that is the answer from now on."""
    clock = Clock()
    with Server([LOST, SHOWN]) as server:
        script = Script(
            world, server, aged(path, clock), contract=looked_up(), policy=Policy(retry=None)
        )
        script.run({"name": "a"}, contract=API)
        clock.advance(DAY)
        (found,) = script.run({"name": "a"})
        (again,) = script.run({"name": "a"})
    assert found.json() == again.json() == {"id": "rec_1"}
    assert found.extensions["failwell_found"] is True
    assert again.extensions["failwell_replayed"] is True
    assert [seen.method for seen in server.requests] == ["POST", "GET"]


def test_what_is_proven_never_to_have_been_is_begun_anew(world: World, path: str) -> None:
    """Not there after the settle time: a new key, and one effect."""
    clock = Clock()
    with Server([Act("reset", commit=False), ABSENT, ABSENT], honours_keys=True) as server:
        script = Script(world, server, aged(path, clock), contract=looked_up(settle_time=0.0))
        script.run({"name": "a"}, contract=API)
        clock.advance(DAY)
        (made,) = script.run({"name": "a"})
        (again,) = script.run({"name": "a"})
    assert made.json() == again.json() == {"id": "rec_1"}
    assert [seen.method for seen in server.requests] == ["POST", "GET", "GET", "POST"]
    assert server.keys[0] != server.keys[3]
    assert server.done == 1


def test_what_is_not_seen_proves_nothing(world: World, path: str) -> None:
    """Without a settle time nobody knows: it is raised, and not bought again."""
    with Server([LOST, ABSENT]) as server:
        contract = msgspec.structs.replace(looked_up(), idempotency=Idempotency(header=None))
        script = Script(world, server, path, contract=contract)
        script.run({"name": "a"}, contract=UNKEYED)
        (lost,) = script.run({"name": "a"})
    assert lost.outcome is Outcome.UNKNOWN
    assert "not seen, which proves nothing yet" in lost.message
    assert server.done == 1


def test_without_key_or_look_up_it_is_said_what_is_known(world: World, path: str) -> None:
    """An API that gives no way to ask: unknown, and nothing is sent."""
    with Server([LOST]) as server:
        script = Script(world, server, path, contract=UNKEYED)
        script.run({"name": "a"})
        (lost,) = script.run({"name": "a"})
    assert lost.outcome is Outcome.UNKNOWN
    assert "no way to ask" in lost.message
    assert len(server.requests) == 1


TAGGED = msgspec.structs.replace(
    UNKEYED,
    look_up=LookUp(
        request=lambda sent: None if sent.tag is None else ("GET", f"{sent.url}?tag={sent.tag}"),
        found=lambda sent, reply: (sent.tag or "-") in (reply.body or b"").decode(),
        tag=lambda sent, tag: json.dumps({**json.loads(sent.body or b"{}"), "tag": tag}).encode(),
    ),
)


def test_a_tag_is_kept_like_a_key(world: World, path: str) -> None:
    """The next process looks for the record by the tag that the first one sent."""
    posted_bodies: list[bytes] = []

    def show(_: Any) -> Act:
        return Act(status=200, body=json.dumps([b.decode() for b in posted_bodies]).encode())

    def lose(seen: Any) -> Act:
        posted_bodies.append(seen.body)
        return LOST

    with Server([lose, LOST, LOST, LOST, show]) as server:
        script = Script(world, server, path, contract=TAGGED)
        (lost,) = script.run({"name": "a"})
        assert lost.outcome is Outcome.UNKNOWN
        (found,) = script.run({"name": "a"})
    assert found.extensions["failwell_found"] is True
    tag = json.loads(posted_bodies[0])["tag"]
    assert [seen.path for seen in server.requests][1:] == [f"/records?tag={tag}"] * 4
    assert server.done == 1


# --- The end of a run ----------------------------------------------------------------------------


def test_a_run_ends_explicitly(world: World, path: str) -> None:
    """Then all is forgotten: its own client sends nothing more, a new one begins anew."""

    async def over(client: Face) -> Any:
        first = await client.post("/records", json={"a": 1})
        summary = await end_run(client)
        return first.json(), summary, await posted(client, {"a": 1})

    with Server() as server:
        script = Script(world, server, path)
        first, summary, refused = script.scenario(over)
        assert (summary.name, summary.writes, summary.unfinished) == ("pricing", 1, ())
        assert isinstance(refused, RunError)
        assert "has ended" in refused.message
        assert len(server.requests) == 1
        (anew,) = script.run({"a": 1})
    assert (first, anew.json()) == ({"id": "rec_1"}, {"id": "rec_2"})


def test_a_run_does_not_end_on_an_unknown_write(world: World, path: str) -> None:
    """What may have been bought is not forgotten unless one insists."""

    async def over(client: Face) -> Any:
        with pytest.raises(RunError, match=r"nobody knows what became of POST http.*/records"):
            await end_run(client)
        return await end_run(client, force=True)

    with Server([LOST]) as server:
        script = Script(world, server, path)
        script.run({"a": 1})
        summary = script.scenario(over)
    assert [write.what for write in summary.unfinished] == [f"POST {server.url}/records"]


def test_a_client_without_a_run_has_none_to_end(world: World) -> None:
    """A typed error; and a run without a store, or with a name that is none, is refused at once."""

    async def over(client: Face) -> Any:
        with pytest.raises(RunError):
            await end_run(client)

    world.run(over, base_url="http://127.0.0.1:1")
    with pytest.raises(failwell.InvalidRequestError, match="no store"):
        world.client(run="a")
    names: list[Any] = ["", "x" * 201, "a\nb", "a\x1b[31m", 5, b"a"]
    for name in names:
        with pytest.raises(failwell.InvalidRequestError, match="1 to 200"):
            world.client(run=name, store=MemoryStore())


def test_a_long_run_is_swept_to_the_last_write(world: World) -> None:
    """More writes than one record lists: the end leaves nothing behind in the store."""
    store = MemoryStore()
    count = 150

    async def over(client: Face) -> Any:
        return await end_run(client)

    with Server() as server:
        script = Script(world, server, store)
        script.run(*[{"n": n} for n in range(count)])
        again = script.run(*[{"n": n} for n in range(count)])
        assert all(answer.extensions["failwell_replayed"] for answer in again)
        summary = script.scenario(over)
    assert (summary.writes, server.done) == (count, count)
    left = [key for key in store._records if not key.startswith("origin ")]
    assert left == []


def test_two_runs_in_one_store_know_nothing_of_each_other(world: World, path: str) -> None:
    """The same write in another run is another write."""
    with Server() as server:
        script = Script(world, server, path)
        script.run({"a": 1})
        (other,) = script.run({"a": 1}, run="pricing 2")
    assert other.json() == {"id": "rec_2"}


# --- What is kept --------------------------------------------------------------------------------


def test_no_credential_is_in_the_store(world: World, path: str) -> None:
    """Neither what was sent to prove who one is, nor an answer that holds a secret."""
    token = Act(status=201, body=b'{"id": "rec_1", "access_token": "tok-answered-1234"}')
    headers = {"Authorization": "Bearer tok-asked-5678", "X-Api-Key": "key-asked-9012"}
    with Server([token], honours_keys=True) as server:
        script = Script(world, server, path, headers=headers, params={"api_key": "key-query-3456"})
        (first,) = script.run({"password": "hunter2-7890"})
        (again,) = script.run({"password": "hunter2-7890"})
    assert "access_token" in first.json()
    assert again.json() == {"id": "rec_1"}
    assert server.keys[0] == server.keys[1]
    assert server.done == 1
    files = list(Path(path).parent.glob("run.db*"))
    held = b"".join(file.read_bytes() for file in files)
    assert b"pricing" in held
    for secret in (b"tok-asked", b"key-asked", b"tok-answered", b"hunter2", b"key-query"):
        assert secret not in held


def test_a_large_answer_is_read_again_or_said_to_be_done(world: World, path: str) -> None:
    """Above 1 MiB only the key is kept: the API replays it, and else the error says applied."""
    large = Act(status=201, body=json.dumps({"data": "x" * 1_100_000}).encode())
    with Server([large, large], honours_keys=True) as server:
        script = Script(world, server, path)
        script.run({"a": 1})
        (again,) = script.run({"a": 1})
        assert len(again.content) > 1_000_000
        assert server.keys[0] == server.keys[1]
    with Server([large]) as server:
        script = Script(world, server, path, contract=UNKEYED, run="unkeyed")
        script.run({"a": 1})
        (done,) = script.run({"a": 1})
    assert done.outcome is Outcome.APPLIED
    assert "its answer was not kept" in done.message
    assert len(server.requests) == 1


# --- The store ------------------------------------------------------------------------------------


class Ailing(MemoryStore):
    """A store that fails from a given update on."""

    def __init__(self) -> None:
        super().__init__()
        self.left: float = float("inf")

    def update(self, key: str, change: Change[Any, Any]) -> Any:
        if not key.startswith("origin "):
            self.left -= 1
            if self.left < 0:
                raise StoreError("The store is away")
        return super().update(key, change)


@pytest.mark.parametrize("updates", [0, 1, 2, 3])
def test_without_its_store_a_run_refuses_to_write(world: World, updates: int) -> None:
    """Nothing is sent that could not be vouched for; reads go on."""
    store = Ailing()

    async def scenario(client: Face) -> Any:
        store.left = updates
        refused = await posted(client, {"a": 1})
        await client.get("/records")
        return refused

    with Server() as server:
        script = Script(world, server, store)
        refused = script.scenario(scenario)
        assert isinstance(refused, RunError)
        assert isinstance(refused.__cause__, StoreError)
        assert (refused.outcome, refused.kind) == (
            Outcome.NOT_STARTED,
            failwell.Kind.UNAVAILABLE,
        )
        assert [seen.method for seen in server.requests] == ["GET"]
        store.left = float("inf")
        (made,) = script.run({"a": 1})
    assert made.json() == {"id": "rec_1"}


def test_a_store_that_goes_away_after_the_answer_loses_nothing(world: World) -> None:
    """The answer is given and a hook is told; the next run asks again under the same key."""
    store, told = Ailing(), []

    async def scenario(client: Face) -> Any:
        store.left = 4
        return await posted(client, {"a": 1})

    with Server(honours_keys=True) as server:
        script = Script(world, server, store, hooks=(told.append,))
        made = script.scenario(scenario)
        store.left = float("inf")
        (again,) = script.run({"a": 1})
    assert made.json() == again.json() == {"id": "rec_1"}
    assert [type(event) for event in told] == [StoreFailed]
    assert server.keys[0] == server.keys[1]
    assert server.done == 1


def test_a_closed_store_is_a_run_error(world: World, path: str) -> None:
    """A real store that cannot be used refuses in the same words."""
    store = SQLiteStore(path)
    store.close()
    with Server() as server:
        (refused,) = Script(world, server, store).run({"a": 1})
    assert isinstance(refused, RunError)
    assert server.requests == []


def test_without_a_run_nothing_is_kept(world: World) -> None:
    """A client that has a store and no run writes down no write."""
    store = MemoryStore()
    with Server() as server:
        script = Script(world, server, store, run=None)
        script.run({"a": 1})
        script.run({"a": 1})
    assert server.done == 2
    assert [key for key in store._records if not key.startswith("origin ")] == []


@pytest.mark.parametrize("kind", ["postgres_url", "valkey_url"])
def test_other_stores_keep_runs_too(
    world: World, kind: str, request: pytest.FixtureRequest
) -> None:
    """The same over PostgreSQL and Valkey: lost, gone on, replayed, ended."""

    async def over(client: Face) -> Any:
        return await end_run(client)

    store = open_store(request.getfixturevalue(kind))
    with Server([LOST], honours_keys=True) as server:
        script = Script(world, server, store, run=f"run {world.name}")
        (lost,) = script.run({"a": 1})
        assert lost.outcome is Outcome.UNKNOWN
        answers = [script.run({"a": 1})[0] for _ in range(2)]
        summary = script.scenario(over)
    assert [answer.json() for answer in answers] == [{"id": "rec_1"}] * 2
    assert (summary.writes, server.done) == (1, 1)
    store.close()  # type: ignore[attr-defined]


def test_tasks_that_write_alike_each_have_their_own(path: str) -> None:
    """Twenty equal writes at once are twenty purchases, in this run and in the next."""

    async def burst(client: failwell.AsyncClient) -> list[str]:
        answers = await asyncio.gather(*(client.post("/r", json={"a": 1}) for _ in range(20)))
        return sorted(answer.json()["id"] for answer in answers)

    async def main(url: str) -> list[str]:
        settings = {"base_url": url, "contract": API, "trust_env": False}
        async with failwell.AsyncClient(
            store=f"sqlite:///{path}", run="burst", **settings
        ) as client:
            return await burst(client)

    with Server(honours_keys=True) as server:
        assert asyncio.run(main(server.url)) == asyncio.run(main(server.url))
    assert server.done == 20
