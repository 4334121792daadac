"""A cell as a circuit: an open-circuit voltage, a series resistance and RC pairs (Thevenin)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

CAPACITY = "Nominal cell capacity [A.h]"
SERIES = "R0 [Ohm]"
OPEN_CIRCUIT = "Open-circuit voltage [V]"
INITIAL_SOC = "Initial SoC"

Parameters: TypeAlias = Mapping[str, Any]

_NUMBERED = re.compile(r"R[1-9] \[Ohm\]|C[1-9] \[F\]")


class Curve(msgspec.Struct, frozen=True):
    """The open-circuit voltage `ocv` (V) at each state of charge `soc`, which rises from 0 to 1.

    Raises `ValueError` for knots that are not that.
    """

    soc: tuple[float, ...]
    ocv: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.soc) != len(self.ocv) or len(self.soc) < 2:
            raise ValueError("an open-circuit curve needs two knots or more, soc and ocv each")
        pairs = zip(self.soc, self.soc[1:], strict=False)
        if self.soc[0] != 0 or self.soc[-1] != 1 or any(b <= a for a, b in pairs):
            raise ValueError("soc must rise strictly from 0 to 1")


class Pair(msgspec.Struct, frozen=True):
    """A resistor (ohm) beside a capacitor (F)."""

    ohms: float
    farads: float

    @property
    def seconds(self) -> float:
        """The time constant."""
        return self.ohms * self.farads


class Circuit(msgspec.Struct, frozen=True):
    """One cell: its capacity (A.h), series resistance (ohm), RC pairs and open-circuit curve.

    Raises `ValueError` for a quantity that is not above 0.
    """

    capacity: float
    series: float
    pairs: tuple[Pair, ...]
    curve: Curve

    def __post_init__(self) -> None:
        parts = [(CAPACITY, self.capacity), (SERIES, self.series)]
        for number, pair in enumerate(self.pairs, 1):
            parts += [(f"R{number} [Ohm]", pair.ohms), (f"C{number} [F]", pair.farads)]
        for name, value in parts:
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} is {value!r}: it must be above 0")


def circuit_of(parameters: Parameters, pairs: int | None = None) -> Circuit:
    """The circuit that the parameters describe; `pairs` is how many RC pairs it has.

    Left out, it has as many as the parameters number. Raises `KeyError` for a parameter that is
    missing, `ValueError` for one that makes no sense.
    """
    if pairs is None:
        pairs = sum(name.startswith("R") for name in parameters if _NUMBERED.fullmatch(name))
    return Circuit(
        capacity=float(parameters[CAPACITY]),
        series=float(parameters[SERIES]),
        pairs=tuple(
            Pair(float(parameters[f"R{n} [Ohm]"]), float(parameters[f"C{n} [F]"]))
            for n in range(1, pairs + 1)
        ),
        curve=msgspec.convert(parameters[OPEN_CIRCUIT], Curve, strict=False),
    )


def is_parameter(name: str) -> bool:
    """Whether a circuit has a number of this name."""
    return name in (CAPACITY, SERIES) or _NUMBERED.fullmatch(name) is not None
