"""Vectors and frames in space."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

Vector: TypeAlias = tuple[float, float, float]
"""Components along x, y and z."""

TINY: Final = 1e-9
"""Length below which a vector has no direction and two points are one."""


class Frame(NamedTuple):
    """A right-handed orthonormal frame in mm."""

    origin: Vector
    x: Vector
    y: Vector
    z: Vector

    def local(self, point: Vector) -> Vector:
        """Return the coordinates of a point in this frame."""
        offset = minus(point, self.origin)
        return dot(offset, self.x), dot(offset, self.y), dot(offset, self.z)

    def at(self, x: float, y: float) -> Vector:
        """Return the point with these coordinates in the plane of the frame."""
        return plus(self.origin, plus(times(self.x, x), times(self.y, y)))


WORLD: Final = Frame((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
"""The frame of the file itself."""


def plus(a: Vector, b: Vector) -> Vector:
    """Return the sum of two vectors."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def minus(a: Vector, b: Vector) -> Vector:
    """Return ``a`` less ``b``: the way from ``b`` to ``a``."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def times(a: Vector, factor: float) -> Vector:
    """Return the vector, ``factor`` times as long."""
    return a[0] * factor, a[1] * factor, a[2] * factor


def dot(a: Vector, b: Vector) -> float:
    """Return the scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vector, b: Vector) -> Vector:
    """Return the vector product."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def summed(points: Iterable[Vector]) -> Vector:
    """Return the sum of the vectors, zero if there are none."""
    total = (0.0, 0.0, 0.0)
    for point in points:
        total = plus(total, point)
    return total


def unit(a: Vector) -> Vector | None:
    """Return the vector with length 1, or ``None`` if it is too short to have a direction."""
    length = math.hypot(*a)
    return times(a, 1.0 / length) if length > TINY else None


def across(axis: Vector) -> Vector:
    """Return a unit vector square to ``axis``, the same for axes that differ by rounding."""
    least = min(range(3), key=lambda index: round(abs(axis[index]), 6))
    helper = (WORLD.x, WORLD.y, WORLD.z)[least]
    return unit(cross(axis, helper)) or WORLD.x


def canonical(axis: Vector) -> Vector:
    """Return the axis or its opposite, so that its first sizeable component is positive."""
    lead = next((part for part in axis if abs(part) > 1e-6), 1.0)
    return times(axis, math.copysign(1.0, lead))
