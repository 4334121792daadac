"""The domains that are registered: what can be varied in each, and the formulas of its properties.

A variable that a campaign does not vary has the value that stands here. The formulas are first-
order models of the field: solution-diffusion for membranes, an ideal cell with a resistance, a
one-diode cell's figures of merit.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Domain(msgspec.Struct, frozen=True):
    """A field of materials: its variables with their usual values, its properties by formula."""

    name: str
    about: str
    variables: Mapping[str, float]
    properties: Mapping[str, str]


_KNOWN = (
    Domain(
        name="water",
        about="Reverse-osmosis membranes; pressures in bar, thickness in micrometres.",
        variables={
            "pressure": 55.0,
            "osmotic_pressure": 27.0,
            "permeability": 2.0,
            "salt_permeability": 0.3,
            "thickness": 1.0,
            "recovery": 0.5,
        },
        properties={
            "flux": "permeability * (pressure - osmotic_pressure) / thickness",
            "rejection": "permeability * (pressure - osmotic_pressure)"
            " / (permeability * (pressure - osmotic_pressure) + salt_permeability)",
            "specific_energy": "pressure / (36 * recovery)",
        },
    ),
    Domain(
        name="battery",
        about="Cells; volts, ampere-hours, ohms, kilograms, amperes.",
        variables={
            "voltage": 3.7,
            "capacity": 5.0,
            "resistance": 0.02,
            "mass": 0.07,
            "current": 5.0,
        },
        properties={
            "energy_density": "voltage * capacity / mass",
            "power_density": "voltage * voltage / (4 * resistance * mass)",
            "heat": "current * current * resistance",
            "charging_time": "capacity / current",
        },
    ),
    Domain(
        name="solar",
        about="Photovoltaic cells; volts, amperes, square metres, watts per square metre, °C.",
        variables={
            "open_circuit_voltage": 0.7,
            "short_circuit_current": 9.0,
            "fill_factor": 0.8,
            "irradiance": 1000.0,
            "area": 0.0243,
            "cell_temperature": 25.0,
            "temperature_coefficient": 0.004,
            "cost": 2.0,
        },
        properties={
            "efficiency": "open_circuit_voltage * short_circuit_current * fill_factor"
            " / (irradiance * area) * (1 - temperature_coefficient * (cell_temperature - 25))",
            "power": "open_circuit_voltage * short_circuit_current * fill_factor",
            "cost_per_watt": "cost / (open_circuit_voltage * short_circuit_current * fill_factor)",
        },
    ),
    Domain(
        name="general",
        about="Anything else: every objective brings its own expression, or is a response surface.",
        variables={},
        properties={},
    ),
)

DOMAINS: Mapping[str, Domain] = {domain.name: domain for domain in _KNOWN}
"""By name."""
