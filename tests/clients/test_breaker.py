"""A client and a service that is down, over real HTTP: it is left alone, and found to be well."""

from __future__ import annotations

import asyncio
import time

import pytest

import failwell
from clients.fault_server import OK, Act, Server, refusal
from clients.world import API, Face, World
from failwell import Breaker, CircuitOpenError, FailwellError, Policy, Retry
from failwell.stores.memory import MemoryStore

DOWN = refusal(503, "unavailable")
ONCE = Policy(retry=None)


async def failures(client: Face, times: int, path: str = "/records") -> list[FailwellError]:
    """What so many calls raise."""
    met = []
    for _ in range(times):
        with pytest.raises(FailwellError) as caught:
            await client.get(path)
        met.append(caught.value)
    return met


def test_five_failures_and_it_is_left_alone(world: World) -> None:
    """The sixth call sends nothing; its error names the last failure, and says until when."""
    with Server([DOWN] * 5) as server:

        async def scenario(client: Face) -> None:
            await failures(client, 5)
            with pytest.raises(CircuitOpenError) as caught:
                await client.get("/records")
            error = caught.value
            assert 0 < (error.retry_after or 0) <= 0.5
            assert "503" in str(error)
            assert len(server.requests) == 5
            assert (error.kind, error.attempts) == (failwell.Kind.UNAVAILABLE, ())

        world.run(scenario, base_url=server.url, policy=ONCE)


def test_a_write_that_was_held_back_did_not_start(world: World) -> None:
    """`outcome` is "not_started": nothing was sent."""
    with Server([DOWN] * 5) as server:

        async def scenario(client: Face) -> None:
            await failures(client, 5)
            with pytest.raises(CircuitOpenError) as caught:
                await client.post("/records", json={"name": "a"})
            assert caught.value.outcome is failwell.Outcome.NOT_STARTED

        world.run(scenario, base_url=server.url, policy=ONCE)
    assert server.done == 0


@pytest.mark.parametrize(
    "act",
    [
        refusal(404, "not_found"),
        refusal(422, "invalid"),
        refusal(429, "busy"),
        refusal(401, "no_auth"),
        refusal(409, "clash"),
    ],
)
def test_an_answer_below_500_never_trips_it(world: World, act: Act) -> None:
    """Not even a hundred in a row; a 429 is the governor's."""
    with Server([act] * 40) as server:

        async def scenario(client: Face) -> None:
            await failures(client, 40)
            assert len(server.requests) == 40

        policy = Policy(retry=None, governor=None)
        world.run(scenario, base_url=server.url, policy=policy)


@pytest.mark.parametrize(
    "act",
    [Act("reset"), Act("close"), Act(status=200, body=b"<html>", content_type="text/html"), DOWN],
)
def test_one_attempt_is_one_signal(world: World, act: Act) -> None:
    """A call of three attempts is three of the five failures that open it."""
    with Server([act] * 10) as server:

        async def scenario(client: Face) -> None:
            await failures(client, 1)
            assert len(server.requests) == 3
            with pytest.raises(FailwellError):
                await client.get("/records")
            assert len(server.requests) == 5

        retry = Retry(max_retries=2, base=0.001, cap=0.001)
        policy = Policy(retry=retry, breaker=Breaker(on_open="raise"))
        world.run(scenario, base_url=server.url, policy=policy)


def test_a_call_with_a_deadline_waits_and_goes(world: World) -> None:
    """It is there when the gate opens, is the probe, and never shows an error."""
    with Server([DOWN] * 5) as server:

        async def scenario(client: Face) -> None:
            await failures(client, 5)
            response = await client.with_options(deadline=30.0).get("/records")
            assert response.status_code == 200
            assert sum(client.sleeps) == pytest.approx(0.5, abs=0.1)

        world.run(scenario, base_url=server.url, policy=ONCE)


def test_a_failed_probe_shuts_it_for_longer(world: World) -> None:
    """0.5 s, then a quarter more, and again."""
    with Server([DOWN] * 7) as server:

        async def scenario(client: Face) -> None:
            await failures(client, 5)
            patient = client.with_options(deadline=60.0)
            for expected in (0.5, 0.625, 0.78):
                before = sum(client.sleeps)
                if expected < 0.7:
                    await failures(patient, 1)
                else:
                    await patient.get("/records")
                assert sum(client.sleeps) - before == pytest.approx(expected, abs=0.06)

        world.run(scenario, base_url=server.url, policy=ONCE)


@pytest.mark.parametrize(("on_open", "raises"), [("raise", True), ("wait", False)])
def test_on_open_is_obeyed(world: World, on_open: str, raises: bool) -> None:
    """Whether the call has a deadline or not."""
    with Server([DOWN] * 5) as server:

        async def scenario(client: Face) -> None:
            await failures(client, 5)
            for deadline in (None, 30.0):
                call = client.with_options(deadline=deadline).get("/records")
                if raises:
                    with pytest.raises(CircuitOpenError):
                        await call
                else:
                    assert (await call).status_code == 200

        policy = Policy(retry=None, breaker=Breaker(on_open=on_open))  # type: ignore[arg-type]
        world.run(scenario, base_url=server.url, policy=policy)


def test_tenants_are_told_apart(world: World) -> None:
    """What fails for one credential says nothing of another; two clients of one share it."""
    store, policy = MemoryStore(), Policy(retry=None, breaker=Breaker(open_for=25.0))
    with Server([DOWN] * 5) as server:

        async def fails(client: Face) -> None:
            await failures(client, 5)

        async def is_shut(client: Face) -> None:
            with pytest.raises(CircuitOpenError):
                await client.get("/records")

        async def works(client: Face) -> None:
            assert (await client.get("/records")).status_code == 200

        def run(scenario, key: str) -> None:
            headers = {"Authorization": f"Bearer {key}"}
            world.run(scenario, base_url=server.url, policy=policy, headers=headers, store=store)

        run(fails, "ann")
        run(works, "bob")
        run(is_shut, "ann")


def test_the_contracts_own_class_is_raised(world: World) -> None:
    """`circuit_error`: so that one `except` catches all that an API's client raises."""

    class RecordsCircuitOpenError(CircuitOpenError):
        pass

    contract = failwell.Contract(
        name="Records", dialect=API.dialect, circuit_error=RecordsCircuitOpenError
    )
    with Server([DOWN] * 5) as server:

        async def scenario(client: Face) -> None:
            await failures(client, 5)
            with pytest.raises(RecordsCircuitOpenError):
                await client.get("/records")

        world.run(scenario, base_url=server.url, policy=ONCE, contract=contract)


def test_a_crowd_queues_behind_one_probe() -> None:
    """Thirty tasks meet an outage: while it lasts there is one request at a time, and when it is
    over all thirty go."""
    down_until = time.monotonic() + 0.8
    outage: list[float] = []

    def act(_: object) -> Act:
        if time.monotonic() < down_until:
            outage.append(time.monotonic())
            return DOWN
        return OK

    async def main(url: str) -> None:
        policy = Policy(deadline=20.0, retry=Retry(base=0.05, cap=0.2))
        async with failwell.AsyncClient(
            base_url=url, contract=API, policy=policy, trust_env=False
        ) as client:
            answers = await asyncio.gather(*(client.get("/records") for _ in range(30)))
        assert {answer.status_code for answer in answers} == {200}

    with Server([act] * 200) as server:
        asyncio.run(main(server.url))
    assert len(outage) <= 30 + 3


def test_cancelled_at_any_moment_it_holds_nobody_up() -> None:
    """A task that is cancelled after any number of steps leaves the probe to the next one."""

    async def main(url: str) -> None:
        policy = Policy(deadline=10.0, retry=None, breaker=Breaker(failures=1, open_for=0.001))
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
                    while True:
                        try:
                            await client.get("/records")
                        except FailwellError:
                            continue
                        break

    def act(seen: object, count: list[int] = [0]) -> Act:  # noqa: B006
        count[0] += 1
        return DOWN if count[0] % 3 == 0 else OK

    with Server([act] * 2000) as server:
        asyncio.run(main(server.url))
