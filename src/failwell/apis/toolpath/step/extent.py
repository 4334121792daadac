"""How far a face reaches, beyond its edges too."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from failwell.apis.toolpath.step.curves import Edge
from failwell.apis.toolpath.step.faces import Face
from failwell.apis.toolpath.step.vectors import (
    TINY,
    WORLD,
    Vector,
    cross,
    dot,
    minus,
    plus,
    times,
    unit,
)


def extent(face: Face) -> list[Vector]:
    """Return points that bound a face: those of its edges, and where it bulges beyond them."""
    return [*face.points, *_bulge(face)]


def _bulge(face: Face) -> Iterator[Vector]:
    """Yield points that bound what a face may reach beyond its edges."""
    yield from face.net
    if face.kind in ("spherical", "toroidal"):
        border = face.border()
        yield from (point for point in _outermost(face) if _is_inside(face, border, point))


def _outermost(face: Face) -> Iterator[Vector]:
    """Yield the points of the whole sphere or torus farthest along each world axis."""
    major, minor = face.radii if face.kind == "toroidal" else (0.0, face.radii[0])
    for axis in (WORLD.x, WORLD.y, WORLD.z):
        for way in (axis, times(axis, -1.0)):
            across = unit(minus(way, times(face.frame.z, dot(way, face.frame.z))))
            rings = [across] if across and major else [face.frame.x, times(face.frame.x, -1.0)]
            for ring in rings:
                centre = plus(face.frame.origin, times(ring, major))
                yield plus(centre, times(way, minor))


def _is_inside(face: Face, border: list[Edge], point: Vector) -> bool:
    """Return whether a point of the surface lies to the left of the edge nearest to it."""
    nearest, inside = math.inf, True
    for edge in border:
        for start, end in pairwise(edge.points):
            foot = _foot(start, end, point)
            distance = math.dist(foot, point)
            if distance < nearest + 1e-6:
                left = cross(_normal(face, foot), minus(end, start))
                on_left = dot(minus(point, foot), left) >= -TINY
                inside = on_left and (inside or distance < nearest - 1e-6)
                nearest = min(nearest, distance)
    return inside


def _normal(face: Face, point: Vector) -> Vector:
    """Return a normal of a sphere or torus face near a point, out of the material."""
    offset = minus(point, face.frame.origin)
    if face.kind == "toroidal":
        flat = minus(offset, times(face.frame.z, dot(offset, face.frame.z)))
        offset = minus(offset, times(unit(flat) or face.frame.x, face.radii[0]))
    return times(offset, face.sense)


def _foot(start: Vector, end: Vector, point: Vector) -> Vector:
    """Return the point of a segment nearest to a point."""
    along = minus(end, start)
    length = dot(along, along)
    part = dot(minus(point, start), along) / length if length else 0.0
    return plus(start, times(along, min(1.0, max(0.0, part))))
