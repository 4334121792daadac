"""Edges: points along straight lines and arcs, and what they add to the area of a face."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from failwell.apis.toolpath.step.vectors import TINY, Frame, Vector, cross, minus, plus, times

_ARC_STEP: Final = math.pi / 8


class Edge(NamedTuple):
    """An edge in the direction of its loop: points on it, and ``½ ∫ p × dp`` along it."""

    curve: int
    points: tuple[Vector, ...]
    swirl: Vector

    def reversed(self) -> Edge:
        """Return the edge in the opposite direction."""
        return Edge(self.curve, self.points[::-1], times(self.swirl, -1.0))


def polyline(curve: int, points: list[Vector]) -> Edge:
    """Return the edge that runs straight from point to point."""
    swirl = (0.0, 0.0, 0.0)
    for first, second in pairwise(points):
        swirl = plus(swirl, times(cross(first, second), 0.5))
    return Edge(curve, tuple(points), swirl)


class Arc(NamedTuple):
    """A piece of an ellipse ``origin + a cos t x + b sin t y`` from ``start`` through ``sweep``."""

    frame: Frame
    a: float
    b: float
    start: float
    sweep: float

    @classmethod
    def between(cls, frame: Frame, a: float, b: float, start: Vector, end: Vector) -> Arc:
        """Return the arc that runs counterclockwise; a full turn if it ends where it starts."""
        first, last = (_ellipse_angle(frame.local(point), a, b) for point in (start, end))
        sweep = (last - first) % math.tau
        is_closed = math.dist(start, end) < TINY * max(1.0, a)
        return cls(frame, a, b, first, math.tau if is_closed else sweep)

    def reversed(self) -> Arc:
        """Return the arc in the opposite direction."""
        return self._replace(start=self.start + self.sweep, sweep=-self.sweep)

    def points(self) -> tuple[Vector, ...]:
        """Return points on the arc in order, its extremes along x, y and z among them."""
        steps = math.ceil(abs(self.sweep) / _ARC_STEP) or 1
        fractions = {step / steps for step in range(steps + 1)}
        fractions.update(self._extremes())
        return tuple(self._at(self.start + self.sweep * part) for part in sorted(fractions))

    def swirl(self) -> Vector:
        """Return ``½ ∫ p × dp`` along the arc, in closed form."""
        chord = minus(self._at(self.start + self.sweep), self._at(self.start))
        turn = times(self.frame.z, self.a * self.b * self.sweep)
        return times(plus(cross(self.frame.origin, chord), turn), 0.5)

    def _extremes(self) -> Iterator[float]:
        """Yield where the arc is extreme along a world axis, as fractions of the sweep."""
        for x, y in zip(self.frame.x, self.frame.y, strict=True):
            extreme = math.atan2(self.b * y, self.a * x)
            for angle in (extreme, extreme + math.pi):
                turn = (angle - self.start) * math.copysign(1.0, self.sweep) % math.tau
                if turn < abs(self.sweep):
                    yield turn / abs(self.sweep)

    def _at(self, angle: float) -> Vector:
        return self.frame.at(self.a * math.cos(angle), self.b * math.sin(angle))


def _ellipse_angle(local: Vector, a: float, b: float) -> float:
    return math.atan2(local[1] * a, local[0] * b) if a and b else 0.0
