"""Several flows in one thread, on a clock that is moved by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell.actions import Flow, Send, Wait
from failwell.errors import APIConnectionError, FailwellError
from failwell.flows.interleave import Over, Turn, interleave
from failwell.model import Failure, Kind
from failwell.testing import Clock
from samples import lost, request

SEND = Send(request("GET"), 1)


def pauses(name: str, *seconds: float, error: FailwellError | None = None) -> Flow[str]:
    """Sends and sleeps, as often as that; then its name, or the error."""
    for pause in seconds:
        yield from SEND
        yield from Wait(pause)
    if error is not None:
        raise error
    return name


def played(flows: list[Flow[str]], clock: Clock) -> list[tuple[float, Any]]:
    """Each step and when it was made."""
    began, steps = clock.now, []
    agenda = interleave(flows, clock.now)
    try:
        step = next(agenda)
        while True:
            steps.append((clock.now - began, step))
            if isinstance(step, Wait):
                clock.sleep(step.seconds)
            reply = lost() if isinstance(step, Turn) else None
            step = agenda.send((reply, clock.now))
    except StopIteration:
        return steps


def test_each_has_its_turn_when_its_pause_is_over() -> None:
    """Sends come at the times that the pauses make; ends in the order of time."""
    steps = played([pauses("slow", 5, 5), pauses("quick", 2, 2, 2)], Clock())
    turns = [(at, step.index) for at, step in steps if isinstance(step, Turn)]
    assert turns == [(0, 0), (0, 1), (2, 1), (4, 1), (5, 0)]
    ends = [(at, step.result) for at, step in steps if isinstance(step, Over)]
    assert ends == [(6, "quick"), (10, "slow")]


def test_one_error_ends_one_flow() -> None:
    """What a flow raises is its end, and nobody else's."""
    error = APIConnectionError(Failure(kind=Kind.CONNECTION, message="gone"))
    steps = played([pauses("a", 1, error=error), pauses("b", 3)], Clock())
    ends = [step for _, step in steps if isinstance(step, Over)]
    assert ends == [Over(0, error=error), Over(1, "b")]


def test_an_error_is_thrown_into_the_flow_whose_turn_it_was() -> None:
    """The flow may bear it, and goes on."""
    heard: list[str] = []

    def patient(name: str) -> Flow[str]:
        try:
            yield from SEND
        except FailwellError as error:
            heard.append(f"{name}: {error}")
        yield from Wait(1)
        return name

    agenda = interleave([patient("a"), patient("b")], 0.0)
    assert next(agenda) == Turn(0, SEND)
    error = APIConnectionError(Failure(kind=Kind.CONNECTION, message="gone"))
    assert agenda.throw(error) == Turn(1, SEND)
    assert agenda.send((lost(), 0.0)) == Wait(1)
    assert agenda.send((None, 1.0)) == Over(0, "a")
    assert heard == ["a: gone"]
    agenda.close()


def test_whoever_stops_closes_all() -> None:
    """Closed, or interrupted, each flow's clean-up runs."""
    closed: list[int] = []

    def tidy(number: int) -> Flow[str]:
        try:
            yield from SEND
        finally:
            closed.append(number)
        return ""

    agenda = interleave([tidy(0), tidy(1)], 0.0)
    next(agenda)
    assert agenda.send((lost(), 0.0)) == Over(0, "")
    assert agenda.send((None, 0.0)) == Turn(1, SEND)
    agenda.close()
    assert closed == [0, 1]
    agenda = interleave([tidy(2), tidy(3)], 0.0)
    next(agenda)
    with pytest.raises(KeyboardInterrupt):
        agenda.throw(KeyboardInterrupt())
    assert 2 in closed


@given(st.lists(st.lists(st.floats(0.01, 50), max_size=6), min_size=1, max_size=6))
def test_it_takes_as_long_as_the_longest(plans: list[list[float]]) -> None:
    """All end, each at the sum of its own pauses: none is held up by another."""
    flows = [pauses(str(number), *plan) for number, plan in enumerate(plans)]
    steps = played(flows, Clock(0.0))
    ends = {int(step.result): at for at, step in steps if isinstance(step, Over)}
    assert ends == {n: pytest.approx(sum(plan)) for n, plan in enumerate(plans)}
