"""A deadline inside an attempt: what is awaited is cancelled once its time is over."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import anyio
import pytest

from failwell.clients.limits import awithin

BOTH = pytest.mark.parametrize("loop", ["asyncio", "trio"])
SOON, NEVER = 0.02, 60.0


def run(loop: str, work: Callable[[], Awaitable[None]]) -> None:
    anyio.run(work, backend=loop)


@BOTH
def test_what_waits_too_long_is_ended(loop: str) -> None:
    """It raises `TimeoutError`, and the task goes on after it as if nothing had been cancelled."""

    async def work() -> None:
        with pytest.raises(TimeoutError), awithin(SOON):
            await anyio.sleep(NEVER)
        await anyio.sleep(0)

    run(loop, work)


@BOTH
@pytest.mark.parametrize("seconds", [None, NEVER])
def test_what_is_done_in_time_is_left_alone(loop: str, seconds: float | None) -> None:
    """Neither its result nor its own `TimeoutError` is touched."""

    async def work() -> None:
        with awithin(seconds):
            await anyio.sleep(0)
        with pytest.raises(TimeoutError, match="its own"), awithin(seconds):
            raise TimeoutError("its own")

    run(loop, work)


@BOTH
def test_the_sooner_of_two_ends_it(loop: str) -> None:
    """Deadlines nest: the inner one ends its own part, the outer one all."""

    async def work() -> None:
        with awithin(NEVER), pytest.raises(TimeoutError), awithin(SOON):
            await anyio.sleep(NEVER)
        with pytest.raises(TimeoutError), awithin(SOON), awithin(NEVER):
            await anyio.sleep(NEVER)

    run(loop, work)


def test_a_cancellation_from_outside_stays_one() -> None:
    """A task that is cancelled is cancelled, though its deadline is as good as over."""

    async def work() -> None:
        with awithin(SOON):
            await asyncio.sleep(NEVER)

    async def main() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel("by hand")
        with pytest.raises(asyncio.CancelledError, match="by hand"):
            await task
        assert task.cancelled()

    asyncio.run(main())


def test_both_at_once_is_a_cancellation() -> None:
    """Where somebody else cancels the task besides, it is theirs that is told."""

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.get_loop().call_soon(task.cancel)
        with pytest.raises(asyncio.CancelledError), awithin(0):
            await asyncio.sleep(NEVER)
        assert task.uncancel() == 0

    asyncio.run(main())


def test_what_swallows_its_end_is_done() -> None:
    """A body that goes on after it was cancelled has its result, as under `asyncio.timeout`."""

    async def main() -> None:
        with awithin(0), contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(NEVER)
        await asyncio.sleep(0)

    asyncio.run(main())
