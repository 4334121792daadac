"""The fit against circuits whose parameters are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failwell.apis.ionworks.battery.calculations import UnknownElementError, calculate
from failwell.apis.ionworks.battery.chemistry import open_circuit
from failwell.apis.ionworks.battery.circuit import INITIAL_SOC, OPEN_CIRCUIT, circuit_of
from failwell.apis.ionworks.battery.fit import Experiment, Free, errors, fit, voltage
from failwell.apis.ionworks.battery.protocol import bind, parse
from failwell.apis.ionworks.battery.simulate import simulate

TRUE = {
    "Nominal cell capacity [A.h]": 3.0,
    "R0 [Ohm]": 0.02,
    "R1 [Ohm]": 0.01,
    "C1 [F]": 6000.0,
    "R2 [Ohm]": 0.015,
    "C2 [F]": 100_000.0,
    OPEN_CIRCUIT: open_circuit("NMC/Graphite"),
    INITIAL_SOC: 0.8,
}
PULSE = "{Discharge: {mode: C-rate, value: 1, duration: 300}}, {Rest: {duration: 900}}"
PULSES = f"global: {{initial_state_value: 80, resolution: 5}}\nsteps: [{', '.join([PULSE] * 4)}]"


def test_the_recurrence_agrees_with_the_solver() -> None:
    """For a constant current the block-wise recurrence is the integrated circuit."""
    series, _ = simulate(circuit_of(TRUE), bind(parse(PULSES), {}))
    told = voltage(circuit_of(TRUE), series, 0.8)
    assert told == pytest.approx(series["Voltage [V]"], abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(1e-3, 1e5), min_size=1, max_size=40), st.floats(1e-2, 1e4))
def test_the_recurrence_agrees_with_a_loop(lengths: list[float], seconds: float) -> None:
    """Whatever the steps in time and the time constant, also far beyond what exp can hold."""
    time = np.concatenate(([0.0], np.cumsum(lengths)))
    amps = np.sin(np.arange(len(time)))
    known = {**TRUE, "C1 [F]": seconds / TRUE["R1 [Ohm]"]}
    series = {"Time [s]": time, "Current [A]": amps}
    one, none = (voltage(circuit_of(known, pairs), series, 0.5) for pairs in (1, 0))
    over, expected = none - one, [0.0]
    for length, mean in zip(np.diff(time), (amps[1:] + amps[:-1]) / 2, strict=True):
        kept = math.exp(-length / seconds)
        expected.append(expected[-1] * kept + 0.01 * mean * (1 - kept))
    assert over == pytest.approx(expected, abs=1e-9)


def test_a_fit_finds_the_truth() -> None:
    """From far away, bounded, with noise of a millivolt: within a few percent; without: exactly."""
    series, _ = simulate(circuit_of(TRUE), bind(parse(PULSES), {}))
    free = {
        "R0 [Ohm]": Free(0.1, (1e-3, 1.0)),
        "R1 [Ohm]": Free(None, (1e-3, 0.1)),
        "C1 [F]": Free(1000.0, (1.0, 50_000.0)),
        "R2 [Ohm]": Free(0.05, (1e-3, 1.0)),
        "C2 [F]": Free(200_000.0, (50_000.0, 1e6)),
    }
    known = {name: value for name, value in TRUE.items() if name not in free}
    exact = fit({"a": Experiment(series, 2)}, free, known)
    assert exact["parameter_values"] == pytest.approx({name: TRUE[name] for name in free}, rel=1e-2)
    assert exact["cost"] < 1e-5
    noise = np.random.default_rng(1).normal(0.0, 1e-3, len(series["Time [s]"]))
    noisy = {**series, "Voltage [V]": series["Voltage [V]"] + noise}
    found = fit({"a": Experiment(noisy, 2)}, free, known)
    assert found["parameter_values"]["R0 [Ohm]"] == pytest.approx(0.02, rel=0.05)
    assert found["cost"] == pytest.approx(1e-3, rel=0.1)
    assert errors(Experiment(series, 2), TRUE)["Max"] < 1e-5


def test_calculations() -> None:
    """Geometry by hand; the formula's own exceptions; an unknown one."""
    assert calculate("AreaToSquareWidthHeight", {"Electrode area [m2]": 0.09}) == pytest.approx(
        {"Electrode height [m]": 0.3, "Electrode width [m]": 0.3}
    )
    side = calculate("DiameterToSquareWidthHeight", {"Electrode diameter [m]": 2.0})
    assert side["Electrode width [m]"] == pytest.approx(math.sqrt(math.pi))
    with pytest.raises(ZeroDivisionError):
        calculate("DensityFromVolumeAndMass", {"Cell mass [kg]": 1.0, "Cell volume [m3]": 0.0})
    with pytest.raises(UnknownElementError, match="CellMass"):
        calculate("CellMass", {})
