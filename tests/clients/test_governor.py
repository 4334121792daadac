"""A client that stays inside its quota, over real HTTP; the sleeps are recorded, not slept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import failwell
from clients.fault_server import Act, Server, refusal
from clients.world import API, Face, World
from failwell import Governor, Limit, Policy, RateLimitError
from failwell.stores.sqlite import SQLiteStore

ONCE = Policy(retry=None)


def said(remaining: int, reset: str, limit: int = 10, **more: Any) -> Act:
    """An answer that speaks of its quota."""
    fields = {"Limit": limit, "Remaining": remaining, "Reset": reset}
    headers = tuple((f"X-RateLimit-{name}", str(value)) for name, value in fields.items())
    return Act(headers=headers, **more)


def test_a_quota_that_is_used_up_is_waited_for(world: World) -> None:
    """Nothing left for 30 s: the next call goes after 30 s, and is not refused."""
    with Server([said(0, "30.0")]) as server:

        async def scenario(client: Face) -> None:
            await client.get("/records")
            await client.get("/records")
            assert sum(client.sleeps) == pytest.approx(30.0, abs=1.0)

        world.run(scenario, base_url=server.url, policy=ONCE)


def test_a_call_that_cannot_wait_is_told_when(world: World) -> None:
    """Five seconds are not enough for a quota that begins anew in thirty: nothing is sent."""
    with Server([said(0, "30.0")]) as server:

        async def scenario(client: Face) -> None:
            await client.get("/records")
            with pytest.raises(RateLimitError) as caught:
                await client.with_options(deadline=5.0).get("/records")
            assert 29 < (caught.value.retry_after or 0) < 31
            assert client.sleeps == []
            assert len(server.requests) == 1

        world.run(scenario, base_url=server.url, policy=ONCE)


def test_another_route_may_have_a_quota_of_its_own(world: World) -> None:
    """Until its answers have spoken for themselves it goes by what is known."""
    with Server([said(0, "30.0", 10), said(99, "30.0", 100), said(98, "29.0", 100)]) as server:

        async def scenario(client: Face) -> None:
            await client.get("/search")
            await client.get("/records")
            waited = sum(client.sleeps)
            await client.get("/records")
            assert sum(client.sleeps) == waited

        world.run(scenario, base_url=server.url, policy=ONCE)


def test_a_limit_told_by_hand(world: World) -> None:
    """Three in any ten seconds: the fourth waits for ten."""
    policy = Policy(retry=None, governor=Governor(limits=(Limit(3, 10.0),)))
    with Server() as server:

        async def scenario(client: Face) -> None:
            for _ in range(4):
                await client.get("/records")
            assert sum(client.sleeps) == pytest.approx(10.0, abs=1.0)

        world.run(scenario, base_url=server.url, policy=policy)


def test_a_429_without_a_word_is_obeyed_by_all(world: World) -> None:
    """`Retry-After: 7` for one call holds for the next one too."""
    busy = refusal(429, "busy", headers=(("Retry-After", "7"),))
    with Server([busy]) as server:

        async def scenario(client: Face) -> None:
            with pytest.raises(RateLimitError):
                await client.get("/records")
            await client.get("/records")
            assert sum(client.sleeps) >= 6.5

        world.run(scenario, base_url=server.url, policy=ONCE)


@pytest.mark.parametrize(
    "act",
    [
        said(-5, "-30"),
        said(0, "1500000000"),
        said(5, "99999999999999999999"),
        said(0, "NaN"),
        said(10**17, "1"),
        said(0, "0", limit=0),
        Act(headers=(("RateLimit", '"x";r=0;t=-9'), ("RateLimit-Policy", ";;;=,,"))),
        Act(headers=(("X-RateLimit-Remaining", "\xff0"),)),
    ],
)
def test_hostile_fields_hold_nobody_up(world: World, act: Act) -> None:
    """A reset in the past, an empty quota, words that are no numbers: a call is late by a second
    or so at most."""
    with Server([act]) as server:

        async def scenario(client: Face) -> None:
            for _ in range(3):
                await client.get("/records")
            assert sum(client.sleeps) < 3
            assert len(client.sleeps) < 300

        world.run(scenario, base_url=server.url, policy=ONCE)


def test_a_reset_that_jumps_is_followed(world: World) -> None:
    """An hour, then five seconds, then an hour: what was said last holds."""
    acts = [said(0, "3600.0", 10), said(0, "5.0", 10), said(7, "3600.0", 10)]
    with Server(acts) as server:

        async def scenario(client: Face) -> None:
            patient = client.with_options(deadline=9000.0)
            await patient.get("/records")
            await patient.get("/records")
            first = sum(client.sleeps)
            await patient.get("/records")
            await patient.get("/records")
            assert first == pytest.approx(3600, abs=2)
            assert sum(client.sleeps) - first == pytest.approx(5, abs=2)

        world.run(scenario, base_url=server.url, policy=ONCE)


def test_a_cancelled_call_leaks_no_place() -> None:
    """Two at a time, and calls that are cancelled at any step: the places come back."""

    async def main(url: str) -> None:
        policy = Policy(retry=None, deadline=5.0, governor=Governor(limits=(Limit(2),)))
        async with failwell.AsyncClient(
            base_url=url, contract=API, policy=policy, trust_env=False
        ) as client:
            for steps in range(40):
                task = asyncio.ensure_future(client.get("/records"))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                task.cancelled() or task.exception()
            async with asyncio.timeout(5.0):
                await asyncio.gather(*(client.get("/records") for _ in range(6)))

    with Server() as server:
        asyncio.run(main(server.url))


def test_two_clients_share_a_quota_through_a_file(world: World, tmp_path: Any) -> None:
    """What one was told the other knows: nothing left is nothing left."""
    store = SQLiteStore(str(tmp_path / "shared.db"))
    with Server([said(0, "30.0")]) as server:

        async def first(client: Face) -> None:
            await client.get("/records")

        async def second(client: Face) -> None:
            with pytest.raises(RateLimitError):
                await client.with_options(deadline=1.0).get("/records")

        world.run(first, base_url=server.url, policy=ONCE, store=store)
        world.run(second, base_url=server.url, policy=ONCE, store=store)
        assert len(server.requests) == 1
    store.close()
