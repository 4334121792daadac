"""Turns of keyed writes whose handler never says how it ended."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from failwell import ConflictError, Contract
from failwell.server.guard import Asked
from failwell.server.turn import Turn, Turns

ASKED = Asked(
    caller="ann", method="POST", path="/orders", query="", media="", body=b"{}", key="key-1"
)
LEASE = 0.2


def turns(contract: Contract, **settings: Any) -> Turns:
    """What waits for longer than a lease that nobody renews."""
    return Turns(contract, "memory:", lease=LEASE, wait=20 * LEASE, **settings)


@pytest.mark.parametrize("ends", [asyncio.CancelledError, SystemExit, KeyboardInterrupt])
def test_a_handler_that_is_cancelled_lets_its_lease_run_out(
    shop_contract: Contract, ends: type[BaseException]
) -> None:
    """Nobody renews the lease of a handler that was cancelled, or whose worker was told to go:
    what it had done stays unknown, and where it is undone with it the key is good for a new run."""
    for settings, is_run_again in (({}, False), ({"transactional": True}, True)):
        keyed = turns(shop_contract, **settings)
        turn = keyed.take(ASKED)
        with pytest.raises(ends), turn.running():
            raise ends
        if is_run_again:
            assert keyed.take(ASKED).served is None
            continue
        with pytest.raises(ConflictError, match="ended without an answer") as refused:
            keyed.take(ASKED)
        assert refused.value.outcome == "unknown"


def test_a_turn_that_is_never_used_is_not_held(shop_contract: Contract) -> None:
    """Whoever is cancelled before its handler runs holds no key for longer than a lease."""
    keyed = turns(shop_contract, transactional=True)
    assert keyed.take(ASKED).served is None
    assert keyed.take(ASKED).served is None


def test_one_thread_renews_the_lease_while_the_handler_runs(shop_contract: Contract) -> None:
    """However many pieces its answer has, and it ends with the answer."""

    def renewing() -> int:
        return sum(thread.name == "failwell-lease" for thread in threading.enumerate())

    before = renewing()
    turn: Turn = turns(shop_contract).take(ASKED)
    assert renewing() == before
    for _ in range(3):
        with turn.running():
            assert renewing() == before + 1
    turn.done(201, [], b"{}")
    for thread in threading.enumerate():
        if thread.name == "failwell-lease":
            thread.join(10)
    assert renewing() == before
