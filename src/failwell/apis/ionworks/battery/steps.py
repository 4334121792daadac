"""What a measurement's steps and cycles were, worked out from its time series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from failwell.apis.ionworks.battery import tables
from failwell.apis.ionworks.battery.tables import Array, Table, TableError

ELECTRIC = (tables.TIME, tables.CURRENT, tables.VOLTAGE)
"""The columns of cycler data; open-circuit curves and spectra come without them."""

MOST_STEPS = 20_000

_AT_REST = 1e-3
"""A step whose current stays below this share of the largest one is a rest."""
_CONSTANT = 0.02
"""A quantity that varies by less than this share of its size is held constant."""


def derive(series: Table) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """The steps and the cycles of a time series, by column. Raises `TableError`.

    Capacity and energy are integrated by trapezoids, each step by itself; where the series is not
    `ELECTRIC`, there are none.
    """
    _check(series)
    number = series[tables.STEP]
    bounds = np.flatnonzero(np.diff(number)) + 1
    if len(bounds) >= MOST_STEPS:
        raise TableError(f"There are {len(bounds) + 1} steps, and {MOST_STEPS} may be")
    firsts = np.concatenate(([0], bounds))
    lasts = np.concatenate((bounds, [len(number)])) - 1
    largest = float(np.abs(series.get(tables.CURRENT, number)).max())
    rows = [
        _step(series, int(first), int(last)) | _electric(series, slice(first, last + 1), largest)
        for first, last in zip(firsts, lasts, strict=True)
    ]
    steps = {name: [row[name] for row in rows] for name in rows[0]}
    return steps, _cycles(steps)


def _check(series: Table) -> None:
    for name in (*ELECTRIC, tables.CYCLE):
        if name in series and not np.isfinite(series[name]).all():
            raise TableError(f"The column {name!r} has gaps: each row needs a finite number")
    time, number = series.get(tables.TIME, np.zeros(1)), series[tables.STEP]
    if abs(time[0]) > 1e-6:
        raise TableError(f"{tables.TIME!r} starts at {time[0]:g}, not at 0")
    if (np.diff(time) < 0).any():
        row = int(np.flatnonzero(np.diff(time) < 0)[0]) + 1
        raise TableError(f"{tables.TIME!r} goes back in row {row}")
    rises = np.diff(number)
    if number[0] != 0 or not np.isin(rises, (0.0, 1.0)).all():
        raise TableError(f"{tables.STEP!r} must start at 0 and rise by 1")


def _step(series: Table, first: int, last: int) -> dict[str, Any]:
    cycle = series.get(tables.CYCLE)
    return {
        tables.STEP: int(series[tables.STEP][first]),
        tables.CYCLE: 0 if cycle is None else int(cycle[first]),
        "Start index": first,
        "End index": last,
    }


def _electric(series: Table, rows: slice, largest: float) -> dict[str, Any]:
    if any(name not in series for name in ELECTRIC):
        return {}
    time, amps, volts = (series[name][rows] for name in ELECTRIC)
    row: dict[str, Any] = {
        "Step type": _kind(amps, volts, largest),
        "Start time [s]": float(time[0]),
        "End time [s]": float(time[-1]),
        "Duration [s]": float(time[-1] - time[0]),
        tables.DISCHARGED: _integral(np.maximum(amps, 0.0), time),
        tables.CHARGED: _integral(np.maximum(-amps, 0.0), time),
        tables.DISCHARGED_ENERGY: _integral(np.maximum(amps * volts, 0.0), time),
        tables.CHARGED_ENERGY: _integral(np.maximum(-amps * volts, 0.0), time),
    }
    for name, values in (("current [A]", amps), ("voltage [V]", volts)):
        row |= {f"{word} {name}": float(of(values)) for word, of in _SUMMARIES.items()}
    return row


_SUMMARIES: dict[str, Callable[[Array], Any]] = {
    "Min": np.min,
    "Max": np.max,
    "Mean": np.mean,
    "Std": np.std,
}


def _integral(rate: Array, time: Array) -> float:
    return float(np.trapezoid(rate, time)) / 3600.0


def _kind(amps: Array, volts: Array, largest: float) -> str:
    if np.abs(amps).max() <= _AT_REST * largest:
        return "Rest"
    direction = "discharge" if amps.mean() > 0 else "charge"
    for what, values in (("current", amps), ("voltage", volts), ("power", amps * volts)):
        if np.ptp(values) <= _CONSTANT * abs(values.mean()):
            return f"Constant {what} {direction}"
    return direction.capitalize()


def _cycles(steps: dict[str, list[Any]]) -> dict[str, list[Any]]:
    number = np.asarray(steps[tables.CYCLE])
    sums = (
        tables.DISCHARGED,
        tables.CHARGED,
        tables.DISCHARGED_ENERGY,
        tables.CHARGED_ENERGY,
        "Duration [s]",
    )
    found = sorted(set(number.tolist()))
    cycles: dict[str, list[Any]] = {tables.CYCLE: found}
    if tables.DISCHARGED not in steps:
        return cycles
    for name in sums:
        values = np.asarray(steps[name])
        cycles[name] = [float(values[number == cycle].sum()) for cycle in found]
    pairs = zip(cycles[tables.DISCHARGED], cycles[tables.CHARGED], strict=True)
    cycles["Coulombic efficiency"] = [out / into if into else None for out, into in pairs]
    return cycles
