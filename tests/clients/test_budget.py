"""How much a client in trouble may retry, over real HTTP."""

from __future__ import annotations

import pytest

from clients.fault_server import OK, Server, refusal
from clients.world import Face, World
from failwell import Budget, FailwellError, Policy, Retry, ServiceUnavailableError

DOWN = refusal(503, "unavailable")


def policy(budget: Budget | None) -> Policy:
    """Five quick retries, and no breaker in the way."""
    return Policy(retry=Retry(base=0.001, cap=0.001), budget=budget, breaker=None)


def requests_of(world: World, calls: int, budget: Budget | None) -> int:
    """How many requests so many calls to a dead service make."""
    with Server([DOWN] * 1000) as server:

        async def scenario(client: Face) -> None:
            for _ in range(calls):
                with pytest.raises(FailwellError):
                    await client.get("/records")

        world.run(scenario, base_url=server.url, policy=policy(budget))
        return len(server.requests)


@pytest.mark.parametrize(
    ("calls", "budget", "requests"),
    [
        (1, Budget(), 6),
        (2, Budget(), 12),
        (100, Budget(), 120),
        (100, Budget(floor=0), 110),
        (100, Budget(floor=0, ratio=0.0), 100),
        (10, None, 60),
    ],
)
def test_retries_are_a_share_of_the_calls(
    world: World, calls: int, budget: Budget | None, requests: int
) -> None:
    """A quiet client keeps its five; a hundred calls make a hundred and twenty requests."""
    assert requests_of(world, calls, budget) == pytest.approx(requests, abs=1)


def test_the_refusal_is_the_last_real_failure(world: World) -> None:
    """Its class, its code, its history; and nothing was slept for a retry that was not granted."""
    with Server([DOWN] * 3) as server:

        async def scenario(client: Face) -> None:
            with pytest.raises(ServiceUnavailableError) as caught:
                await client.get("/records")
            assert caught.value.code == "unavailable"
            assert len(caught.value.attempts) == 3
            assert len(client.sleeps) == 2

        world.run(scenario, base_url=server.url, policy=policy(Budget(floor=2, ratio=0.0)))


def test_all_clients_of_an_origin_share_it(world: World) -> None:
    """What one has used up another does not have."""
    from failwell.stores.memory import MemoryStore

    store, small = MemoryStore(), policy(Budget(floor=2, ratio=0.0))
    with Server([DOWN] * 4 + [OK]) as server:

        async def fails(client: Face) -> None:
            with pytest.raises(ServiceUnavailableError):
                await client.get("/records")

        world.run(fails, base_url=server.url, policy=small, store=store)
        assert len(server.requests) == 3
        world.run(fails, base_url=server.url, policy=small, store=store)
        assert len(server.requests) == 4


def test_success_costs_nothing(world: World) -> None:
    """A thousand good calls use up no retry."""
    with Server() as server:

        async def scenario(client: Face) -> None:
            for _ in range(50):
                await client.get("/records")

        world.run(scenario, base_url=server.url, policy=policy(Budget(floor=0, ratio=0.0)))
        assert len(server.requests) == 50
