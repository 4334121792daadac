"""`failwell.transaction` in one process, sync and async."""

# ruff: noqa: PT012, the block that raises is the transaction
from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

import failwell
from failwell.errors import (
    APIConnectionError,
    InvalidRequestError,
    RollbackError,
    ServerError,
)
from failwell.model import Failure, Kind, Outcome, Todo
from failwell.settings import Retry
from failwell.transactions import TransactionalOperation, transaction

QUICK = Retry(max_retries=2, base=0.0, fast_base=0.0)


class Shop:
    """Parts that are created and deleted, and what went wrong with it."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.log: list[str] = []
        self.troubles: dict[str, list[Exception]] = {}

    def create(self, name: str, *, idempotency_key: str | None = None) -> dict[str, str]:
        self.log.append(f"create {name}")
        if name not in self.parts:
            self.parts.append(name)
        self._trouble(f"create {name}")
        return {"id": name}

    def delete(self, part: dict[str, str]) -> None:
        self.log.append(f"delete {part['id']}")
        self._trouble(f"delete {part['id']}")
        self.parts.remove(part["id"])

    async def acreate(self, name: str, *, idempotency_key: str | None = None) -> dict[str, str]:
        await asyncio.sleep(0)
        return self.create(name, idempotency_key=idempotency_key)

    async def adelete(self, part: dict[str, str]) -> None:
        await asyncio.sleep(0)
        self.delete(part)

    def _trouble(self, what: str) -> None:
        if self.troubles.get(what):
            raise self.troubles[what].pop(0)


def lost(outcome: Outcome = Outcome.UNKNOWN, method: str = "POST") -> APIConnectionError:
    failure = Failure(kind=Kind.CONNECTION, message="no answer", outcome=outcome, method=method)
    return APIConnectionError(failure)


Story = Callable[[Shop, Any, Any, Any], Any]


def told(shop: Shop, steps: list[Any], *, is_async: bool, **settings: Any) -> None:
    """One transaction of these steps, in the world that is asked for; a step that is an exception
    is raised in the block."""
    settings = {"retry": QUICK, **settings}

    async def later() -> None:
        async with transaction(**settings) as tx:
            for step in steps:
                if isinstance(step, BaseException):
                    raise step
                name, more = step
                more = {"undo": shop.adelete, **more}
                await tx.do(shop.acreate, name, **more)

    if is_async:
        asyncio.run(later())
        return
    with transaction(**settings) as tx:
        for step in steps:
            if isinstance(step, BaseException):
                raise step
            name, more = step
            tx.do(shop.create, name, **{"undo": shop.delete, **more})


both = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@both
def test_what_goes_well_stands(is_async: bool) -> None:
    """Nothing is undone where nothing failed."""
    shop = Shop()
    told(shop, [("a", {}), ("b", {})], is_async=is_async)
    assert shop.parts == ["a", "b"]
    assert shop.log == ["create a", "create b"]


@both
def test_one_opening_is_one_transaction_at_a_time(is_async: bool) -> None:
    """Entered while it is under way it would undo the steps of another; when it is over it may be
    entered again."""
    shop, opening = Shop(), transaction(retry=QUICK)

    async def later() -> None:
        async with opening as tx:
            await tx.do(shop.acreate, "a", undo=shop.adelete)
            with pytest.raises(InvalidRequestError, match="under way"):
                await opening.__aenter__()
        async with opening as tx:
            await tx.do(shop.acreate, "b", undo=shop.adelete)

    if is_async:
        asyncio.run(later())
    else:
        with opening as tx:
            tx.do(shop.create, "a", undo=shop.delete)
            with pytest.raises(InvalidRequestError, match="under way"):
                opening.__enter__()
        with opening as tx:
            tx.do(shop.create, "b", undo=shop.delete)
    assert shop.log == ["create a", "create b"]


@both
def test_an_error_undoes_all_in_reverse(is_async: bool) -> None:
    """The first error comes out as it is, with a note of how many steps were undone."""
    shop = Shop()
    first = ValueError("no stock")
    with pytest.raises(ValueError, match="no stock") as caught:
        told(shop, [("a", {}), ("b", {}), first], is_async=is_async)
    assert caught.value is first
    assert first.__notes__ == ["failwell: rolled back, 2 steps undone"]
    assert shop.log[2:] == ["delete b", "delete a"]
    assert shop.parts == []


@both
def test_a_compensation_is_tried_again(is_async: bool) -> None:
    """A failing undo is retried, and hides nothing."""
    shop = Shop()
    shop.troubles["delete a"] = [OSError("away"), OSError("away")]
    with pytest.raises(ValueError, match="no stock"):
        told(shop, [("a", {}), ValueError("no stock")], is_async=is_async)
    assert shop.log == ["create a", "delete a", "delete a", "delete a"]
    assert shop.parts == []


@both
def test_what_is_not_undone_is_listed(is_async: bool) -> None:
    """`RollbackError` has the first error, those of the compensations, and the to-do list."""
    shop = Shop()
    shop.troubles["delete a"] = [OSError("away")] * 9
    first = ValueError("no stock")
    with pytest.raises(RollbackError) as caught:
        told(shop, [("a", {}), ("b", {}), first], is_async=is_async)
    error = caught.value
    assert error.first is first
    assert [type(e) for e in error.exceptions] == [ValueError, OSError]
    (todo,) = error.todo
    assert todo.outcome is Outcome.APPLIED
    assert str(todo).endswith(
        'create was done (it gave {"id":"a"}) and could not be undone: OSError: away. '
        "Undo it by hand."
    )
    assert str(todo) in str(error)
    assert shop.parts == ["a"]


@both
def test_a_write_without_a_known_outcome_is_on_the_list(is_async: bool) -> None:
    """A step whose answer was lost is not undone blindly, nor forgotten."""
    shop = Shop()
    shop.troubles["create b"] = [lost()]
    with pytest.raises(RollbackError) as caught:
        told(shop, [("a", {}), ("b", {})], is_async=is_async)
    (todo,) = caught.value.todo
    assert todo.outcome is Outcome.UNKNOWN
    assert "may or may not have taken effect" in str(todo)
    assert shop.parts == ["b"]


@both
def test_a_step_with_a_key_is_settled_and_undone(is_async: bool) -> None:
    """With its key the lost step is asked after, and what it made is undone."""
    shop = Shop()
    shop.troubles["create b"] = [lost()]
    with pytest.raises(APIConnectionError):
        told(shop, [("a", {}), ("b", {"idempotency_key": "k"})], is_async=is_async)
    assert shop.log == ["create a", "create b", "create b", "delete b", "delete a"]
    assert shop.parts == []


@both
@pytest.mark.parametrize("is_there", [True, False])
def test_a_step_with_a_natural_key_is_looked_up(is_async: bool, is_there: bool) -> None:
    """A record that is found is undone; one that is not found proves nothing."""
    shop = Shop()
    shop.troubles["create b"] = [lost()]

    def found(name: str) -> dict[str, str] | None:
        return {"id": name} if is_there else None

    expected = APIConnectionError if is_there else RollbackError
    with pytest.raises(expected):
        told(shop, [("b", {"look_up": found})], is_async=is_async)
    assert shop.parts == ([] if is_there else ["b"])


@both
def test_a_refused_write_leaves_nothing(is_async: bool) -> None:
    """A step that is proven to have done nothing is neither undone nor listed."""
    shop = Shop()
    shop.troubles["create b"] = [lost(Outcome.NOT_STARTED)]
    with pytest.raises(APIConnectionError):
        told(shop, [("a", {}), ("b", {})], is_async=is_async)
    assert shop.log == ["create a", "create b", "delete a"]


IRREVERSIBLE: dict[str, Any] = {"undo": None, "irreversible": True}


@both
@pytest.mark.parametrize(
    ("created", "undone", "left"), [(True, True, False), (False, False, False), (None, False, True)]
)
def test_what_was_there_before_stays(
    is_async: bool, created: bool | None, undone: bool, left: bool
) -> None:
    """`create_or_get` tells who made the record: only the transaction's own is undone with it, and
    where nobody can tell, people decide."""
    log: list[Any] = []
    found = failwell.Got(record={"id": 7}, created=created, response=httpx2.Response(200))

    async def later() -> failwell.Got:
        return found

    async def run() -> None:
        async with transaction() as tx:
            await tx.do(later, undo=log.append)
            raise LookupError("no stock")

    with pytest.raises(RollbackError if left else LookupError):
        if is_async:
            asyncio.run(run())
        with transaction() as tx:
            assert tx.do(lambda: found, undo=log.append) is found
            raise LookupError("no stock")
    assert log == ([found] if undone else [])


@both
def test_an_irreversible_step_commits(is_async: bool) -> None:
    """What comes after the point of no return undoes nothing, and says so."""
    shop = Shop()
    with pytest.raises(ValueError, match="too late") as caught:
        told(shop, [("a", {}), ("pay", IRREVERSIBLE), ValueError("too late")], is_async=is_async)
    assert shop.parts == ["a", "pay"]
    assert "had committed" in caught.value.__notes__[0]


@both
def test_no_step_follows_an_irreversible_one(is_async: bool) -> None:
    """It is refused before anything is sent, unless the transaction was told."""
    shop = Shop()
    steps = [("pay", IRREVERSIBLE), ("a", {})]
    with pytest.raises(InvalidRequestError, match="nothing may follow"):
        told(shop, steps, is_async=is_async)
    assert shop.log == ["create pay"]
    shop = Shop()
    with pytest.raises(RollbackError) as caught:
        told(shop, [*steps, ValueError("x")], is_async=is_async, allow_irreversible=True)
    assert "cannot be undone" in str(caught.value.todo[0])
    assert shop.parts == ["pay"]


@both
def test_a_step_without_an_undo_is_refused(is_async: bool) -> None:
    """Whoever cannot undo a step has to say so."""
    shop = Shop()
    with pytest.raises(InvalidRequestError, match="has no undo"):
        told(shop, [("a", {"undo": None})], is_async=is_async)
    assert shop.log == []


@both
@pytest.mark.parametrize("how", [{"undo": 5}, {"look_up": "find"}])
def test_an_undo_that_cannot_be_called_is_refused(how: dict[str, Any], is_async: bool) -> None:
    """Before its step is done, for it would be missed only when it is needed."""
    shop = Shop()
    (name,) = how
    with pytest.raises(InvalidRequestError, match=f"^{name}=.*: give a function"):
        told(shop, [("a", how)], is_async=is_async)
    assert shop.log == []


@both
def test_ctrl_c_rolls_back_and_is_not_replaced(is_async: bool) -> None:
    """An interruption comes out as it is; what could not be undone is a note on it."""
    shop = Shop()
    shop.troubles["delete a"] = [OSError("away")] * 9
    with pytest.raises(KeyboardInterrupt) as caught:
        told(shop, [("a", {}), KeyboardInterrupt()], is_async=is_async)
    if not is_async:  # asyncio raises a new one
        assert "could not be undone: OSError: away" in caught.value.__notes__[0]
    assert shop.log[-1] == "delete a"


def test_a_cancelled_task_rolls_back_to_the_end() -> None:
    """A cancellation does not cut the rollback short, however often it awaits."""
    shop = Shop()

    async def main() -> None:
        began = asyncio.Event()

        async def work() -> None:
            async with transaction(retry=QUICK) as tx:
                await tx.do(shop.acreate, "a", undo=shop.adelete)
                await tx.do(shop.acreate, "b", undo=shop.adelete)
                began.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(work())
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert shop.log[-2:] == ["delete b", "delete a"]


def test_a_step_that_must_be_awaited_needs_async_with() -> None:
    """A coroutine in a sync transaction is refused before it has begun."""
    shop = Shop()
    with pytest.raises(InvalidRequestError, match="async with"), transaction() as tx:
        tx.do(shop.acreate, "a", undo=shop.adelete)
    assert shop.log == []


def rollback_error() -> RollbackError:
    first = ServerError(Failure(kind=Kind.INTERNAL, message="boom"))
    todo = Todo(step="create", outcome=Outcome.UNKNOWN, why="no answer")
    return RollbackError.of(first, [todo], [OSError("away"), ValueError("odd")])


def test_a_rollback_error_splits_and_keeps_its_list() -> None:
    """`except*` finds each member by its class; every part knows the first error and the list."""
    error = rollback_error()
    match, rest = error.split(OSError)
    assert isinstance(match, RollbackError)
    assert isinstance(rest, RollbackError)
    assert (match.first, match.todo) == (error.first, error.todo)
    assert [type(e) for e in rest.exceptions] == [ServerError, ValueError]
    seen = []
    try:
        raise error
    except* failwell.ServerError as group:
        seen.append(len(group.exceptions))
    except* Exception as group:
        seen.append(len(group.exceptions))
    assert seen == [1, 2]


@pytest.mark.parametrize("way", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])
def test_a_rollback_error_pickles(way: Callable[[RollbackError], RollbackError]) -> None:
    """It comes back whole: message, members, first error, list, notes."""
    error = rollback_error()
    error.add_note("seen")
    back = way(error)
    assert (str(back), back.todo, back.first) == (str(error), error.todo, error.first)
    assert back.first is back.exceptions[0]
    assert back.__notes__ == ["seen"]


def test_secrets_do_not_come_into_the_list() -> None:
    """What a step gave is shown without its secret members, and not beyond its first lines."""
    with pytest.raises(RollbackError) as caught, transaction(retry=QUICK) as tx:
        tx.do(lambda: {"id": "1", "password": "hunter22", "x": "y" * 999}, undo=lambda _: 1 / 0)
        raise ValueError("x")
    assert "hunter22" not in str(caught.value)
    assert len(caught.value.todo[0].result) == 200


class TestTransactionalOperation:
    """The class of Flow's guide."""

    def test_it_returns_numbers_and_results(self) -> None:
        """`execute` gives a list of `(index, result)`."""
        operation = TransactionalOperation("client")
        operation.add_operation(lambda: "a", lambda: None)
        operation.add_operation(lambda: "b", lambda: None)
        assert operation.client == "client"
        assert operation.execute() == [(0, "a"), (1, "b")]

    def test_it_rolls_back_and_raises_the_original_error(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A rollback that fails is reported, stops no other and replaces nothing."""
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        log: list[str] = []
        operation = TransactionalOperation(None)
        operation.add_operation(lambda: "a", lambda: log.append("undo a"))
        operation.add_operation(lambda: "b", lambda: 1 / 0)
        operation.add_operation(lambda: [][1], lambda: log.append("never"))
        with pytest.raises(IndexError) as caught:
            operation.execute()
        assert log == ["undo a"]
        assert "rollback failed" in caplog.text
        assert "division by zero" in caught.value.__notes__[0]
