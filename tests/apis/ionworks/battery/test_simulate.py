"""The circuit against what can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from failwell.apis.ionworks.battery import tables
from failwell.apis.ionworks.battery.cell import SimulationError
from failwell.apis.ionworks.battery.chemistry import CHEMISTRIES, quick_model
from failwell.apis.ionworks.battery.circuit import Circuit, Curve, Pair, circuit_of
from failwell.apis.ionworks.battery.protocol import bind, parse
from failwell.apis.ionworks.battery.simulate import simulate
from failwell.apis.ionworks.battery.steps import derive

FLAT = Curve((0.0, 1.0), (3.0, 4.0))
"""An open-circuit voltage of 3 V + soc."""
CELL = Circuit(capacity=2.0, series=0.05, pairs=(Pair(0.02, 3000.0),), curve=FLAT)


def run(protocol: str, cell: Circuit = CELL, **inputs: float) -> tables.Table:
    series, _ = simulate(cell, bind(parse(protocol), inputs))
    return series


def test_a_discharge_is_the_closed_form() -> None:
    """V = OCV - I R0 - I R1 (1 - exp(-t / R1 C1)) and soc = 1 - I t / 3600 Q, to a microvolt."""
    series = run("steps: [{Discharge: {mode: Current, value: 1.5, duration: 1800}}]")
    time = series["Time [s]"]
    soc = 1 - 1.5 * time / (3600 * 2.0)
    volts = 3 + soc - 1.5 * 0.05 - 1.5 * 0.02 * (1 - np.exp(-time / 60.0))
    assert series["Voltage [V]"] == pytest.approx(volts, abs=1e-6)
    assert series["SOC"] == pytest.approx(soc, abs=1e-8)
    assert time[-1] == 1800.0


def test_a_rest_relaxes() -> None:
    """After a pulse the overpotential decays with the pair's time constant."""
    series = run(
        "global: {resolution: 5}\n"
        "steps: [{Discharge: {mode: Current, value: 2, duration: 600}}, {Rest: {duration: 300}}]"
    )
    rest = series["Step count"] == 1
    over = (series["Open-circuit voltage [V]"] - series["Voltage [V]"])[rest]
    elapsed = series["Time [s]"][rest] - 600
    assert over == pytest.approx(over[0] * np.exp(-elapsed / 60.0), abs=1e-7)
    assert over[0] == pytest.approx(0.04, abs=1e-4)


def test_a_held_voltage_is_held() -> None:
    """The current of a constant-voltage step keeps the voltage, and ends at its own end."""
    series = run(
        "global: {initial_state_type: voltage, initial_state_value: 3.5}\n"
        "steps: [{Charge: {mode: Voltage, value: 3.7, ends: [C-rate < 0.05]}}]"
    )
    assert series["Voltage [V]"] == pytest.approx(3.7)
    assert series["Current [A]"][0] == pytest.approx(-0.2 / 0.05)
    assert series["Current [A]"][-1] == pytest.approx(-0.1, rel=1e-6)
    assert np.all(np.diff(series["Current [A]"]) > 0)


def test_a_power_is_kept() -> None:
    """Voltage times current is the setpoint at every moment, in both directions."""
    series = run(
        "global: {initial_state_value: 50}\n"
        "steps: [{Discharge: {mode: Power, value: 5, duration: 60}},"
        " {Charge: {mode: Power, value: 4, duration: 60}}]"
    )
    power = series["Voltage [V]"] * series["Current [A]"]
    assert power[series["Step count"] == 0] == pytest.approx(5.0)
    assert power[series["Step count"] == 1] == pytest.approx(-4.0)


def test_charge_and_energy_are_conserved() -> None:
    """What the columns sum up is what the state of charge lost; steps derived from it agree."""
    series = run(
        "global: {resolution: {time: 1}}\n"
        "steps: [{Discharge: {mode: C-rate, value: 1, ends: [Voltage < 3.2]}}]"
    )
    out = series["Discharge capacity [A.h]"][-1]
    assert out == pytest.approx((1 - series["SOC"][-1]) * 2.0, rel=1e-9)
    assert series["Voltage [V]"][-1] == pytest.approx(3.2)
    steps, _ = derive(series)
    assert steps["Discharge capacity [A.h]"] == pytest.approx([out])
    assert steps["Discharge energy [W.h]"] == pytest.approx([series["Discharge energy [W.h]"][-1]])


def test_ends_inputs_and_limits() -> None:
    """The first end counts; inputs are filled in; a safety limit ends the test."""
    protocol = """
    safety_limits: {voltage_min: 3.3}
    steps:
      - Discharge: {mode: Current, value: 'input["I"]', ends: [Voltage < 3.9, Voltage < 3.1]}
      - Rest: {duration: 60}
      - Discharge: {mode: C-rate, value: 1, ends: [Voltage < 3.0]}
      - Rest: {duration: 60}
    """
    series, metrics = simulate(CELL, bind(parse(protocol), {"I": 1.0}))
    assert series["Voltage [V]"][series["Step count"] == 0][-1] == pytest.approx(3.9)
    assert metrics["Stopped by safety limit"] == "voltage_min"
    assert (metrics["Steps run"], series["Step count"][-1]) == (3, 2)


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ("steps: [{Discharge: {mode: C-rate, value: 1, ends: [Voltage > 5]}}]", "cell is empty"),
        ("steps: [{Charge: {mode: C-rate, value: 1, ends: [Voltage < 1]}}]", "cell is full"),
        ("steps: [{Rest: {ends: [Voltage < 1]}}]", "no end condition was reached"),
        ("steps: [{Discharge: {mode: Power, value: 500, duration: 5}}]", "cannot deliver 500 W"),
        ("global: {initial_state_value: 150}\nsteps: [{Rest: {duration: 1}}]", "150%"),
        (
            "global: {initial_state_type: voltage, initial_state_value: 9}\n"
            "steps: [{Rest: {duration: 1}}]",
            "9 V is not between",
        ),
        ("global: {resolution: 0.001}\nsteps: [{Rest: {duration: 10000}}]", "coarser resolution"),
    ],
)
def test_what_a_cell_cannot_do(protocol: str, words: str) -> None:
    """An end that cannot be reached, a power that cannot be given, a start that there is not."""
    with pytest.raises(SimulationError, match=words):
        run(protocol)


@pytest.mark.parametrize("chemistry", CHEMISTRIES)
def test_quick_models_scale(chemistry: str) -> None:
    """A cell of twice the capacity at twice the current shows the same voltage."""
    protocol = "steps: [{Discharge: {mode: C-rate, value: 1, duration: 1800}}]"
    one, two = (run(protocol, circuit_of(quick_model(size, chemistry))) for size in (1.0, 2.0))
    assert one["Voltage [V]"] == pytest.approx(two["Voltage [V]"], abs=1e-6)


def test_a_circuit_that_is_none() -> None:
    """A resistance of nothing, a curve that does not rise, a parameter that is missing."""
    parameters = quick_model(1.0, "NMC/Graphite")
    with pytest.raises(ValueError, match=r"R0 \[Ohm\] is 0"):
        circuit_of({**parameters, "R0 [Ohm]": 0.0})
    with pytest.raises(KeyError, match="C1"):
        circuit_of({name: value for name, value in parameters.items() if name != "C1 [F]"})
    with pytest.raises(ValueError, match="rise strictly"):
        Curve((0.0, 0.5, 0.5, 1.0), (3.0, 3.1, 3.2, 3.3))
