"""Cells by chemistry: what a quick model is made of.

The open-circuit curves are rounded values of the published shapes: a sloping curve for the
layered oxide, the plateau at 3.3 V for iron phosphate. The resistances are those of a common
cylindrical cell and scale with 1/capacity: 60 mohm.A.h in series, 30 mohm.A.h in a pair of 60 s.
"""

from __future__ import annotations

from typing import Any

from failwell.apis.ionworks.battery.circuit import CAPACITY, OPEN_CIRCUIT, SERIES

_SOC = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
_CURVES = {
    "NMC/Graphite": (
        *(2.50, 3.16, 3.35, 3.49, 3.56, 3.61, 3.67),
        *(3.77, 3.87, 3.97, 4.08, 4.13, 4.20),
    ),
    "NCA/Graphite": (
        *(2.50, 3.14, 3.32, 3.46, 3.54, 3.60, 3.68),
        *(3.79, 3.88, 3.97, 4.06, 4.11, 4.19),
    ),
    "LCO/Graphite": (
        *(2.75, 3.43, 3.58, 3.69, 3.75, 3.79, 3.83),
        *(3.88, 3.94, 4.02, 4.11, 4.15, 4.21),
    ),
    "LFP/Graphite": (
        *(2.00, 3.00, 3.18, 3.23, 3.27, 3.285, 3.29),
        *(3.30, 3.325, 3.33, 3.335, 3.34, 3.60),
    ),
}
CHEMISTRIES = tuple(_CURVES)

_SERIES, _PAIR, _SECONDS = 0.060, 0.030, 60.0


def open_circuit(chemistry: str) -> dict[str, Any]:
    """The open-circuit curve of a chemistry. Raises `KeyError` for one that is not listed."""
    return {"soc": _SOC, "ocv": _CURVES[chemistry]}


def quick_model(capacity: float, chemistry: str, resistance_pct: float = 100.0) -> dict[str, Any]:
    """The parameters of a cell of this capacity (A.h); resistances in percent of the usual.

    Raises `KeyError` for a chemistry that is not listed.
    """
    ohms = resistance_pct / 100.0 / capacity
    return {
        CAPACITY: capacity,
        SERIES: _SERIES * ohms,
        "R1 [Ohm]": _PAIR * ohms,
        "C1 [F]": _SECONDS / (_PAIR * ohms),
        OPEN_CIRCUIT: open_circuit(chemistry),
    }
