"""From entities to geometry: points, placements, edges and faces in mm."""

from __future__ import annotations

import math
from typing import Final

from failwell.apis.toolpath.step.curves import Arc, Edge, polyline
from failwell.apis.toolpath.step.errors import StepError
from failwell.apis.toolpath.step.exchange import Exchange
from failwell.apis.toolpath.step.faces import SURFACE_KINDS, Face
from failwell.apis.toolpath.step.limits import MAX_EDGES, MAX_LENGTH_MM, MAX_NESTING
from failwell.apis.toolpath.step.record import Record
from failwell.apis.toolpath.step.splines import control_polygon, thinned
from failwell.apis.toolpath.step.units import Units
from failwell.apis.toolpath.step.vectors import (
    TINY,
    WORLD,
    Frame,
    Vector,
    across,
    cross,
    dot,
    minus,
    times,
    unit,
)

_WRAPPED_CURVES: Final = (
    "SURFACE_CURVE",
    "SEAM_CURVE",
    "INTERSECTION_CURVE",
    "BOUNDED_SURFACE_CURVE",
    "TRIMMED_CURVE",
)


class Geometry:
    """Resolves entities into points, edges and faces in mm."""

    def __init__(self, exchange: Exchange, units: Units) -> None:
        self._exchange = exchange
        self._scale = units.length or 1.0
        self._radian = units.angle
        self._points: dict[int, Vector] = {}
        self._splines: dict[int, tuple[Vector, ...]] = {}
        self._loops: set[int] = set()
        self._edges_left = MAX_EDGES

    def face(self, number: int, sign: bool) -> Face:
        """Return a face in mm; ``sign`` is whether its shell keeps the sense of its normal."""
        record = self._exchange.record(number)
        if record.keyword not in ("ADVANCED_FACE", "FACE_SURFACE"):
            raise StepError("invalid_geometry", f"{record.owner}: not a face with a surface")
        surface = self._exchange.record(record.reference(2))
        kind = SURFACE_KINDS.get(surface.keyword, "freeform")
        loops = [self._bound(bound) for bound in record.references(1)]
        is_elementary = kind != "freeform"
        return Face(
            kind,
            self._frame(surface.reference(1)) if is_elementary else WORLD,
            self._radii(kind, surface),
            1.0 if record.flag(3) else -1.0,
            1.0 if sign else -1.0,
            loops,
            () if is_elementary else self._control_points(record.reference(2), surface),
        )

    def _radii(self, kind: str, surface: Record) -> tuple[float, float]:
        """Return radius and minor radius in mm; for a cone, radius and half angle in radians."""
        if kind in ("planar", "freeform"):
            return 0.0, 0.0
        radius = self._length(surface, 2)
        if kind == "conical":
            return radius, surface.number(3) * self._radian
        return radius, self._length(surface, 3) if kind == "toroidal" else 0.0

    def _bound(self, number: int) -> list[Edge]:
        bound = self._exchange.record(number)
        edges = self._loop(bound.reference(1))
        return edges if bound.flag(2) else [edge.reversed() for edge in reversed(edges)]

    def _loop(self, number: int) -> list[Edge]:
        if number in self._loops:
            raise StepError("invalid_geometry", f"#{number} bounds more than one face")
        self._loops.add(number)
        loop = self._exchange.record(number)
        if loop.keyword == "VERTEX_LOOP":
            return [polyline(-number, [self._vertex(loop.reference(1))])]
        if loop.keyword == "POLY_LOOP":
            points = [self._point(point) for point in loop.references(1)]
            return [polyline(-number, [*points, *points[:1]])]
        return [self._oriented(edge) for edge in self._spend(loop.references(1))]

    def _spend(self, edges: list[int]) -> list[int]:
        self._edges_left -= len(edges)
        if self._edges_left < 0:
            raise StepError("too_complex", f"the part has more than {MAX_EDGES} edges")
        return edges

    def _oriented(self, number: int) -> Edge:
        oriented = self._exchange.record(number)
        edge = self._edge(oriented.reference(3))
        return edge if oriented.flag(4) else edge.reversed()

    def _edge(self, number: int) -> Edge:
        record = self._exchange.record(number)
        start, end = self._vertex(record.reference(1)), self._vertex(record.reference(2))
        curve_number, curve = self._curve(record.reference(3))
        forward = record.flag(4)
        if curve.keyword in ("CIRCLE", "ELLIPSE"):
            arc = self._arc(curve, start, end, forward)
            return Edge(number, arc.points(), arc.swirl())
        return polyline(number, [start, *self._between(curve_number, curve, start, end), end])

    def _curve(self, number: int) -> tuple[int, Record]:
        """Return the space curve behind surface curves and trimmed curves."""
        for _ in range(MAX_NESTING):
            curve = self._exchange.record(number)
            if curve.keyword not in _WRAPPED_CURVES:
                return number, curve
            number = curve.reference(1)
        raise StepError("invalid_geometry", f"#{number}: the curve does not end in a space curve")

    def _arc(self, curve: Record, start: Vector, end: Vector, forward: bool) -> Arc:
        first = self._length(curve, 2)
        second = self._length(curve, 3) if curve.keyword == "ELLIPSE" else first
        frame = self._frame(curve.reference(1))
        if forward:
            return Arc.between(frame, first, second, start, end)
        return Arc.between(frame, first, second, end, start).reversed()

    def _between(
        self, number: int, curve: Record, start: Vector, end: Vector
    ) -> tuple[Vector, ...]:
        """Return the control points of a freeform curve between two points, in their order."""
        points = self._control_points(number, curve)
        if not points or math.dist(start, end) < TINY:
            return points
        first = min(range(len(points)), key=lambda index: math.dist(points[index], start))
        last = min(range(len(points)), key=lambda index: math.dist(points[index], end))
        return points[first : last + 1] if first <= last else points[last : first + 1][::-1]

    def _control_points(self, number: int, curve: Record) -> tuple[Vector, ...]:
        if number not in self._splines:
            points = [self._point(point) for point in control_polygon(curve)]
            self._splines[number] = tuple(thinned(points))
        return self._splines[number]

    def _vertex(self, number: int) -> Vector:
        vertex = self._exchange.record(number)
        return self._point(vertex.reference(1))

    def _point(self, number: int) -> Vector:
        point = self._points.get(number)
        if point is None:
            record = self._exchange.record(number)
            point = self._points[number] = times(_triple(record, 1), self._scale)
            if max(map(abs, point)) > MAX_LENGTH_MM:
                raise StepError("invalid_geometry", f"{record.owner}: coordinate out of range")
        return point

    def _length(self, record: Record, index: int) -> float:
        length = record.number(index) * self._scale
        if not 0.0 <= length <= MAX_LENGTH_MM:
            raise StepError("invalid_geometry", f"{record.owner}: length out of range")
        return length

    def _frame(self, number: int) -> Frame:
        placement = self._exchange.record(number)
        z = self._direction(placement, 2) or WORLD.z
        towards = self._direction(placement, 3) or WORLD.x
        x = unit(minus(towards, times(z, dot(towards, z)))) or across(z)
        return Frame(self._point(placement.reference(1)), x, cross(z, x), z)

    def _direction(self, placement: Record, index: int) -> Vector | None:
        """Return a unit vector, or ``None`` if it is left out or has no length."""
        if index >= len(placement.values) or placement.values[index] is None:
            return None
        record = self._exchange.record(placement.reference(index))
        return unit(_triple(record, 1))


def _triple(record: Record, index: int) -> Vector:
    values = record.numbers(index)
    if len(values) != 3:
        raise StepError("invalid_geometry", f"{record.owner}: three coordinates were expected")
    return values[0], values[1], values[2]
