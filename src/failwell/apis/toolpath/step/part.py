"""What :func:`parse` returns: a part, its box, its surfaces and its holes."""

from __future__ import annotations

import math

import msgspec

from failwell.apis.toolpath.step.vectors import Vector, minus, times


class Box(msgspec.Struct, frozen=True):
    """An axis-aligned box; lengths in mm."""

    low: Vector
    high: Vector

    @property
    def size(self) -> Vector:
        """Edge lengths along x, y and z in mm."""
        return minus(self.high, self.low)

    @property
    def volume(self) -> float:
        """Volume in mm³."""
        return math.prod(self.size)


class Hole(msgspec.Struct, frozen=True):
    """A cylindrical hole: its axis starts at ``start`` and runs ``depth`` along ``axis``, in mm."""

    diameter: float
    depth: float
    start: Vector
    axis: Vector


class SurfaceTally(msgspec.Struct, frozen=True):
    """How many faces have one type of surface, and their area in mm²."""

    count: int = 0
    area: float = 0.0


class StepPart(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="part"):
    """What a STEP file says about a part; lengths in mm, areas in mm², volumes in mm³.

    ``mm_per_unit`` is ``None`` if the file states no length unit; lengths are then in file units.
    ``surfaces`` has the keys ``planar``, ``cylindrical``, ``conical``, ``spherical``, ``toroidal``
    and ``freeform``. If ``solids`` is 0 the box and the surfaces are those of the surface bodies,
    and ``volume`` is 0.
    """

    name: str
    schema: str
    mm_per_unit: float | None
    entities: int
    solids: int
    surface_bodies: int
    box: Box
    volume: float
    surfaces: dict[str, SurfaceTally]
    holes: tuple[Hole, ...]

    @property
    def area(self) -> float:
        """Area of all faces in mm²."""
        return sum(tally.area for tally in self.surfaces.values())

    def scaled(self, factor: float) -> StepPart:
        """Return the part with every length multiplied by ``factor``."""
        return msgspec.structs.replace(
            self,
            box=Box(times(self.box.low, factor), times(self.box.high, factor)),
            volume=self.volume * factor**3,
            surfaces={
                kind: SurfaceTally(tally.count, tally.area * factor**2)
                for kind, tally in self.surfaces.items()
            },
            holes=tuple(_scaled_hole(hole, factor) for hole in self.holes),
        )


def _scaled_hole(hole: Hole, factor: float) -> Hole:
    start = times(hole.start, factor)
    return Hole(hole.diameter * factor, hole.depth * factor, start, hole.axis)
