"""A trimmed face: its surface, its loops and its senses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import Final, NamedTuple

from failwell.apis.toolpath.step.curves import Edge
from failwell.apis.toolpath.step.vectors import Frame, Vector, plus

SURFACE_KINDS: Final = {
    "PLANE": "planar",
    "CYLINDRICAL_SURFACE": "cylindrical",
    "CONICAL_SURFACE": "conical",
    "SPHERICAL_SURFACE": "spherical",
    "TOROIDAL_SURFACE": "toroidal",
}
"""The kind of face each elementary surface makes; any other makes a freeform face."""

KINDS: Final = (*SURFACE_KINDS.values(), "freeform")
"""Every kind of face."""


class Face(NamedTuple):
    """A trimmed surface.

    ``sense`` is 1.0 if the face has the normal of its surface, else -1.0; ``sign`` is the same for
    its shell. ``net`` holds control points of a freeform surface.
    """

    kind: str
    frame: Frame
    radii: tuple[float, float]
    sense: float
    sign: float
    loops: list[list[Edge]]
    net: tuple[Vector, ...]

    @property
    def edges(self) -> Iterator[Edge]:
        """The edges of all loops."""
        return chain.from_iterable(self.loops)

    @property
    def points(self) -> Iterator[Vector]:
        """The points of all edges."""
        return chain.from_iterable(edge.points for edge in self.edges)

    @property
    def vector_area(self) -> Vector:
        """``∫ n dA`` in mm², which depends on the boundary alone."""
        total = (0.0, 0.0, 0.0)
        for edge in self.edges:
            total = plus(total, edge.swirl)
        return total

    def turned(self) -> Face:
        """Return the face with its loops in the opposite direction."""
        return self._replace(
            loops=[[edge.reversed() for edge in reversed(loop)] for loop in self.loops]
        )

    def border(self) -> list[Edge]:
        """Return the edges that have a length and are not seams of this face."""
        uses: defaultdict[int, int] = defaultdict(int)
        for edge in self.edges:
            uses[edge.curve] += 1
        return [edge for edge in self.edges if uses[edge.curve] == 1 and len(edge.points) > 1]
