"""`with failwell.options(…)`: options for all calls inside, also those that an SDK makes."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import pytest

import failwell
from clients.fault_server import Act, Server, error
from clients.scripts import KINDS, account, process
from clients.world import API, Face, World
from failwell.clients.given import NOTHING, around
from failwell.clients.httpx import Transport

UNKEYED = msgspec.structs.replace(API, idempotency=failwell.Idempotency(header=None))
EXISTING = failwell.Existing(request=lambda sent, id: ("GET", f"{sent.url}/{id}"))
TAKEN = Act(status=409, body=error(409, "clash", details={"existing_id": "7"}), commit=False)
LOST = Act("reset")
UNSENT = Act("reset", commit=False)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_record_that_is_there_already_is_an_answer_if_that_is_asked_for(kind: str) -> None:
    """`get_existing`, at each seam; outside the `with` the 409 is returned as ever."""
    contract = msgspec.structs.replace(UNKEYED, existing=EXISTING)
    record = Act(status=200, body=b'{"id": "7", "name": "a"}')
    with Server([TAKEN, record, TAKEN]) as server:
        with process(kind, server.url, contract=contract) as one:
            with failwell.options(get_existing=True):
                got = one.post({"name": "a"})
            refused = one.post({"name": "a"})
        assert [seen.method for seen in server.requests] == ["POST", "GET", "POST"]
    assert (got.status_code, got.json()["id"], account(got).how) == (200, "7", "existing")
    assert refused.status_code == 409


def test_a_record_that_is_another_is_a_conflict(kind: str) -> None:
    """The 409 is returned, and its account says where they differ."""
    contract = msgspec.structs.replace(UNKEYED, existing=EXISTING)
    other = Act(status=200, body=b'{"id": "7", "name": "b"}')
    with (
        Server([TAKEN, other]) as server,
        process(kind, server.url, contract=contract) as one,
        failwell.options(get_existing=True),
    ):
        refused = one.post({"name": "a"})
    failed = account(refused).error
    assert refused.status_code == 409
    assert failed is not None
    assert "name was sent as 'a' and is 'b' there" in str(failed)
    assert failed.outcome == "not_started"


def test_a_key_serves_one_write(kind: str) -> None:
    """The second one would be taken for the first; a read takes no key."""
    with Server() as server:
        with process(kind, server.url) as one, failwell.options(idempotency_key="order-17"):
            one.send("GET", "/records")
            made, refused = one.post({"name": "a"}), one.post({"name": "b"})
        assert server.keys == [None, "order-17"]
    assert made.status_code == 201
    assert isinstance(refused, failwell.InvalidRequestError)
    assert "has served its write" in str(refused)


def test_retries_and_deadlines_are_given(kind: str) -> None:
    """They take the place of the policy's."""
    with Server([UNSENT, Act("hang")]) as server:
        with process(kind, server.url, contract=API) as one:
            with (
                failwell.options(retry=failwell.Retry(max_retries=1, base=0.0, fast_base=0.0)),
                failwell.options(deadline=0.4),
            ):
                late = one.post({"name": "a"})
            assert one.post({"name": "b"}).status_code == 201
        assert len(server.requests) == 3
    assert isinstance(late, failwell.DeadlineExceededError)


def test_files_are_let_through_where_json_is_expected_of_none(kind: str) -> None:
    """`expect` says what a success is."""
    page = Act(status=200, body=b"<html>", content_type="text/html", commit=False)
    with Server([page, page]) as server, process(kind, server.url) as one:
        assert isinstance(one.post({}), failwell.BadResponseError)
        with failwell.options(expect="any"):
            assert one.post({}).content == b"<html>"


def test_the_inner_ones_win_and_a_requests_own_over_both() -> None:
    """What they leave out is filled in from those around them."""
    own = failwell.Options(idempotency_key="own")
    with Server([LOST]) as server, httpx.Client(transport=Transport(contract=API)) as client:
        with failwell.options(retry=None, idempotency_key="outer"):
            with failwell.options(idempotency_key="inner"):
                with pytest.raises(httpx.ReadError):
                    client.post(server.url, json={}, extensions={"failwell": own})
                client.post(server.url, json={})
            client.post(server.url, json={})
        assert server.keys == ["own", "inner", "outer"]


def test_another_thread_has_its_own(kind: str) -> None:
    """And what was given is over when the `with` is, whatever was raised inside."""
    with Server() as server, process(kind, server.url) as one:
        with pytest.raises(RuntimeError), failwell.options(idempotency_key="mine"):
            raise RuntimeError
        elsewhere: list[Any] = []
        with failwell.options(idempotency_key="mine"), process(kind, server.url) as other:
            thread = threading.Thread(target=lambda: elsewhere.append(other.post({})))
            thread.start()
            thread.join(10)
        assert elsewhere[0].status_code == 201
        one.post({})
        assert "mine" not in server.keys


def client_of(server: Server) -> failwell.Client:
    retry = failwell.Retry(base=0.0, fast_base=0.0)
    policy = failwell.Policy(retry=retry, breaker=None, budget=None)
    return failwell.Client(base_url=server.url, contract=API, policy=policy, trust_env=False)


def test_a_pool_of_threads_is_carried_them() -> None:
    """Python tells it nothing of the `with` around a `submit`; `carry` does, however often and in
    however many threads the function is called, and the pool keeps nothing of it."""
    with Server([UNSENT] * 5) as server, client_of(server) as client:

        def post(number: int) -> bool:
            try:
                return client.post("/records", json={"n": number}).is_success
            except failwell.APIConnectionError:
                return False

        with ThreadPoolExecutor(2) as pool, failwell.options(retry=None):
            assert list(pool.map(failwell.carry(post), range(4))) == [False] * 4
            assert pool.submit(post, 4).result()
        assert len(server.requests) == 6


def test_a_carried_key_serves_one_write() -> None:
    """Of all threads together."""
    with Server() as server, client_of(server) as client, ThreadPoolExecutor(4) as pool:

        def post(number: int) -> object:
            try:
                return client.post("/records", json={"n": number}).status_code
            except failwell.InvalidRequestError:
                return "refused"

        with failwell.options(idempotency_key="order-17"):
            done = list(pool.map(failwell.carry(post), range(4)))
        assert server.keys == ["order-17"]
    assert sorted(map(str, done)) == ["201", "refused", "refused", "refused"]


def test_what_is_carried_is_over_with_the_call() -> None:
    """Whatever it raised; what was given to the thread itself is given again."""

    def raises() -> None:
        assert around.get().options.deadline == 5
        raise LookupError

    with failwell.options(deadline=5):
        carried = failwell.carry(raises)
    with failwell.options(deadline=7):
        with pytest.raises(LookupError):
            carried()
        assert around.get().options.deadline == 7
    assert around.get() is NOTHING


def test_an_async_function_is_not_carried() -> None:
    """It would run when the options are gone again; a task has them by itself."""

    async def work() -> None: ...

    with pytest.raises(TypeError, match="task"):
        failwell.carry(work)


def test_asyncios_own_threads_inherit_them() -> None:
    """`asyncio.to_thread` carries them by itself."""

    async def main(url: str) -> None:
        with (
            failwell.Client(base_url=url, contract=API, trust_env=False) as client,
            failwell.options(idempotency_key="inherited"),
        ):
            await asyncio.to_thread(client.post, "/records", json={})

    with Server() as server:
        asyncio.run(main(server.url))
        assert server.keys == ["inherited"]


def test_a_key_that_no_header_takes_is_refused(kind: str) -> None:
    """Whoever gives one relies on it."""
    with Server() as server, process(kind, server.url, contract=UNKEYED) as one:
        with failwell.options(idempotency_key="order-17"):
            refused = one.post({})
        assert server.requests == []
    assert isinstance(refused, failwell.InvalidRequestError)


@pytest.mark.parametrize("bad", [{"deadline": -1}, {"retry": 5}, {"expect": "xml"}])
def test_what_is_no_option_is_refused(bad: dict[str, Any]) -> None:
    """As `failwell.Options` does."""
    with pytest.raises(ValueError, match=next(iter(bad))):
        failwell.options(**bad).__enter__()
    with pytest.raises(TypeError):
        failwell.options(no_such_option=1).__enter__()


def test_a_client_of_ours_is_given_them_too(world: World) -> None:
    """And so is each view of it, whose own options win; a request's own win over both."""
    server = Server()

    async def scenario(client: Face) -> None:
        own = failwell.Options(idempotency_key="own")
        with failwell.options(idempotency_key="given"):
            await client.get("/records")
            await client.with_options(idempotency_key="view").post("/records", json={})
            await client.post("/records", json={}, extensions={"failwell": own})
            await client.post("/records", json={})
            with pytest.raises(failwell.InvalidRequestError, match="has served its write"):
                await client.post("/records", json={})
        await client.post("/records", json={})

    with server:
        world.run(scenario, base_url=server.url)
        assert server.keys[:4] == [None, "view", "own", "given"]
        assert server.keys[4] not in {None, "view", "own", "given"}


def test_the_deadline_and_the_retries_of_our_client(world: World) -> None:
    """They take the place of its policy's, until the `with` is over."""
    server = Server([UNSENT, UNSENT])

    async def scenario(client: Face) -> None:
        with failwell.options(retry=None), pytest.raises(failwell.APIConnectionError):
            await client.post("/records", json={})
        await client.post("/records", json={})

    with server:
        world.run(scenario, base_url=server.url)
        assert len(server.requests) == 3


def test_tasks_inherit_them() -> None:
    """A task that is begun inside has them, also once the `with` is over."""

    async def main(url: str) -> None:
        async with failwell.AsyncClient(base_url=url, contract=API, trust_env=False) as client:
            with failwell.options(idempotency_key="inherited"):
                task = asyncio.create_task(client.post("/records", json={}))
            await task

    with Server() as server:
        asyncio.run(main(server.url))
        assert server.keys == ["inherited"]
