"""Fits a circuit to a measurement: the voltage that its current would have caused, compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from scipy.optimize import least_squares

from failwell.apis.ionworks.battery import tables
from failwell.apis.ionworks.battery.cell import open_circuit
from failwell.apis.ionworks.battery.circuit import INITIAL_SOC, Circuit, circuit_of
from failwell.apis.ionworks.battery.tables import Array, Table

_STEEPEST = 300.0
"""Time constants in one block of the recurrence: exp(300) is far from overflow."""


class Experiment(msgspec.Struct, frozen=True):
    """A measured time series, and how many RC pairs the model that explains it has."""

    series: Table
    pairs: int


class Free(msgspec.Struct, frozen=True):
    """A parameter to fit: where to begin, and its bounds."""

    initial_value: float | None = None
    bounds: tuple[float, float] = (-np.inf, np.inf)

    @property
    def first(self) -> float:
        """Where the fit begins: the given value, or the middle of the bounds."""
        return sum(self.bounds) / 2 if self.initial_value is None else self.initial_value


def voltage(circuit: Circuit, series: Table, soc: float) -> Array:
    """The terminal voltage under the measured current, from `soc` at rest.

    The current between two rows is their mean; for a constant current this is exact.
    """
    time, amps = series[tables.TIME], series[tables.CURRENT]
    length = np.diff(time)
    mean = (amps[1:] + amps[:-1]) / 2
    used = np.concatenate(([0.0], np.cumsum(mean * length))) / (3600.0 * circuit.capacity)
    volts: Array = open_circuit(circuit.curve)(soc - used) - amps * circuit.series
    for pair in circuit.pairs:
        volts = volts - _relaxing(length / pair.seconds, pair.ohms * mean)
    return volts


def _relaxing(decay: Array, target: Array) -> Array:
    """v[k+1] = target[k] + (v[k] - target[k]) exp(-decay[k]) from v[0] = 0, in whole blocks."""
    found = np.zeros(len(decay) + 1)
    clock: Array = np.insert(np.cumsum(decay), 0, 0.0)
    begin = 0
    while begin < len(decay):
        block = float(clock[begin]) + _STEEPEST
        end = max(int(np.searchsorted(clock, block, side="right")) - 1, begin + 1)
        here = slice(begin, end)
        grown = np.exp(np.minimum(clock[begin + 1 : end + 1] - clock[begin], 2 * _STEEPEST))
        driven = np.cumsum(target[here] * -np.expm1(-decay[here]) * grown)
        found[begin + 1 : end + 1] = (found[begin] + driven) / grown
        begin = end
    return found


def fit(
    experiments: Mapping[str, Experiment],
    free: Mapping[str, Free],
    known: Mapping[str, Any],
) -> dict[str, Any]:
    """The free parameters that explain the measured voltages best, by least squares.

    Raises what the model raises for parameters that are missing or make no sense.
    """
    names = list(free)

    def residuals(values: Array) -> Array:
        tried = {**known, **dict(zip(names, values.tolist(), strict=True))}
        return np.concatenate([_misses(one, tried) for one in experiments.values()])

    first = np.array([free[name].first for name in names])
    low, high = np.array([free[name].bounds for name in names], dtype=np.float64).T
    found = least_squares(residuals, first, bounds=(low, high), x_scale=np.abs(first) + 1e-12)
    fitted = dict(zip(names, found.x.tolist(), strict=True))
    return {
        "parameter_values": fitted,
        "x": found.x.tolist(),
        "fun": float(2.0 * found.cost),
        "cost": float(np.sqrt(np.mean(found.fun**2))),
        "initial_guess": dict(zip(names, first.tolist(), strict=True)),
        "success": bool(found.success),
        "message": str(found.message),
        "evaluations": int(found.nfev),
    }


def errors(experiment: Experiment, parameters: Mapping[str, Any]) -> dict[str, float]:
    """How far the model is off: root mean square, mean and largest error (V)."""
    misses = np.abs(_misses(experiment, parameters))
    return {
        "RMSE": float(np.sqrt(np.mean(misses**2))),
        "MAE": float(np.mean(misses)),
        "Max": float(np.max(misses)),
    }


def _misses(experiment: Experiment, parameters: Mapping[str, Any]) -> Array:
    circuit = circuit_of(parameters, experiment.pairs)
    soc = float(parameters[INITIAL_SOC])
    misses: Array = voltage(circuit, experiment.series, soc) - experiment.series[tables.VOLTAGE]
    return misses
