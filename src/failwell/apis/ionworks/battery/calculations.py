"""The calculations that a pipeline may hold: parameters from parameters.

Source: the names are those of `ionworks_schema.calculations`; the formulas are geometry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Calculation: TypeAlias = Callable[[Mapping[str, Any]], dict[str, float]]


def density_from_volume_and_mass(known: Mapping[str, Any]) -> dict[str, float]:
    """The mean density of the cell."""
    return {"Cell density [kg.m-3]": known["Cell mass [kg]"] / known["Cell volume [m3]"]}


def area_to_square_width_height(known: Mapping[str, Any]) -> dict[str, float]:
    """The sides of a square electrode of the same area."""
    return _square(known["Electrode area [m2]"])


def diameter_to_square_width_height(known: Mapping[str, Any]) -> dict[str, float]:
    """The sides of a square electrode with the area of a round one."""
    return _square(math.pi * known["Electrode diameter [m]"] ** 2 / 4)


def _square(area: float) -> dict[str, float]:
    side = math.sqrt(area)
    return {"Electrode height [m]": side, "Electrode width [m]": side}


CALCULATIONS: dict[str, Calculation] = {
    "DensityFromVolumeAndMass": density_from_volume_and_mass,
    "AreaToSquareWidthHeight": area_to_square_width_height,
    "DiameterToSquareWidthHeight": diameter_to_square_width_height,
}


class UnknownElementError(ValueError):
    """A pipeline asks for a calculation, a model, an objective or an optimizer that there is not:
    the message names it and what there is. It fails the pipeline, and is read in its traceback."""


def calculate(name: str, known: Mapping[str, Any]) -> dict[str, float]:
    """The result of a calculation. Raises `UnknownElementError` for one that is not listed, and
    what its formula raises."""
    if name not in CALCULATIONS:
        listed = ", ".join(CALCULATIONS)
        raise UnknownElementError(f"there is no calculation {name!r} here; there are {listed}")
    return CALCULATIONS[name](known)
