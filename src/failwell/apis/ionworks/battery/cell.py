"""A cell in action: one step of a protocol, integrated from its state to its end.

    d soc / dt = -I / (3600 Q)        d v_i / dt = I / C_i - v_i / (R_i C_i)
    V = OCV(soc) - I R0 - sum v_i

The current is the setpoint, or what keeps the voltage or the power at it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
import numpy as np
from scipy.integrate import cumulative_trapezoid, solve_ivp
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from failwell.apis.ionworks.battery import tables
from failwell.apis.ionworks.battery.circuit import Circuit, Curve
from failwell.apis.ionworks.battery.protocol import End, Protocol, Step
from failwell.apis.ionworks.battery.tables import Array, Table

MOST_ROWS = 200_000
LONGEST_STEP = 30 * 86400.0
"""Seconds after which a step that only has end conditions is given up."""

Law: TypeAlias = Callable[[Array], Array]
"""A quantity of the state (soc, v_1, …), which may be a column or a table of columns."""

_EDGE = 1e-9


class SimulationError(Exception):
    """The protocol cannot be carried out by this cell; says in which step and why."""


class Trace(msgspec.Struct, frozen=True):
    """One step as it went: rows from its beginning to its end, and where it left the cell."""

    times: Array
    states: Array
    last: Array
    stopped_by: str


def open_circuit(curve: Curve) -> Law:
    """The open-circuit voltage as a function of the state of charge (monotone cubic)."""
    spline = PchipInterpolator(np.asarray(curve.soc), np.asarray(curve.ocv))

    def voltage(soc: Array) -> Array:
        found: Array = spline(np.clip(soc, 0.0, 1.0))
        return found

    return voltage


class Cell:
    """A circuit, with its laws ready to be evaluated."""

    def __init__(self, circuit: Circuit) -> None:
        self._circuit = circuit
        self._ocv = open_circuit(circuit.curve)
        self._ohms = np.array([pair.ohms for pair in circuit.pairs])
        self._farads = np.array([pair.farads for pair in circuit.pairs])

    def initial(self, protocol: Protocol) -> Array:
        """The state at rest that the protocol begins with."""
        value = float(protocol.initial_value)
        soc = value / 100.0 if protocol.initial == "soc_percentage" else self._soc_at(value)
        if not 0.0 <= soc <= 1.0:
            raise SimulationError(f"the initial state of charge is {soc:.0%}")
        return np.concatenate(([soc], np.zeros(len(self._ohms))))

    def _soc_at(self, volts: float) -> float:
        low, high = (float(self._ocv(np.asarray(soc))) for soc in (0.0, 1.0))
        if not low <= volts <= high:
            raise SimulationError(f"{volts:g} V is not between {low:g} V empty and {high:g} V full")
        return float(brentq(lambda soc: float(self._ocv(np.asarray(soc))) - volts, 0.0, 1.0))

    def _source(self, state: Array) -> Array:
        """The voltage behind the series resistance."""
        behind: Array = self._ocv(state[0]) - state[1:].sum(axis=0)
        return behind

    def _law_of_current(self, step: Step) -> Law:
        sign = {"Discharge": 1.0, "Charge": -1.0, "Rest": 0.0}[step.direction]
        setpoint, series = float(step.value), self._circuit.series
        if step.direction == "Rest" or step.mode in ("Current", "C-rate"):
            amps = sign * setpoint * (self._circuit.capacity if step.mode == "C-rate" else 1.0)
            return lambda state: np.full_like(state[0], amps)
        if step.mode == "Voltage":
            return lambda state: (self._source(state) - setpoint) / series

        def at_power(state: Array) -> Array:
            source = self._source(state)
            inside = source**2 - 4.0 * series * sign * setpoint
            if np.any(inside < 0):
                raise SimulationError(f"the cell cannot deliver {setpoint:g} W")
            amps: Array = (source - np.sqrt(inside)) / (2.0 * series)
            return amps

        return at_power

    def run(self, what: str, step: Step, state: Array, protocol: Protocol) -> Trace:
        """The step, from `state` to the first of its ends. Raises `SimulationError`."""
        current = self._law_of_current(step)
        stops = self._stops(step, current, protocol)
        for name, stop in stops.items():
            if stop(np.asarray(state)) >= 0:
                return self._ended_at_once(what, name, state)
        longest = LONGEST_STEP if step.duration is None else float(step.duration)
        solved = self._solved(current, stops, state, longest)
        if solved.status < 0:
            raise SimulationError(f"{what}: the solver diverged: {solved.message}")
        stopped_by = self._checked(what, step, solved.t_events, stops, longest)
        return _sampled(what, solved, float(protocol.resolution), stopped_by)

    def _solved(self, current: Law, stops: dict[str, Law], state: Array, longest: float) -> Any:
        """The cell under this current, from `state` to the first stop or for `longest` seconds."""

        def slope(_: float, now: Array) -> Array:
            amps = current(now)
            pairs = (amps - now[1:] / self._ohms) / self._farads
            return np.concatenate(([-amps / (3600.0 * self._circuit.capacity)], pairs))

        return solve_ivp(
            slope,
            (0.0, longest),
            state,
            method="LSODA",
            events=[_event(stop) for stop in stops.values()],
            dense_output=True,
            rtol=1e-8,
            atol=1e-10,
        )

    def _stops(self, step: Step, current: Law, protocol: Protocol) -> dict[str, Law]:
        """What ends the step, each as a quantity that becomes positive."""

        def volts(state: Array) -> Array:
            return self._source(state) - current(state) * self._circuit.series

        stops: dict[str, Law] = {}
        if protocol.voltage_min is not None:
            low = float(protocol.voltage_min)
            stops["voltage_min"] = lambda state: low - volts(state)
        if protocol.voltage_max is not None:
            high = float(protocol.voltage_max)
            stops["voltage_max"] = lambda state: volts(state) - high
        for number, end in enumerate(step.ends):
            if end.what != "Time":
                stops[f"end {number}"] = self._stop(end, volts, current)
        if step.direction != "Rest":
            stops["empty"] = lambda state: -state[0] - _EDGE
            stops["full"] = lambda state: state[0] - 1.0 - _EDGE
        return stops

    def _stop(self, end: End, volts: Law, current: Law) -> Law:
        sign, value = (1.0 if end.sign == ">" else -1.0), float(end.value)
        scale = self._circuit.capacity if end.what == "C-rate" else 1.0
        if end.what == "Voltage":
            return lambda state: sign * (volts(state) - value)
        return lambda state: sign * (np.abs(current(state)) / scale - value)

    def _ended_at_once(self, what: str, name: str, state: Array) -> Trace:
        if name in ("empty", "full"):
            raise SimulationError(f"{what}: the cell is {name} before it begins")
        return Trace(np.zeros(1), state.reshape(-1, 1), state, name)

    def _checked(
        self, what: str, step: Step, seen: Any, stops: dict[str, Law], longest: float
    ) -> str:
        hit = next((name for name, at in zip(stops, seen, strict=True) if len(at)), None)
        if hit in ("empty", "full"):
            raise SimulationError(
                f"{what}: the cell is {hit} and no end condition was reached; "
                "the protocol can never go on"
            )
        if hit is None and step.duration is None:
            raise SimulationError(f"{what}: no end condition was reached in {longest:g} s")
        return hit or "duration"

    def table(self, number: int, step: Step, trace: Trace, clock: float) -> Table:
        """The rows of a step that began at `clock`."""
        times, states = trace.times, trace.states
        amps = self._law_of_current(step)(states)
        volts = self._source(states) - amps * self._circuit.series
        table = {
            tables.TIME: clock + times,
            tables.STEP: np.full(len(times), float(number)),
            tables.CYCLE: np.zeros(len(times)),
            tables.CURRENT: amps,
            tables.VOLTAGE: volts,
            "Open-circuit voltage [V]": self._ocv(states[0]),
            "SOC": states[0],
            "Power [W]": amps * volts,
        }
        sums = {
            tables.DISCHARGED: np.maximum(amps, 0.0),
            tables.CHARGED: np.maximum(-amps, 0.0),
            tables.DISCHARGED_ENERGY: np.maximum(amps * volts, 0.0),
            tables.CHARGED_ENERGY: np.maximum(-amps * volts, 0.0),
        }
        for name, rate in sums.items():
            table[name] = cumulative_trapezoid(rate, times, initial=0) / 3600.0
        return table


def _event(stop: Law) -> Callable[[float, Array], float]:
    def event(_: float, state: Array) -> float:
        return float(stop(state))

    event.terminal = True  # type: ignore[attr-defined]
    event.direction = 1.0  # type: ignore[attr-defined]
    return event


def _sampled(what: str, solved: Any, resolution: float, stopped_by: str) -> Trace:
    """The step at every `resolution` seconds and at its end."""
    end = float(solved.t[-1])
    if end / resolution > MOST_ROWS:
        raise SimulationError(f"{what}: more than {MOST_ROWS} rows: choose a coarser resolution")
    inner = np.arange(0.0, end, resolution)
    # The last of them may fall on the end but for rounding; two rows at one time help nobody.
    inner = inner[: math.ceil(end / resolution - 1e-9)]
    times = np.append(inner, end)
    states: Array = solved.sol(times)
    return Trace(times, states, states[:, -1], stopped_by)
