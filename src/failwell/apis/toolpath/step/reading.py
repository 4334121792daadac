"""From text to a measured part."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from failwell.apis.toolpath.step.errors import StepError
from failwell.apis.toolpath.step.exchange import Exchange
from failwell.apis.toolpath.step.faces import KINDS
from failwell.apis.toolpath.step.geometry import Geometry
from failwell.apis.toolpath.step.holes import holes
from failwell.apis.toolpath.step.measure import Measured, measure
from failwell.apis.toolpath.step.part import Box, StepPart, SurfaceTally
from failwell.apis.toolpath.step.shells import Bodies
from failwell.apis.toolpath.step.units import Units
from failwell.apis.toolpath.step.vectors import Vector


def parse(text: str) -> StepPart:
    """Return the part in STEP text.

    Takes time in proportion to the length of the text, whatever it holds: well under a second per
    megabyte. Raises nothing but :class:`StepError`.
    """
    exchange = Exchange(text)
    bodies = Bodies.of(exchange)
    units = Units.of(exchange)
    geometry = Geometry(exchange, units)
    faces = [measure(geometry.face(face, sign)) for face, sign in bodies.faces(exchange)]
    box = _bounds(chain.from_iterable(face.extent for face in faces))
    volume = abs(sum(face.flux for face in faces)) if bodies.solids else 0.0
    return StepPart(
        name=exchange.file_name,
        schema=exchange.schema,
        mm_per_unit=units.length,
        entities=len(exchange.instances),
        solids=len(bodies.solids),
        surface_bodies=len(bodies.surface_models),
        box=box,
        volume=min(volume, box.volume),
        surfaces=_tally(faces),
        holes=holes(face.bore for face in faces if face.bore),
    )


def _tally(faces: list[Measured]) -> dict[str, SurfaceTally]:
    counts, areas = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0.0)
    for face in faces:
        counts[face.kind] += 1
        areas[face.kind] += face.area
    return {kind: SurfaceTally(counts[kind], areas[kind]) for kind in KINDS}


def _bounds(points: Iterable[Vector]) -> Box:
    columns = list(zip(*points, strict=True))
    if not columns:
        raise StepError("no_solid", "the bodies of the file have no edges")
    x, y, z = columns
    return Box((min(x), min(y), min(z)), (max(x), max(y), max(z)))
