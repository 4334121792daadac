"""Area and flux of a face, by type of surface."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, TypeAlias

from failwell.apis.toolpath.step.curves import Edge
from failwell.apis.toolpath.step.faces import Face
from failwell.apis.toolpath.step.vectors import (
    WORLD,
    Frame,
    Vector,
    cross,
    dot,
    minus,
    summed,
    times,
)

_Integrals: TypeAlias = tuple[Vector, float, float]


def integrals(face: Face) -> _Integrals:
    """Return a point ``o``, the area in mm² and ``∫ q · n dA`` in mm³ with ``q = p - o``.

    The area has the sign of the sense if the loops run with it. ``o`` is chosen so that the
    integral vanishes (plane, cone) or has a closed form (cylinder, sphere, torus).
    """
    return _INTEGRALS[face.kind](face)


def _plane(face: Face) -> _Integrals:
    return face.frame.origin, dot(face.vector_area, face.frame.z), 0.0


def _cylinder(face: Face) -> _Integrals:
    area = sum(
        -face.radii[0] * 0.5 * (low[2] + high[2]) * turn
        for loop in face.loops
        for low, high, turn in _turns(face.frame, loop)
    )
    return face.frame.origin, area, face.radii[0] * area


def _cone(face: Face) -> _Integrals:
    radius, angle = face.radii
    sine, tangent = math.sin(angle), math.tan(angle)
    if abs(sine) < 1e-6 or abs(tangent) > 1e6:
        return _freeform(face)
    apex = minus(face.frame.origin, times(face.frame.z, radius / tangent))
    return apex, -dot(face.vector_area, face.frame.z) / sine, 0.0


def _sphere(face: Face) -> _Integrals:
    radius, border = face.radii[0], face.border()
    if not border:
        area = 2.0 * math.tau * radius * radius * face.sense
        return face.frame.origin, area, radius * area
    turns = [step for loop in face.loops for step in _turns(face.frame, loop)]
    winding = sum(turn for _, _, turn in turns)
    pole = 0.0 if abs(winding) < 1e-6 else math.copysign(radius, winding * face.sense)
    area = radius * sum((pole - 0.5 * (low[2] + high[2])) * turn for low, high, turn in turns)
    return face.frame.origin, area, radius * area


def _torus(face: Face) -> _Integrals:
    area = radial = 0.0
    base: float | None = None
    for steps in sorted(map(_TorusLoop(face).steps, face.loops), key=_starts_first(face)):
        shift = _shift(base, steps)
        base = steps[0][0] + shift if base is None and steps else base
        for low, high, turn in steps:
            area -= 0.5 * turn * (_ring(face, low + shift) + _ring(face, high + shift))
            radial -= 0.5 * turn * (_ring_flux(face, low + shift) + _ring_flux(face, high + shift))
    return face.frame.origin, area, radial


def _freeform(face: Face) -> _Integrals:
    """Take a face for the cone from its boundary to the middle of the boundary."""
    points = list(face.points)
    if not points:
        return WORLD.origin, 0.0, 0.0
    middle = times(summed(points), 1.0 / len(points))
    area = 0.0
    for edge in face.edges:
        for first, second in pairwise(edge.points):
            area += 0.5 * math.hypot(*cross(minus(first, middle), minus(second, middle)))
    return middle, area * face.sense, 0.0


_INTEGRALS: Final[dict[str, Callable[[Face], _Integrals]]] = {
    "planar": _plane,
    "cylindrical": _cylinder,
    "conical": _cone,
    "spherical": _sphere,
    "toroidal": _torus,
    "freeform": _freeform,
}


def _turns(frame: Frame, loop: list[Edge]) -> Iterator[tuple[Vector, Vector, float]]:
    """Yield the segments of a loop in local coordinates with the angle each turns about z."""
    for edge in loop:
        for low, high in pairwise(map(frame.local, edge.points)):
            yield low, high, _turn(low, high)


def _turn(low: Vector, high: Vector) -> float:
    if min(math.hypot(*low[:2]), math.hypot(*high[:2])) < 1e-7:
        return 0.0
    return math.remainder(math.atan2(high[1], high[0]) - math.atan2(low[1], low[0]), math.tau)


_Steps: TypeAlias = list[tuple[float, float, float]]


class _TorusLoop:
    """Follows a loop round the tube of a torus without jumps of a full turn."""

    def __init__(self, face: Face) -> None:
        self._frame = face.frame
        self._major = face.radii[0]

    def steps(self, loop: list[Edge]) -> _Steps:
        """Return each segment as tube angle before, tube angle after, turn about the axis."""
        steps: _Steps = []
        at: float | None = None
        for low, high, turn in _turns(self._frame, loop):
            before = self._tube_angle(low) if at is None else at
            at = before + math.remainder(self._tube_angle(high) - before, math.tau)
            steps.append((before, at, turn))
        return steps

    def _tube_angle(self, local: Vector) -> float:
        return math.atan2(local[2], math.hypot(local[0], local[1]) - self._major)


def _starts_first(face: Face) -> Callable[[_Steps], bool]:
    """Order the loop where the tube angle of the face starts before the one where it ends."""
    return lambda steps: sum(turn for _, _, turn in steps) * face.sense <= 0.0


def _shift(base: float | None, steps: _Steps) -> float:
    """Return the full turns that bring a loop's tube angle to or after ``base``."""
    if base is None or not steps:
        return 0.0
    return (steps[0][0] - base + 1e-6) % math.tau - 1e-6 - steps[0][0] + base


def _ring(face: Face, angle: float) -> float:
    major, minor = face.radii
    return minor * (major * angle + minor * math.sin(angle))


def _ring_flux(face: Face, angle: float) -> float:
    major, minor = face.radii
    sine, half = math.sin(angle), angle / 2 + math.sin(2 * angle) / 4
    return minor * (major * major * sine + major * minor * (half + angle) + minor * minor * sine)
