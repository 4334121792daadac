"""Holes: concave cylindrical faces, joined on their axis."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain, pairwise
from typing import Final, NamedTuple

from failwell.apis.toolpath.step.faces import Face
from failwell.apis.toolpath.step.part import Hole
from failwell.apis.toolpath.step.vectors import (
    Frame,
    Vector,
    across,
    canonical,
    cross,
    dot,
    minus,
    plus,
    times,
)

_WIDEST_GAP: Final = math.pi / 2
# Irrational, so that no drawing dimension falls on a rounding tie.
_GRID_MM: Final = 0.001 * math.sqrt(2)


class Bore(NamedTuple):
    """A concave cylindrical face, ready to be joined with others on its axis."""

    key: tuple[int, ...]
    axis: Vector
    foot: Vector
    radius: float
    heights: tuple[float, float]
    angles: list[float]

    @classmethod
    def of(cls, face: Face) -> Bore | None:
        """Return the piece of a hole a face is, or ``None`` if it is none."""
        points = list(face.points)
        if face.kind != "cylindrical" or face.sense * face.sign > 0.0 or not points:
            return None
        axis = canonical(face.frame.z)
        foot = minus(face.frame.origin, times(axis, dot(face.frame.origin, axis)))
        x = across(axis)
        frame = Frame(foot, x, cross(axis, x), axis)
        local = [frame.local(point) for point in points]
        heights = [z for _, _, z in local]
        key = tuple(round(value / _GRID_MM) for value in (*foot, *times(axis, 10.0), face.radii[0]))
        angles = [math.atan2(y, x) for x, y, _ in local]
        return cls(key, axis, foot, face.radii[0], (min(heights), max(heights)), angles)


def holes(bores: Iterable[Bore]) -> tuple[Hole, ...]:
    """Return the holes the bores make together; one with a wide gap makes none."""
    groups: defaultdict[tuple[int, ...], list[Bore]] = defaultdict(list)
    for bore in bores:
        groups[bore.key].append(bore)
    return tuple(_hole(group) for group in groups.values() if _goes_round(group))


def _goes_round(group: list[Bore]) -> bool:
    angles = sorted(chain.from_iterable(bore.angles for bore in group))
    angles.append(angles[0] + math.tau)
    return max(high - low for low, high in pairwise(angles)) <= _WIDEST_GAP


def _hole(group: list[Bore]) -> Hole:
    first = group[0]
    low = min(bore.heights[0] for bore in group)
    high = max(bore.heights[1] for bore in group)
    start = plus(first.foot, times(first.axis, low))
    return Hole(2.0 * first.radius, high - low, start, first.axis)
