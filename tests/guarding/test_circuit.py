"""`failwell.CircuitBreaker`: as Flow's guide shows it, sync and async, and shared by threads."""

from __future__ import annotations

import asyncio
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from failwell import CircuitBreaker, CircuitOpenError
from failwell.testing import Clock


class DownError(Exception):
    """The service is down."""


def fail(*_: Any) -> None:
    raise DownError


def opened(clock: Clock, **settings: Any) -> CircuitBreaker:
    """A breaker after five failures."""
    breaker = CircuitBreaker(clock=clock, **settings)
    for _ in range(5):
        with pytest.raises(DownError):
            breaker.call(fail)
    return breaker


def test_it_begins_closed() -> None:
    """What is called gets its arguments, and its result comes back."""
    breaker = CircuitBreaker(failure_threshold=5, recovery_timeout=60)
    assert breaker.call(lambda a, b: a + b, 1, b=2) == 3
    assert (breaker.state, breaker.failure_count) == ("CLOSED", 0)
    assert breaker.last_failure_time is None


def test_it_opens_and_says_until_when() -> None:
    """The sixth call is not made; its error says for how long."""
    clock = Clock()
    breaker = opened(clock)
    clock.advance(20)
    with pytest.raises(CircuitOpenError) as caught:
        breaker.call(print, "never")
    assert (breaker.state, breaker.failure_count) == ("OPEN", 5)
    assert caught.value.retry_after == pytest.approx(40)
    assert "OPEN for 40.00 s more, after 5 failures in a row" in str(caught.value)
    assert breaker.last_failure_time is not None
    assert pickle.loads(pickle.dumps(caught.value)).retry_after == pytest.approx(40)


@pytest.mark.parametrize(("works", "state"), [(True, "CLOSED"), (False, "OPEN")])
def test_one_call_decides(works: bool, state: str) -> None:
    """After a minute one call is let through: it closes or opens it."""
    clock = Clock()
    breaker = opened(clock)
    clock.advance(60)
    assert breaker.state == "HALF_OPEN"
    if works:
        assert breaker.call(lambda: 1) == 1
    else:
        with pytest.raises(DownError):
            breaker.call(fail)
    assert breaker.state == state


def test_a_success_forgets_the_failures() -> None:
    """They must come in a row."""
    breaker = CircuitBreaker(failure_threshold=2, clock=Clock())
    for _ in range(5):
        with pytest.raises(DownError):
            breaker.call(fail)
        breaker.call(int)
    assert breaker.state == "CLOSED"


def test_only_what_it_is_told_to_count() -> None:
    """A mistake of the caller's own does not open it."""
    breaker = CircuitBreaker(failure_threshold=1, on=DownError, clock=Clock())
    with pytest.raises(ZeroDivisionError):
        breaker.call(lambda: 1 / 0)
    assert breaker.state == "CLOSED"


def test_it_awaits_what_must_be_awaited() -> None:
    """`await breaker.call(coroutine_function)`: the same, failures and all."""
    clock = Clock()

    async def down() -> None:
        raise DownError

    async def works() -> int:
        await asyncio.sleep(0)
        return 7

    async def main() -> None:
        breaker = CircuitBreaker(clock=clock)
        assert await breaker.call(works) == 7
        for _ in range(5):
            with pytest.raises(DownError):
                await breaker.call(down)
        with pytest.raises(CircuitOpenError):
            breaker.call(works)
        clock.advance(60)
        assert await breaker.call(works) == 7
        assert breaker.state == "CLOSED"

    asyncio.run(main())


def test_a_cancelled_probe_is_not_lost() -> None:
    """Its place goes to the next call."""
    clock = Clock()
    breaker = opened(clock)
    clock.advance(60)

    async def main() -> None:
        probe = asyncio.ensure_future(breaker.call(asyncio.sleep, 60))
        await asyncio.sleep(0)
        with pytest.raises(CircuitOpenError):
            breaker.call(asyncio.sleep, 0)
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        await breaker.call(asyncio.sleep, 0)

    asyncio.run(main())
    assert breaker.state == "CLOSED"


def test_threads_lose_no_failure() -> None:
    """Eight threads, a thousand failures: each is counted."""
    breaker = CircuitBreaker(failure_threshold=10**6)

    def hammer(_: int) -> None:
        with pytest.raises(DownError):
            breaker.call(fail)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hammer, range(1000)))
    assert breaker.failure_count == 1000


@pytest.mark.parametrize(
    "settings",
    [
        {"failure_threshold": 0},
        {"failure_threshold": 2.5},
        {"recovery_timeout": 0},
        {"recovery_timeout": float("nan")},
        {"recovery_timeout": "60"},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    """When it is made, by the names that its user knows."""
    (name,) = settings
    with pytest.raises(ValueError, match=f"^{name}=.* must be"):
        CircuitBreaker(**settings)


def test_what_is_no_exception_is_refused() -> None:
    """It would hide the first failure."""
    with pytest.raises(TypeError, match="name exception classes"):
        CircuitBreaker(on="OSError")  # type: ignore[arg-type]
