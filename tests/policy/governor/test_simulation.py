"""How close to the ideal the governor comes, in simulated time: within a percent or two, and
hardly a call is refused."""

from __future__ import annotations

import statistics

import pytest

from failwell.flows.gate import Gate
from failwell.settings import Governor, Limit
from policy.governor.quota_servers import Bucket, Silent, Window
from policy.governor.simulation import GATE, simulate

SEEDS = range(4)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("trip", [0.002, 0.02, 0.06])
@pytest.mark.parametrize("reset", ["next", "full"])
@pytest.mark.parametrize("limit", [20, 100])
def test_a_token_bucket_is_used_to_the_last_token(limit, reset, trip, seed) -> None:
    """In all four readings of its header fields; nobody tells which one it is."""
    run = simulate(Bucket(limit=limit, reset=reset), 600, trip=trip, seed=seed)
    assert run.served == 600
    assert run.seconds <= (1.02 if trip <= 0.02 else 1.05) * 5.8 + trip
    assert run.refused <= 3


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("reset", ["next", "full"])
def test_a_slow_bucket_wastes_hardly_a_token(reset, seed) -> None:
    """One token a second: half a minute's worth of calls comes at most two tokens late."""
    run = simulate(Bucket(1.0, 10, reset=reset), 60, workers=5, trip=0.05, seed=seed)
    assert run.seconds <= 50 + 2
    assert run.refused <= 2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("exact", [True, False])
def test_a_window_of_a_minute_is_used_up_and_awaited(exact, seed) -> None:
    """Five windows of 60: four resets are awaited, whether they are told exactly or not."""
    run = simulate(Window(60, 60.0, exact=exact), 300, workers=8, trip=0.05, seed=seed)
    assert run.seconds <= 1.01 * 240
    assert run.refused <= 2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("exact", [True, False])
def test_a_window_of_a_second_is_told_from_a_bucket(exact, seed) -> None:
    """100 a second in windows is no flow of 100 a second."""
    run = simulate(Window(100, 1.0, exact=exact), 600, trip=0.005, seed=seed)
    assert run.seconds <= 1.1 * 5
    assert run.refused <= 2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_window_that_others_use_too(seed) -> None:
    """What others take is seen in what is left; refusals stay few, and nobody starves."""
    run = simulate(Window(60, 10.0, theft=0.5), 200, workers=8, trip=0.02, seed=seed)
    assert run.served == 200
    assert run.seconds <= 50 + 2
    assert run.refused <= 20


@pytest.mark.parametrize("seed", SEEDS)
def test_no_headers_at_all(seed) -> None:
    """Learnt from refusals alone: three times as fast as if all came back at each `Retry-After`,
    which makes 20 calls a second."""
    run = simulate(Silent(Bucket()), 600, seed=seed)
    assert run.served == 600
    assert run.seconds <= 1.55 * 5.8
    assert run.refused <= 60


def test_first_come_first_served() -> None:
    """Calls are sent in the order in which they came, but for neighbours."""
    run = simulate(Bucket(), 600)
    shifts = [abs(place - number) for place, number in enumerate(run.sent)]
    assert statistics.mean(shifts) < 3
    assert max(shifts) <= 25


@pytest.mark.parametrize("server", [Bucket(), Window(60, 1.0)])
def test_nobody_is_sent_after_its_deadline(server) -> None:
    """A call whose turn would come too late gives up at once; the others get their turns."""
    run = simulate(server, 400, workers=60, deadline=0.3, seed=1)
    assert run.served + run.gave_up == 400
    assert run.served > 50


@pytest.mark.parametrize("server", [Bucket(), Window(100, 1.0), Bucket(reset="full")])
def test_dead_callers_take_no_more_than_their_own_turn(server) -> None:
    """One in ten dies with its turn in hand; the quota is still used for the others."""
    gate = Gate(key="origin", governor=Governor(lease=2.0))
    run = simulate(server, 600, dies=0.1, gate=gate, seed=2)
    assert run.served > 500
    assert run.seconds < 1.4 * 5.8


def test_limits_that_were_told_hold_without_a_word() -> None:
    """A client that is told 20 in any second makes 20 in any second, and no call is refused."""
    gate = Gate(key="origin", governor=Governor(limits=(Limit(20, 1.0),), learn=False))
    run = simulate(Silent(Window(20, 1.0)), 100, gate=gate)
    assert run.refused == 0
    assert 4.0 <= run.seconds <= 4.5


def test_the_same_dice_give_the_same_run() -> None:
    """There is no hidden clock and no hidden die."""
    assert simulate(Bucket(), 200, seed=3) == simulate(Bucket(), 200, seed=3)
    assert GATE.governor == Governor()
