"""The measures of one face."""

from __future__ import annotations

from typing import NamedTuple

from failwell.apis.toolpath.step.extent import extent
from failwell.apis.toolpath.step.faces import Face
from failwell.apis.toolpath.step.holes import Bore
from failwell.apis.toolpath.step.surfaces import integrals
from failwell.apis.toolpath.step.vectors import Vector, dot


class Measured(NamedTuple):
    """Area in mm², ``⅓ ∫ p · n dA`` in mm³, and the points that bound a face."""

    kind: str
    area: float
    flux: float
    extent: list[Vector]
    bore: Bore | None


def measure(face: Face) -> Measured:
    """Return the measures of a face.

    With ``q = p - o`` for a point ``o`` of our choice, ``∫ p · n dA`` is
    ``o · ∫ n dA + ∫ q · n dA``. The first term depends on the boundary alone, the second is one
    of the :func:`integrals` of the face.

    Some kernels write the loops of a closed face against its sense, which the sign of the area
    gives away; such loops are turned round.
    """
    origin, area, radial = integrals(face)
    if area * face.sense < 0.0:
        face = face.turned()
        origin, area, radial = integrals(face)
    flux = (dot(origin, face.vector_area) + radial) / 3.0
    return Measured(face.kind, abs(area), face.sign * flux, extent(face), Bore.of(face))
