"""What is wrong with a time series, found before it is uploaded.

Time starts at 0 and never goes back; steps count from 0 by ones; capacity and energy start at 0 in
each step and never fall; a positive current discharges, so the voltage falls under it.

Source: the always-on checks of the client `ionworks-api` 0.38.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any

from failwell.apis.ionworks.client.frames import Columns
from failwell.model import Issue

TIME, STEP, CURRENT, VOLTAGE = "Time [s]", "Step count", "Current [A]", "Voltage [V]"
CUMULATIVE = (
    "Discharge capacity [A.h]",
    "Charge capacity [A.h]",
    "Discharge energy [W.h]",
    "Charge energy [W.h]",
)

_NEAR_ZERO = 1e-6
_STEADY = 1e-3
"""Volts; a smaller change says nothing of the direction."""


def issues_of(series: Columns) -> list[Issue]:
    """Everything that is wrong with it; empty where it may be uploaded."""
    if not series or not next(iter(series.values())):
        return [Issue(message="The time series is empty", code="empty")]
    found = [*_steps(series), *_text(series)]
    return found or [*_time(series), *_cumulative(series), *_direction(series)]


def _issue(column: str, code: str, message: str) -> Issue:
    return Issue(message=f"{column}: {message}", path=column, code=code)


def _text(series: Columns) -> Iterator[Issue]:
    for name in (TIME, CURRENT, VOLTAGE, *CUMULATIVE):
        wrong = next((v for v in series.get(name, ()) if not _is_number_or_gap(v)), None)
        if wrong is not None:
            yield _issue(name, "not_a_number", f"holds {str(wrong)[:40]!r}, which is no number")


def _steps(series: Columns) -> Iterator[Issue]:
    steps = series.get(STEP)
    if steps is None:
        yield _issue(STEP, "step_count_missing", "is required")
    elif steps[0] != 0:
        yield _issue(STEP, "step_count_start", f"starts at {steps[0]}, not at 0")
    elif (row := _first(steps, _jumps)) is not None:
        yield _issue(STEP, "step_count_jump", f"goes from {steps[row - 1]} to {steps[row]}")


def _time(series: Columns) -> Iterator[Issue]:
    times = [each for each in series.get(TIME, ()) if _is_known(each)]
    if times and abs(times[0]) > _NEAR_ZERO:
        yield _issue(TIME, "time_start", f"starts at {times[0]:g}, not at 0")
    if (row := _first(times, operator.gt)) is not None:
        yield _issue(TIME, "time_goes_back", f"goes back from {times[row - 1]:g} to {times[row]:g}")


def _cumulative(series: Columns) -> Iterator[Issue]:
    for name in CUMULATIVE:
        for step, rows in _each_step(series):
            values = [each for each in series.get(name, [])[rows] if _is_known(each)]
            if values and abs(values[0]) > _NEAR_ZERO:
                yield _issue(name, "not_reset", f"starts step {step} at {values[0]:g}, not at 0")
                break
            if _first(values, _falls) is not None:
                yield _issue(name, "falls", f"falls within step {step}")
                break


def _direction(series: Columns) -> Iterator[Issue]:
    """The sign of the current: each step under one speaks for it, or against."""
    if CURRENT not in series or VOLTAGE not in series:
        return
    votes = {_vote(series[CURRENT][rows], series[VOLTAGE][rows]) for _, rows in _each_step(series)}
    if True not in votes and False in votes:
        yield _issue(CURRENT, "current_sign", "positive current must discharge; here it charges")


def _vote(currents: Sequence[Any], voltages: Sequence[Any]) -> bool | None:
    """Whether the current of this step is signed right; None where it does not tell."""
    pairs = [
        (i, u) for i, u in zip(currents, voltages, strict=True) if _is_known(i) and _is_known(u)
    ]
    if len(pairs) < 2:
        return None
    total, change = sum(current for current, _ in pairs), pairs[-1][1] - pairs[0][1]
    if not total or abs(change) < _STEADY:
        return None
    return bool((total > 0) == (change < 0))


def _each_step(series: Columns) -> Iterator[tuple[Any, slice]]:
    first = 0
    for step, rows in groupby(series[STEP]):
        size = sum(1 for _ in rows)
        yield step, slice(first, first + size)
        first += size


def _jumps(before: Any, after: Any) -> bool:
    return after not in (before, before + 1)


def _falls(before: float, after: float) -> bool:
    return after < before - _NEAR_ZERO


def _first(values: Sequence[Any], is_wrong: Callable[[Any, Any], bool]) -> int | None:
    """The row at which something is wrong beside the one before it."""
    return next((row for row, (a, b) in enumerate(pairwise(values), 1) if is_wrong(a, b)), None)


def _is_known(value: object) -> bool:
    return isinstance(value, (int, float)) and value == value


def _is_number_or_gap(value: object) -> bool:
    return value is None or isinstance(value, (int, float))
