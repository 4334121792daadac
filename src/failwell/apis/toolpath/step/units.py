"""The units a file is written in."""

from __future__ import annotations

from typing import Final, NamedTuple

from failwell.apis.toolpath.step.errors import StepError
from failwell.apis.toolpath.step.exchange import Exchange
from failwell.apis.toolpath.step.limits import MAX_NESTING
from failwell.apis.toolpath.step.record import Record

_SI_PREFIXES: Final = {
    "EXA": 1e18,
    "PETA": 1e15,
    "TERA": 1e12,
    "GIGA": 1e9,
    "MEGA": 1e6,
    "KILO": 1e3,
    "HECTO": 1e2,
    "DECA": 1e1,
    "": 1.0,
    "DECI": 1e-1,
    "CENTI": 1e-2,
    "MILLI": 1e-3,
    "MICRO": 1e-6,
    "NANO": 1e-9,
    "PICO": 1e-12,
    "FEMTO": 1e-15,
    "ATTO": 1e-18,
}


class Units(NamedTuple):
    """Millimetres per length unit (``None``: not stated) and radians per angle unit."""

    length: float | None
    angle: float

    @classmethod
    def of(cls, exchange: Exchange) -> Units:
        """Return the units of the first context that assigns a length unit."""
        for number in exchange.complex_with("GLOBAL_UNIT_ASSIGNED_CONTEXT"):
            context = exchange.record(number).part("GLOBAL_UNIT_ASSIGNED_CONTEXT")
            units = [exchange.record(unit) for unit in context.references(0)] if context else []
            length = _factor(exchange, units, "LENGTH_UNIT")
            if length is not None:
                angle = _factor(exchange, units, "PLANE_ANGLE_UNIT")
                return cls(_plausible(length * 1000), angle or 1.0)
        return cls(None, 1.0)


def _factor(exchange: Exchange, units: list[Record], quantity: str) -> float | None:
    """Return the SI value of one unit of ``quantity``, or ``None`` if none is assigned."""
    for unit in units:
        if unit.part(quantity):
            return _si_value(exchange, unit)
    return None


def _si_value(exchange: Exchange, unit: Record) -> float:
    value = 1.0
    for _ in range(MAX_NESTING):
        if si := unit.part("SI_UNIT"):
            return value * _prefix(si)
        converted = unit.part("CONVERSION_BASED_UNIT")
        if converted is None:
            break
        measure = exchange.record(converted.reference(1))
        value *= measure.number(0)
        unit = exchange.record(measure.reference(1))
    raise StepError("invalid_geometry", f"{unit.owner}: the unit does not lead to an SI unit")


def _prefix(si: Record) -> float:
    at = len(si.values) - 2
    word = si.word(max(at, 0)) if at >= 0 else ""
    if word not in _SI_PREFIXES:
        raise StepError("invalid_geometry", f"{si.owner}: unknown SI prefix")
    return _SI_PREFIXES[word]


def _plausible(factor: float) -> float:
    if not 1e-9 <= factor <= 1e9:
        raise StepError("invalid_geometry", "the length unit is out of range")
    return factor
