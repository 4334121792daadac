"""How long a client waits between attempts: read off its sleeps."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from typing import Any

import pytest

import failwell
from clients.fault_server import Act, Server, refusal
from clients.world import Face, World
from failwell import FailwellError, Policy, Retry

DOWN = refusal(503, "unavailable")


def waits(world: World, retry: Retry | None, times: int) -> list[float]:
    """The sleeps of a GET that meets 503 so many times."""
    with Server([DOWN] * times) as server:

        async def scenario(client: Face) -> list[float]:
            with suppress(FailwellError):
                await client.get("/records")
            return client.sleeps

        return world.run(scenario, base_url=server.url, policy=Policy(retry=retry, breaker=None))


@pytest.fixture
def roll(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The dice, in a list of one."""
    dice = [0.5]
    monkeypatch.setattr(random, "random", lambda: dice[0])
    return dice


def test_the_default_is_five_retries_from_one_second(world: World) -> None:
    """1 s doubling, full jitter, five retries: each wait lies in [0, 2^n)."""
    found = waits(world, Retry(), 9)
    assert len(found) == 5
    assert all(0 <= wait < 2.0**n for n, wait in enumerate(found))
    assert len(set(found)) == 5


@pytest.mark.parametrize(
    ("jitter", "dice", "expected"),
    [
        (None, 0.5, [1, 2, 4, 8, 16, 32, 60, 60]),
        ("full", 0.5, [0.5, 1, 2, 4, 8, 16, 30, 30]),
        ("full", 0.0, [0] * 8),
        ("equal", 0.5, [0.75, 1.5, 3, 6, 12, 24, 45, 45]),
        ("equal", 0.0, [0.5, 1, 2, 4, 8, 16, 30, 30]),
        ("ten_percent", 0.0, [0.9, 1.8, 3.6, 7.2, 14.4, 28.8, 54, 54]),
        ("ten_percent", 0.999999, [1.1, 2.2, 4.4, 8.8, 17.6, 35.2, 66, 66]),
    ],
)
def test_each_jitter(
    world: World, roll: list[float], jitter: Any, dice: float, expected: list[float]
) -> None:
    """1 s doubling to 60 s, spread as the jitter says, for a known throw of the dice."""
    roll[0] = dice
    found = waits(world, Retry(max_retries=8, jitter=jitter), 8)
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_attempts_tell_the_waits(world: World) -> None:
    """Each attempt of an error's history says how long the call then slept; the last did not."""
    with Server([DOWN] * 3) as server:

        async def scenario(client: Face) -> None:
            with pytest.raises(FailwellError) as caught:
                await client.get("/records")
            assert [a.wait for a in caught.value.attempts] == [*client.sleeps, None]

        policy = Policy(retry=Retry(max_retries=2))
        world.run(scenario, base_url=server.url, policy=policy)


def test_base_and_cap_are_settable(world: World) -> None:
    """Another base and another cap are kept to."""
    found = waits(world, Retry(max_retries=4, base=0.2, cap=0.5, jitter=None), 9)
    assert found == pytest.approx([0.2, 0.4, 0.5, 0.5])


@pytest.mark.parametrize("retry", [None, Retry(max_retries=0)])
def test_retries_can_be_turned_off(world: World, retry: Retry | None) -> None:
    """`retry=None` and `max_retries=0` are one attempt."""
    assert waits(world, retry, 1) == []


def test_one_call_has_its_own_retry(world: World) -> None:
    """`Options(retry=…)` and `with_options(retry=…)` hold for their calls only."""
    with Server([DOWN, DOWN, DOWN]) as server:

        async def scenario(client: Face) -> None:
            with pytest.raises(failwell.ServiceUnavailableError):
                await client.get("/r", extensions={"failwell": failwell.Options(retry=None)})
            with pytest.raises(failwell.ServiceUnavailableError):
                await client.with_options(retry=None).get("/r")
            await client.get("/r")

        world.run(scenario, base_url=server.url)
    assert len(server.requests) == 4


def test_where_nothing_was_sent_the_base_is_short(world: World) -> None:
    """A refused connection is tried again after 50 ms doubling, until the server is there."""
    with Server(listening=False) as server:
        sleeps: list[float] = []

        def open_up(seconds: float) -> None:
            sleeps.append(seconds)
            if len(sleeps) == 4:
                server.open()

        response = world.run(
            lambda client: client.get("/records"),
            base_url=server.url,
            policy=Policy(retry=Retry(jitter=None)),
            on_sleep=open_up,
        )
    assert response.status_code == 200
    assert sleeps == pytest.approx([0.05, 0.1, 0.2, 0.4])


def test_the_short_base_is_settable_and_ends(world: World) -> None:
    """A server that never comes is given up after the last retry, with what is known."""
    with Server(listening=False) as server:

        async def scenario(client: Face) -> Any:
            with pytest.raises(failwell.APIConnectionError) as caught:
                await client.post("/records")
            return caught.value, client.sleeps

        error, sleeps = world.run(
            scenario,
            base_url=server.url,
            policy=Policy(retry=Retry(jitter=None, fast_base=0.01, max_retries=3)),
        )
    assert sleeps == pytest.approx([0.01, 0.02, 0.04])
    assert error.outcome is failwell.Outcome.NOT_STARTED
    assert [a.fault for a in error.attempts] == ["ConnectError"] * 4


def test_the_client_sleeps_for_real(world: World) -> None:
    """Without a recorder in its place the client's own sleep is slept."""
    with Server([Act("reset")]) as server:
        began = time.monotonic()
        world.run(
            lambda client: client.get("/records"),
            base_url=server.url,
            policy=Policy(retry=Retry(base=0.15, jitter=None)),
            really_sleeps=True,
        )
    assert 0.15 <= time.monotonic() - began < 1.5
