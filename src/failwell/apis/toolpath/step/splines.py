"""Freeform curves and surfaces: a bounded number of their control points."""

from __future__ import annotations

from typing import Final

from failwell.apis.toolpath.step.record import Record
from failwell.apis.toolpath.step.vectors import Vector

_SPLINE_SAMPLES: Final = 64


def control_polygon(curve: Record) -> list[int]:
    """Return the numbers of the control points of a curve or surface, none if it has none."""
    if surface := curve.part("B_SPLINE_SURFACE") or curve.part("B_SPLINE_SURFACE_WITH_KNOTS"):
        return surface.grid(2 if not curve.keyword else 3)
    if curve.keyword == "POLYLINE":
        return curve.references(1)
    if spline := curve.part("B_SPLINE_CURVE"):
        return spline.references(1 if not curve.keyword else 2)
    splines = ("B_SPLINE_CURVE_WITH_KNOTS", "BEZIER_CURVE", "QUASI_UNIFORM_CURVE", "UNIFORM_CURVE")
    return curve.references(2) if curve.keyword in splines else []


def thinned(points: list[Vector]) -> list[Vector]:
    """Return a bounded number of the points, in order, with the extreme ones along each axis."""
    if len(points) <= _SPLINE_SAMPLES:
        return points
    kept = set(range(0, len(points), len(points) // _SPLINE_SAMPLES))
    for axis in range(3):
        by_axis = [point[axis] for point in points]
        kept.update((by_axis.index(min(by_axis)), by_axis.index(max(by_axis))))
    return [points[index] for index in sorted(kept)]
