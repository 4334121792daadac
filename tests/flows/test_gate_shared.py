"""Eight processes at one gate: no failure, no call and no retry is lost, and one probe goes."""

from __future__ import annotations

import multiprocessing
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from failwell import stores
from failwell.flows.gate import Gate, Pass
from failwell.flows.standing import Enter, Leave, Standing
from failwell.policy import budget
from failwell.settings import Breaker, Budget, Governor, Limit

PROCESSES, TIMES = 8, 40
PATIENT = Breaker(failures=10**6)
SHUT = Breaker(failures=1, open_for=0.001, probe=60.0)
MANY = Budget(floor=100, ratio=0.0, window=3600.0)


def gate(breaker: Breaker = PATIENT) -> Gate:
    """The gate that all of them go through."""
    return Gate(key="shared", budget=MANY, breaker=breaker)


def hammer(url: str, results: Any) -> None:
    """Fail, and ask for a retry, again and again."""
    store, granted = stores.open(url), 0
    for _ in range(TIMES):
        store.update("shared", Enter(gate(), "GET", "/"))
        granted += store.update("shared", Leave(gate(), "GET", "/", 0.1, False, retries=True))
    results.put(granted)


def probe(url: str, results: Any) -> None:
    """Ask to go, while the circuit is half open."""
    store = stores.open(url)
    answer = store.update("shared", Enter(gate(SHUT), "GET", "/"))
    results.put(isinstance(answer, Pass) and answer.probing)


def limited(url: str, results: Any) -> None:
    """Ask for one of three places."""
    gate = Gate(key="shared", governor=Governor(limits=(Limit(3),)))
    answer = stores.open(url).update("shared", Enter(gate, "GET", "/"))
    results.put(isinstance(answer, Pass))


def by_all(work: Any, url: str) -> list[Any]:
    """What the work came to in each of the processes."""
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    workers = [spawn.Process(target=work, args=(url, results)) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    found = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    return found


@pytest.fixture(params=["sqlite", "valkey"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that processes share, with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/gate.db"
    address: str = request.getfixturevalue("valkey_url")
    store = stores.open(address)
    store.update("shared", _Forget())
    return address


class _Forget:
    record_type = Standing

    def __call__(self, record: Standing | None, now: float) -> Any:
        from failwell.actions import Step

        return Step(None, None)


class _Read(_Forget):
    def __call__(self, record: Standing | None, now: float) -> Any:
        from failwell.actions import Step

        return Step(record, record)


def test_no_update_is_lost(url: str) -> None:
    """320 failures are 320 failures, 320 calls are counted, and 100 retries are granted."""
    granted = by_all(hammer, url)
    with closing(stores.open(url)) as store:
        standing = store.update("shared", _Read())
    assert standing.circuit.failures == PROCESSES * TIMES
    assert budget.totals(standing.ledger) == (PROCESSES * TIMES, 100)
    assert sum(granted) == 100


def test_one_of_eight_is_the_probe(url: str) -> None:
    """Half open is half open for one."""
    with closing(stores.open(url)) as store:
        store.update("shared", Leave(gate(SHUT), "GET", "/", 0.1, False))
    assert sorted(by_all(probe, url)) == [False] * 7 + [True]


def test_three_places_are_three_places(url: str) -> None:
    """However many ask for one at once."""
    assert sum(by_all(limited, url)) == 3
