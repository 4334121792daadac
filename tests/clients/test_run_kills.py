"""`kill -9` at every instant of a script of five purchases, and the script begun again."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clients import buying
from clients.buying import ITEMS, Shop
from failwell.clients import runs
from failwell.stores.sqlite import SQLiteStore

KILLED = -signal.SIGKILL
MOST = 90
"""Instants of the longest script, and some more: the loop ends before."""

Run = Callable[[str, str, int], int]


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with buying.shop() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "run.db")


@pytest.fixture
def script(store: str, shop: Shop) -> Iterator[Run]:
    """Runs the script in a process of its own, up to an instant; its exit status."""
    process = subprocess.Popen(
        [sys.executable, str(Path(buying.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def ran(kind: str, run: str, last: int) -> int:
        stdin.write(f"{store}\t{shop.url}\t{kind}\t{run}\t{last}\n")
        stdin.flush()
        return int(stdout.readline())

    yield ran
    stdin.close()
    process.wait(timeout=10)
    stdout.close()


@pytest.mark.parametrize("kind", ["keyed", "tagged async"])
def test_a_kill_at_any_instant_buys_nothing_twice(shop: Shop, script: Run, kind: str) -> None:
    """Killed before it is sent, after it is carried out, after its answer, or while any of it is
    written down: begun again, the script has bought five things, once each."""
    for last in range(1, MOST):
        shop.sold.clear()
        status = script(kind, f"run {last}", last)
        if status != KILLED:
            assert (status, sorted(shop.sold)) == (buying.BOUGHT, sorted(ITEMS))
            assert last > 6 * len(ITEMS)
            return
        assert script(kind, f"run {last}", 0) == buying.BOUGHT
        assert sorted(shop.sold) == sorted(ITEMS), last
    raise AssertionError("no script came to its end")


@pytest.mark.parametrize("kind", ["keyed httpx", "tagged httpx async", "tagged requests"])
def test_a_kill_below_another_library_buys_nothing_twice(
    shop: Shop, script: Run, kind: str
) -> None:
    """At every fourth instant: the story is the same one, and these are its other seams."""
    for last in range(1 + len(kind) % 4, MOST, 4):
        shop.sold.clear()
        status = script(kind, f"run {kind} {last}", last)
        if status != KILLED:
            assert (status, sorted(shop.sold)) == (buying.BOUGHT, sorted(ITEMS))
            assert last > 6 * len(ITEMS)
            return
        assert script(kind, f"run {kind} {last}", 0) == buying.BOUGHT
        assert sorted(shop.sold) == sorted(ITEMS), last
    raise AssertionError("no script came to its end")


def test_where_nobody_can_ask_it_stops(shop: Shop, script: Run, store: str) -> None:
    """Without keys and look-up the write that was under way is unknown: it is not bought again,
    nor is anything after it, and the run's list shows it."""
    stopped = 0
    for last in range(1, MOST):
        shop.sold.clear()
        status = script("blind", f"run {last}", last)
        if status != KILLED:
            assert stopped > len(ITEMS)
            return
        before = len(shop.sold)
        again = script("blind", f"run {last}", 0)
        assert len(shop.sold) <= len(ITEMS), last
        if again == buying.UNKNOWN:
            stopped += 1
            assert len(shop.sold) == before
            kept = SQLiteStore(store)
            (run,) = [one for one in runs.listed(kept) if one.name == f"run {last}"]
            kept.close()
            assert [write.what for write in run.unfinished] == [f"POST {shop.url}/buy"]
        else:
            assert (again, sorted(shop.sold)) == (buying.BOUGHT, sorted(ITEMS)), last
    raise AssertionError("no script came to its end")
