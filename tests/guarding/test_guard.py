"""`failwell.guard`: the whole stack around any function, told once for sync and async."""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from failwell import (
    Breaker,
    Budget,
    CircuitOpenError,
    Governor,
    Limit,
    Policy,
    RateLimitError,
    Retry,
    guard,
)
from failwell.errors import APIConnectionError
from failwell.model import Failure, Kind, Outcome
from failwell.stores.memory import MemoryStore
from failwell.testing import Clock

QUICK = Retry(max_retries=5, base=0.001, cap=0.002)


class DownError(Exception):
    """The service is down."""


class Work:
    """A function that fails as often as it is told to, sync or async, under a guard."""

    def __init__(self, is_async: bool) -> None:
        self.is_async = is_async
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.failures, self.made = 0, 0
        self.error: BaseException = DownError()

    def guarded(self, policy: Policy | None = None, **how: Any) -> Callable[..., Any]:
        """The function under a guard; it returns what it is given."""
        how = {"key": "k", "on": DownError, "store": self.store} | how

        def act(value: int = 1) -> int:
            """Act."""
            self.made += 1
            if self.failures > 0:
                self.failures -= 1
                raise self.error
            return value

        async def later(value: int = 1) -> int:
            """Act."""
            return act(value)

        function = guard(policy or Policy(retry=QUICK), **how)(later if self.is_async else act)

        def call(value: int = 1) -> int:
            result = function(value)
            return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result

        call.__doc__ = function.__doc__
        return call


async def _awaited(value: Any) -> Any:
    return await value


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def work(request: pytest.FixtureRequest) -> Work:
    return Work(request.param)


def test_what_goes_well_is_called_once(work: Work) -> None:
    """Its arguments, its result and its name are its own."""
    act = work.guarded()
    assert act(7) == 7
    assert (work.made, act.__doc__) == (1, "Act.")


def test_what_may_be_called_again_is(work: Work) -> None:
    """After an exception that its author has named."""
    act = work.guarded()
    work.failures = 3
    assert act(7) == 7
    assert work.made == 4


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit()])
def test_what_may_not_is_raised(work: Work, error: BaseException) -> None:
    """Any other exception comes through at once, as it is."""
    act = work.guarded()
    work.failures, work.error = 1, error
    with pytest.raises(type(error)):
        act()
    assert work.made == 1


def test_the_last_failure_is_raised(work: Work) -> None:
    """Not a wrapper around it."""
    act = work.guarded(Policy(retry=QUICK, breaker=None))
    work.failures = 100
    with pytest.raises(DownError):
        act()
    assert work.made == 6


def test_an_open_circuit_is_not_called(work: Work) -> None:
    """And the error says until when."""
    act = work.guarded(Policy(retry=None, breaker=Breaker(failures=2, open_for=9.0)))
    work.failures = 2
    for _ in range(2):
        with pytest.raises(DownError):
            act()
    with pytest.raises(CircuitOpenError) as caught:
        act()
    assert work.made == 2
    assert caught.value.retry_after == pytest.approx(9.0)
    work.clock.advance(9.1)
    assert act() == 1


def test_the_budget_ends_the_retries(work: Work) -> None:
    """A call that has used them up raises what it met last."""
    act = work.guarded(Policy(retry=QUICK, budget=Budget(floor=2, ratio=0.0), breaker=None))
    work.failures = 100
    with pytest.raises(DownError):
        act()
    assert work.made == 3


def test_a_limit_holds_it_back(work: Work) -> None:
    """Two in any minute; the third says when to come back."""
    policy = Policy(retry=None, deadline=1.0, governor=Governor(limits=(Limit(2, 60.0),)))
    act = work.guarded(policy)
    assert act() + act() == 2
    with pytest.raises(RateLimitError) as caught:
        act()
    assert 50 < (caught.value.retry_after or 0) < 70
    assert work.made == 2


def test_functions_of_one_key_share_it(work: Work) -> None:
    """What fails here is not asked there."""
    policy = Policy(retry=None, breaker=Breaker(failures=1))
    act, other = work.guarded(policy), work.guarded(policy)
    stranger = work.guarded(policy, key="another")
    work.failures = 1
    with pytest.raises(DownError):
        act()
    with pytest.raises(CircuitOpenError):
        other()
    assert stranger() == 1


def test_a_slow_call_counts_as_failed(work: Work) -> None:
    """Where the breaker was told what slow is."""
    policy = Policy(retry=None, breaker=Breaker(failures=1, slow=1e-9))
    act = work.guarded(policy)
    assert act() == 1
    with pytest.raises(CircuitOpenError):
        act()


def test_the_settings_are_those_of_no_call() -> None:
    """Two calls at a time do not disturb each other: nothing is kept at decoration."""
    work = Work(is_async=True)
    seen: list[int] = []

    @guard(Policy(retry=QUICK, breaker=None), key="k", on=DownError, store=work.store)
    async def act(number: int) -> int:
        seen.append(number)
        await asyncio.sleep(0)
        if seen.count(number) < 3:
            raise DownError
        return number

    async def main() -> list[int]:
        return await asyncio.gather(*(act(number) for number in range(5)))

    assert asyncio.run(main()) == list(range(5))
    assert sorted(seen) == sorted(list(range(5)) * 3)


def test_an_async_call_ends_at_its_deadline() -> None:
    """With a `TimeoutError`; a sync one is not begun again after it."""

    @guard(Policy(deadline=0.05, retry=None), key="deadline", store=MemoryStore())
    async def act() -> None:
        await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        asyncio.run(act())


def test_a_store_may_be_a_url(tmp_path: Any) -> None:
    """Then all processes share it: a second one finds the circuit open."""
    policy = Policy(retry=None, breaker=Breaker(failures=1))

    def guarded() -> Callable[[], None]:
        @guard(policy, key="shared", on=DownError, store=f"sqlite:///{tmp_path}/guard.db")
        def act() -> None:
            raise DownError

        return act

    with pytest.raises(DownError):
        guarded()()
    with pytest.raises(CircuitOpenError):
        guarded()()


def test_a_cancelled_call_gives_its_place_back() -> None:
    """However far it had come: cancelled at each await in turn, it holds nothing for longer than
    it runs."""
    store = MemoryStore()
    policy = Policy(
        retry=QUICK, deadline=5.0,
        governor=Governor(limits=(Limit(1),)), breaker=Breaker(failures=1, open_for=0.001),
    )  # fmt: skip

    async def cancelled_after(steps: int) -> bool:
        awaits = 0

        @guard(policy, key="k", on=DownError, store=store)
        async def act() -> None:
            nonlocal awaits
            awaits += 1
            for _ in range(3):
                await asyncio.sleep(0)
            if awaits < 3:
                raise DownError

        task = asyncio.create_task(act())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except (asyncio.CancelledError, DownError):
            return False
        return True

    async def works() -> int:
        @guard(policy, key="k", on=DownError, store=store)
        async def act() -> int:
            return 1

        return await act()

    async def main() -> None:
        for steps in range(25):
            await cancelled_after(steps)
            assert await asyncio.wait_for(works(), 5.0) == 1

    asyncio.run(main())


def test_a_write_that_may_have_taken_effect_is_not_made_again(work: Work) -> None:
    """Whatever its author has named: nobody knows that a second one would be the first."""
    lost = Failure(kind=Kind.CONNECTION, message="lost", outcome=Outcome.UNKNOWN)
    act = work.guarded(on=APIConnectionError)
    work.failures, work.error = 1, APIConnectionError(lost)
    with pytest.raises(APIConnectionError) as caught:
        act()
    assert (work.made, caught.value.outcome) == (1, Outcome.UNKNOWN)


def test_a_write_that_did_nothing_is_made_again(work: Work) -> None:
    """Its own error says so."""
    refused = Failure(kind=Kind.CONNECTION, message="refused", outcome=Outcome.NOT_STARTED)
    act = work.guarded(on=())
    work.failures, work.error = 1, APIConnectionError(refused)
    assert (act(7), work.made) == (7, 2)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"on": "OSError"}, "on='OSError': name exception classes"),
        ({"on": (1,)}, "on="),
        ({"on": KeyboardInterrupt}, "on="),
        ({"key": ""}, "key=''"),
        ({"key": 5}, "key=5"),
        ({"policy": 3}, "policy=3: give a failwell.Policy"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(settings: dict[str, Any], said: str) -> None:
    """And not in the middle of the first failure."""
    with pytest.raises(TypeError, match=re.escape(said)):
        guard(**settings)


def test_the_parentheses_are_asked_for() -> None:
    """A decorator without them would take the function for its policy."""
    with pytest.raises(TypeError, match="with parentheses"):
        guard(len)  # type: ignore[arg-type]


def test_a_generator_is_no_call() -> None:
    """Its work is done after the call, out of any guard's sight."""

    def numbers() -> Iterator[int]:
        yield 1

    with pytest.raises(TypeError, match=r"numbers is a generator"):
        guard()(numbers)


def test_any_callable_may_be_guarded() -> None:
    """An object whose call is awaited, and a partial of a function."""

    class Later:
        async def __call__(self, value: int) -> int:
            return value

    assert guard(on=DownError)(functools.partial(int, "7"))() == 7
    assert asyncio.run(guard(on=DownError)(Later())(8)) == 8


def test_the_deadline_is_named() -> None:
    """An async function that ran into its deadline is told from one that timed out by itself."""

    @guard(Policy(deadline=0.01), key="napping")
    async def nap() -> None:
        await asyncio.sleep(10)

    with pytest.raises(TimeoutError, match=r"^guard napping was not done in its 0.01 s$"):
        asyncio.run(nap())


def test_nothing_is_begun_after_the_deadline() -> None:
    """The time that a function takes to raise counts, too."""
    made = 0

    @guard(
        Policy(deadline=0.5, retry=Retry(base=0.05, jitter=None), breaker=None),
        key="d",
        on=DownError,
    )
    def slow() -> None:
        nonlocal made
        made += 1
        time.sleep(0.3)
        raise DownError

    with pytest.raises(DownError):
        slow()
    assert 1 <= made <= 2
