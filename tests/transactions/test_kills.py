"""`kill -9` at every instant of a durable transaction, and the recovery from it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from failwell.transactions import Recovery, forget, recover
from transactions import shop

KILLED = -signal.SIGKILL
MOST = 80
"""Instants of the longest order, and some more: the loop ends before."""

Order = Callable[[str, str, str, int], int]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(shop.DATABASE, str(tmp_path / "shop.db"))
    return str(tmp_path / "tx.db")


@pytest.fixture
def order(store: str) -> Iterator[Order]:
    """Makes an order in a process of its own, up to an instant; its exit status."""
    program = Path(shop.__file__)
    process = subprocess.Popen(
        [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def made(store: str, kind: str, name: str, last: int) -> int:
        stdin.write(f"{store}\t{kind}\t{name}\t{last}\n")
        stdin.flush()
        return int(stdout.readline())

    yield made
    stdin.close()
    process.wait(timeout=10)
    stdout.close()


def recovered(store: str) -> list[Recovery]:
    return recover(f"sqlite:///{store}", ["transactions.shop"], retry=shop.QUICK, wait=5.0)


@pytest.mark.parametrize("kind", ["keyed", "keyed fails", "natural", "keyed pay"])
def test_a_kill_at_any_instant_leaves_nothing_or_all(store: str, order: Order, kind: str) -> None:
    """Where each step can be asked after, a recovery undoes all of it, or finds it committed."""
    for last in range(1, MOST):
        name = f"order-{last}"
        status = order(store, kind, name, last)
        found = recovered(store)
        assert all(one.end in ("rolled_back", "committed") for one in found), (last, found)
        left = shop.parts()
        assert left in (set(), {"a", "b", "c"}), (last, found)
        if found:
            assert (found[0].end == "committed") == bool(left), (last, found)
        assert recovered(store) == []
        with shop.database() as connection:
            connection.execute("DELETE FROM parts")
        if status != KILLED:
            return
    raise AssertionError("no order came to its end")


def test_a_step_without_a_key_is_a_to_do_and_never_a_guess(store: str, order: Order) -> None:
    """A kill while it is under way leaves it on the list: it is not done again, nor undone."""
    listed = 0
    for last in range(1, MOST):
        name = f"order-{last}"
        status = order(store, "blind", name, last)
        was_there = "b" in shop.parts()
        for one in recovered(store):
            if one.end == "left":
                listed += 1
                (todo,) = one.todo
                assert (todo.step, todo.outcome) == ("create_blindly", "unknown")
                assert shop.parts() == ({"b"} if was_there else set())
        assert shop.calls("create b") <= 1
        with shop.database() as connection:
            connection.executescript("DELETE FROM parts; DELETE FROM calls")
        if status != KILLED:
            assert listed >= 3
            return
        forget_all(store)
    raise AssertionError("no order came to its end")


def forget_all(store: str) -> None:
    """The to-do lists are done by hand."""
    for one in recovered(store):
        assert forget(f"sqlite:///{store}", one.name)
    assert recovered(store) == []
