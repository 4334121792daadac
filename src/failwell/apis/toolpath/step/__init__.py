"""Read a part out of STEP text (ISO 10303-21) and measure it, without a CAD kernel.

:func:`parse` turns the text of an AP203, AP214 or AP242 file into a :class:`StepPart`: bounding
box, volume, area, faces by surface type, and holes, all in millimetres. It reads the boundary
representation only (``MANIFOLD_SOLID_BREP`` and its kin, or surface models); tessellated bodies
and the placements of an assembly are not read.

How exact the measurements are:

* *Box*: exact for straight, circular and elliptical edges of planar, cylindrical, conical,
  spherical and toroidal faces. A B-spline curve or surface counts by its control points, so it may
  widen the box; other freeform surfaces count by their edges.
* *Volume and area*: by the divergence theorem over the trimmed faces. Closed forms are used for the
  five elementary surfaces; a freeform face counts as the cone over its boundary.
* *Holes*: concave cylindrical faces on one axis with one radius that together leave no gap wider
  than a quarter turn. A counterbored hole therefore counts as two holes, an aligned pair of
  knuckles as one.
"""

from failwell.apis.toolpath.step.errors import StepError
from failwell.apis.toolpath.step.part import Box, Hole, StepPart, SurfaceTally
from failwell.apis.toolpath.step.reading import parse
from failwell.apis.toolpath.step.vectors import Vector

__all__ = ["Box", "Hole", "StepError", "StepPart", "SurfaceTally", "Vector", "parse"]
