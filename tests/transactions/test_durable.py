"""Transactions that are written down, and the recovery of those whose process is gone."""

# ruff: noqa: PT012, the block that raises is the transaction
from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request as Asked
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

import failwell
from failwell.actions import Store
from failwell.errors import FailwellError, InvalidRequestError, RollbackError
from failwell.model import Failure, Kind, Outcome
from failwell.sandbox.wire import WIRE, running
from failwell.settings import Policy, Retry
from failwell.stores.memory import MemoryStore
from failwell.stores.sqlite import SQLiteStore
from failwell.testing import Clock
from failwell.transactions import Declared, forget, record, recover, transaction
from failwell.transactions.declared import Request
from failwell.transactions.ledger import TakenOverError
from transactions import steps

QUICK = Retry(max_retries=1, base=0.0, fast_base=0.0)
APPS = ["transactions.steps"]


@pytest.fixture(autouse=True)
def _clean() -> None:
    steps.LOG.clear()
    steps.TROUBLES.clear()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    return MemoryStore(clock)


class Killed(BaseException):
    """Stands for the death of the process: nothing is done after it."""


def left_behind(store: Store, work: Callable[[Any], None], **settings: Any) -> None:
    """A transaction whose process dies at the end of `work`."""
    opening = transaction(store=store, name="order-17", retry=QUICK, **settings)
    tx = opening.__enter__()
    with suppress(Killed):
        work(tx)
    tx._course._ledger._beat.stop()  # type: ignore[union-attr]


def ends(found: list[Any]) -> list[tuple[str, str]]:
    return [(one.name, one.end) for one in found]


def test_a_committed_name_is_not_used_twice(store: MemoryStore) -> None:
    """An order that was made is not made again, in whatever process."""
    with transaction(store=store, name="order-17") as tx:
        assert tx.do(steps.create, "a", undo=steps.delete) == {"id": "a"}
    with (
        pytest.raises(InvalidRequestError, match="it was committed already"),
        transaction(store=store, name="order-17") as tx,
    ):
        raise AssertionError("never entered")
    assert recover(store, APPS) == []


def test_a_name_is_free_again_after_a_rollback(store: MemoryStore) -> None:
    """Nothing is left of it, so it may be tried again."""
    for _ in range(2):
        with (
            pytest.raises(ValueError, match="no stock"),
            transaction(store=store, name="order-17") as tx,
        ):
            tx.do(steps.create, "a", undo=steps.delete)
            raise ValueError("no stock")
    assert steps.LOG == ["create a", "delete a"] * 2


def test_async_transactions_are_kept_too(tmp_path: Path) -> None:
    """Their steps may be async functions; the store is asked in a thread."""
    url = f"sqlite:///{tmp_path / 'tx.db'}"

    async def main() -> None:
        async with transaction(store=url, name="order-17", retry=QUICK) as tx:
            await tx.do(steps.acreate, "a", undo=steps.delete)
            raise ValueError("no stock")

    with pytest.raises(ValueError, match="no stock"):
        asyncio.run(main())
    assert steps.LOG == ["create a", "delete a"]
    assert recover(url, APPS) == []


def test_async_steps_may_run_beside_each_other(tmp_path: Path) -> None:
    """No step is lost from the books, whichever ends first."""
    url = f"sqlite:///{tmp_path / 'tx.db'}"

    async def main() -> None:
        async with transaction(store=url, name="order-17", retry=QUICK) as tx:
            async with asyncio.TaskGroup() as group:
                for number in range(12):
                    group.create_task(tx.do(steps.acreate, f"{number}", undo=steps.delete))
            raise ValueError("no stock")

    with pytest.raises(ValueError, match="no stock") as caught:
        asyncio.run(main())
    assert caught.value.__notes__ == ["failwell: rolled back, 12 steps undone"]
    assert sorted(steps.LOG[12:]) == sorted(f"delete {number}" for number in range(12))
    assert recover(url, APPS) == []


def test_what_was_done_is_undone_by_a_recovery(store: MemoryStore, clock: Clock) -> None:
    """In reverse; after that there is nothing to recover."""
    left_behind(
        store,
        lambda tx: [tx.do(steps.create, name, undo=steps.delete) for name in "ab"],  # type: ignore[arg-type, return-value]
    )
    clock.advance(31)
    assert ends(recover(store, APPS)) == [("order-17", "rolled_back")]
    assert steps.LOG == ["create a", "create b", "delete b", "delete a"]
    assert recover(store, APPS) == []


def test_a_living_process_is_left_alone(store: MemoryStore) -> None:
    """As long as its lease runs, the transaction is its own."""
    with transaction(store=store, name="order-17") as tx:
        tx.do(steps.create, "a", undo=steps.delete)
        (one,) = recover(store, APPS)
        assert one.end == "held"
        assert one.seconds is not None
        assert 0 < one.seconds <= 30
    assert steps.LOG == ["create a"]


def test_a_late_process_keeps_its_hands_off(store: MemoryStore, clock: Clock) -> None:
    """One that was taken for dead neither goes on nor rolls back what another has."""
    with (
        pytest.raises(TakenOverError, match="was taken over"),
        transaction(store=store, name="order-17") as tx,
    ):
        tx.do(steps.create, "a", undo=steps.delete)
        clock.advance(31)
        assert ends(recover(store, APPS)) == [("order-17", "rolled_back")]
        tx.do(steps.create, "b", undo=steps.delete)
    assert steps.LOG == ["create a", "delete a"]


def test_two_recoveries_at_once_share_the_work(tmp_path: Path) -> None:
    """Each compensation is made once, however many come to make it."""
    path = str(tmp_path / "tx.db")
    clock = Clock()
    store = SQLiteStore(path, clock=clock)
    for number in range(3):
        opening = transaction(store=store, name=f"order-{number}")
        tx = opening.__enter__()
        tx.do(steps.create, f"{number}", undo=steps.delete_slowly)
        tx._course._ledger._beat.stop()  # type: ignore[union-attr]
    clock.advance(31)
    steps.LOG.clear()
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.extend(recover(store, APPS))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    assert sorted(steps.LOG) == ["delete 0", "delete 1", "delete 2"]
    rolled_back = sorted(one.name for one in found if one.end == "rolled_back")
    assert rolled_back == ["order-0", "order-1", "order-2"]


def killed_in(what: str) -> Callable[[Any], None]:
    def work(tx: Any) -> None:
        tx.do(steps.create, "a", undo=steps.delete)
        course = tx._course
        course.fail = lambda *_: None
        steps.TROUBLES[what] = [Killed()]  # type: ignore[list-item]
        tx.do(steps.create, "b", undo=steps.delete)

    return work


def test_a_step_under_way_without_a_key_is_a_to_do(store: MemoryStore, clock: Clock) -> None:
    """The rest is undone; the list stays until somebody says that it is done."""
    left_behind(store, killed_in("create b"))
    clock.advance(31)
    for _ in range(2):
        (one,) = recover(store, APPS)
        assert one.end == "left"
        assert [(t.step, t.outcome) for t in one.todo] == [("create", Outcome.UNKNOWN)]
    assert steps.LOG == ["create a", "create b", "delete a"]
    with (
        pytest.raises(InvalidRequestError, match="to-do list is open"),
        transaction(store=store, name="order-17"),
    ):
        raise AssertionError("never entered")
    assert forget(store, "order-17")
    assert not forget(store, "order-17")
    assert recover(store, APPS) == []


def test_what_the_api_left_undone_is_undone_later(store: MemoryStore) -> None:
    """A compensation that was given up is made by the next recovery."""
    steps.TROUBLES["delete a"] = [OSError("away")] * 2
    with (
        pytest.raises(RollbackError),
        transaction(store=store, name="order-17", retry=QUICK) as tx,
    ):
        tx.do(steps.create, "a", undo=steps.delete)
        raise ValueError("no stock")
    assert ends(recover(store, APPS)) == [("order-17", "rolled_back")]
    assert steps.LOG == ["create a", "delete a", "delete a", "delete a"]


def test_a_recovery_that_lacks_a_module_touches_nothing(store: MemoryStore, clock: Clock) -> None:
    """Functions are looked for in the named modules alone; the transaction stays as it is."""
    left_behind(store, lambda tx: tx.do(steps.create, "a", undo=steps.delete))
    clock.advance(31)
    for apps in ([], ["json"], ["transactions.nowhere"]):
        (one,) = recover(store, apps)
        assert one.end == "open"
        assert "--app" in str(one.why)
    assert steps.LOG == ["create a"]
    assert ends(recover(store, APPS)) == [("order-17", "rolled_back")]


def test_a_name_without_a_record_is_struck_off_in_time(store: MemoryStore, clock: Clock) -> None:
    """Its process died before it began, or is just about to begin."""
    store.update(record.INDEX, record.Enlist("order-17"))
    assert recover(store, APPS) == []
    assert store.update(record.INDEX, record.Names()) == ("order-17",)
    clock.advance(record.STALE + 1)
    assert recover(store, APPS) == []
    assert store.update(record.INDEX, record.Names()) == ()


class Broken(MemoryStore):
    """A store that fails from a certain update on."""

    updates_left = 10**6

    def update(self, key: str, change: Any) -> Any:
        self.updates_left -= 1
        if self.updates_left < 0:
            raise failwell.actions.StoreError("the disk is full")
        return super().update(key, change)


def test_a_rollback_goes_on_without_its_store(caplog: pytest.LogCaptureFixture) -> None:
    """What can be undone is undone, although that cannot be written down."""
    store = Broken()
    with (
        pytest.raises(failwell.actions.StoreError, match="disk is full"),
        transaction(store=store, name="order-17", retry=QUICK) as tx,
    ):
        tx.do(steps.create, "a", undo=steps.delete)
        store.updates_left = 0
        tx.do(steps.create, "b", undo=steps.delete)
    assert steps.LOG == ["create a", "delete a"]
    assert "cannot be written down" in caplog.text


def at_the_top(made: Any) -> None: ...


class Holder:
    def method(self) -> None: ...


@pytest.mark.parametrize(
    ("action", "args", "why"),
    [
        (lambda: 1, (), "cannot be found again"),
        (Holder().method, (), "cannot be found again"),
        (steps.create, (object(),), "are not JSON"),
        (steps.create, ({"password": "hunter22"},), "holds a secret"),
        (Declared(method="POST", url="/x?token=hunter22"), (), "holds a secret"),
        (Declared(method="POST", url="/x"), (), "needs a client"),
    ],
)
def test_a_step_that_cannot_be_written_down_is_refused(
    store: MemoryStore, action: Any, args: Any, why: str
) -> None:
    """Before it is done; the error says why, and shows no secret."""
    settings = {} if why == "needs a client" else {"client": failwell.Client()}
    with (
        pytest.raises(InvalidRequestError, match=why) as caught,
        transaction(store=store, name="order-17", **settings) as tx,  # type: ignore[arg-type]
    ):
        tx.do(action, *args, undo=steps.delete)
    assert "hunter22" not in repr(caught.value)
    assert steps.LOG == []
    for client in settings.values():
        client.close()


@pytest.mark.parametrize(
    "settings",
    [
        {"store": "memory:"},
        {"name": "order-17"},
        {"store": "memory:", "name": "x", "lease": 0},
        {"store": "memory:", "name": "x", "lease": float("nan")},
        {"store": "memory:", "name": "x", "lease": float("inf")},
    ],
)
def test_half_a_durable_transaction_is_refused(settings: dict[str, Any]) -> None:
    """A store needs a name, a name a store, a lease a length."""
    with pytest.raises(InvalidRequestError):
        transaction(**settings)


def test_a_result_that_is_not_json_is_refused_and_told(store: MemoryStore) -> None:
    """The step was done, and is on the list if it cannot be undone."""
    with (
        pytest.raises(InvalidRequestError, match="is not JSON"),
        transaction(store=store, name="order-17", retry=QUICK) as tx,
    ):
        tx.do(steps.odd, undo=steps.keep_record)
    assert steps.LOG == ["odd", "None"]


def test_no_secret_comes_into_the_store(store: MemoryStore) -> None:
    """A result is kept without the values of its secret members, and so the undo gets it."""
    with (
        pytest.raises(ValueError, match="x"),
        transaction(store=store, name="order-17") as tx,
    ):
        assert tx.do(steps.secret, undo=steps.keep_record)["password"] == "hunter22"
        raise ValueError("x")
    assert steps.LOG == ["{'id': 's', 'password': '[redacted]'}"]


class Api:
    """Parts with keys; it loses an answer where it is told to."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self.keys: dict[str, Any] = {}
        self.log: list[str] = []
        self.losses: list[str] = []

    def router(self) -> Router:
        return Router(
            [
                Route("/parts", self.create, methods=["POST"]),
                Route("/parts/{id}", self.delete, methods=["DELETE"]),
            ],
        )

    async def create(self, request: Asked) -> Response:
        key, body = request.headers["idempotency-key"], await request.json()
        self.log.append(f"create {body['name']}")
        if key not in self.keys:
            made = f"p{len(self.keys)}"
            self.keys[key] = {"id": made}
            self.parts[made] = body["name"]
        if body["name"] in self.losses:
            self.losses.remove(body["name"])
            await request.scope["extensions"][WIRE].reset()
        return JSONResponse(self.keys[key], 201)

    async def delete(self, request: Asked) -> Response:
        self.log.append(f"delete {request.path_params['id']}")
        self.parts.pop(request.path_params["id"], None)
        return Response(status_code=204)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def url(api: Api) -> Iterator[str]:
    with running(api.router()) as url:
        yield url


CREATE = {"method": "POST", "url": "/parts"}
UNDO = Declared(method="DELETE", url="/parts/{id}")
ONCE = Policy(retry=None)


@pytest.mark.parametrize("trusts", [True, False])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_declared_request_whose_answer_is_lost(
    store: MemoryStore, api: Api, url: str, trusts: bool, is_async: bool
) -> None:
    """With keys that the API honours it is settled and undone; without, it is on the list."""
    api.losses = ["b"]
    contract = failwell.GENERIC.trusting_keys() if trusts else failwell.GENERIC
    settings: Any = {
        "base_url": url, "contract": contract, "policy": ONCE, "trust_env": False,
    }  # fmt: skip
    kept: Any = {"store": store, "name": "order-17", "retry": QUICK}

    async def main() -> None:
        async with (
            failwell.AsyncClient(**settings) as client,
            transaction(client=client, **kept) as tx,
        ):
            for name in "ab":
                await tx.do(Declared(**CREATE, json={"name": name}), undo=UNDO)  # type: ignore[arg-type]

    with pytest.raises((FailwellError, RollbackError)) as caught:
        if is_async:
            asyncio.run(main())
        else:
            with failwell.Client(**settings) as client, transaction(client=client, **kept) as tx:
                for name in "ab":
                    tx.do(Declared(**CREATE, json={"name": name}), undo=UNDO)  # type: ignore[arg-type]
    again = ["create b", "delete p1"] if trusts else []
    assert api.log == ["create a", "create b", *again, "delete p0"]
    assert api.parts == ({} if trusts else {"p1": "b"})
    assert isinstance(caught.value, RollbackError) is not trusts


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_declared_requests_are_recovered(
    store: MemoryStore, clock: Clock, api: Api, url: str, is_async: bool
) -> None:
    """By whichever client the recovery has, under the keys that were written down."""
    settings: Any = {
        "base_url": url,
        "contract": failwell.GENERIC.trusting_keys(),
        "policy": ONCE,
        "trust_env": False,
    }

    def work(tx: Any) -> None:
        tx.do(Declared(**CREATE, json={"name": "a"}), undo=UNDO)  # type: ignore[arg-type]
        api.losses = ["b"]
        tx._course.fail = lambda *_: None
        with pytest.raises(FailwellError):
            tx.do(Declared(**CREATE, json={"name": "b"}), undo=UNDO)  # type: ignore[arg-type]

    with failwell.Client(**settings) as client:
        left_behind(store, work, client=client)
    clock.advance(31)
    assert len(api.parts) == 2
    (one,) = recover(store, APPS)
    assert (one.end, "needs a client" in str(one.why)) == ("open", True)
    if is_async:
        other = failwell.AsyncClient(**settings)
        assert ends(recover(store, APPS, client=other)) == [("order-17", "rolled_back")]
        return
    with failwell.Client(**settings) as client:
        assert ends(recover(store, APPS, client=client)) == [("order-17", "rolled_back")]
    assert api.parts == {}


def test_an_undo_that_lacks_its_id_is_a_to_do(store: MemoryStore, api: Api, url: str) -> None:
    """A URL whose member is not in the result is never sent half filled."""
    undo = Declared(method="DELETE", url="/parts/{number}")
    with (
        failwell.Client(base_url=url, trust_env=False) as client,
        pytest.raises(RollbackError) as caught,
        transaction(store=store, name="order-17", client=client, retry=QUICK) as tx,
    ):
        tx.do(Declared(**CREATE, json={"name": "a"}), undo=undo)  # type: ignore[arg-type]
        raise ValueError("x")
    assert "needs 'number'" in str(caught.value)
    assert api.log == ["create a"]


@pytest.mark.parametrize("value", [None, "", ".", "..", True, 1.5, ["a"], {"a": 1}])
def test_an_undo_never_names_another_place(value: Any) -> None:
    """What is empty or dotted would make the URL that of something else."""
    undo = Request.of(UNDO)
    with pytest.raises(InvalidRequestError, match="needs 'id'"):
        undo.filled({"id": value})
    assert undo.filled({"id": "a/../b?c"}).url == "/parts/a%2F..%2Fb%3Fc"
    assert undo.filled({"id": 7}).url == "/parts/7"


def test_the_sort_of_errors_does_not_matter() -> None:
    """An error that proves that nothing was done leaves nothing on the list."""
    failure = Failure(kind=Kind.CONFLICT, message="no", outcome=Outcome.NOT_STARTED)
    steps.TROUBLES["create a"] = [FailwellError(failure)]
    store = MemoryStore()
    with (
        pytest.raises(FailwellError),
        transaction(store=store, name="order-17") as tx,
    ):
        tx.do(steps.create, "a", undo=steps.delete)
    assert recover(store, APPS) == []


@pytest.mark.parametrize("kind", ["postgres", "valkey"])
def test_it_is_kept_on_servers_too(request: pytest.FixtureRequest, kind: str) -> None:
    """A transaction that one machine leaves behind is recovered by another."""
    url = request.getfixturevalue(f"{kind}_url")
    opening = transaction(store=url, name=f"{kind}-17", lease=0.1)
    tx = opening.__enter__()
    tx.do(steps.create, "a", undo=steps.delete)
    tx._course._ledger._beat.stop()  # type: ignore[union-attr]
    assert ends(recover(url, APPS, wait=10)) == [(f"{kind}-17", "rolled_back")]
    assert steps.LOG == ["create a", "delete a"]
    tx._course._ledger._store.close()  # type: ignore[union-attr, attr-defined]
