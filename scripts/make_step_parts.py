"""Make the STEP files of the Toolpath sandbox with an open CAD kernel.

Needs ``cadquery==2.8.0`` (which brings ``cadquery-ocp``, the Open CASCADE kernel) in an environment
of its own; the library and its tests never import either. Run it from the repository root::

    python scripts/make_step_parts.py            # write src/failwell/sandbox/data/*.step
    python scripts/make_step_parts.py --facts    # also print what the kernel measures, as JSON

Two runs give the same bytes: names, dates and authors are replaced by neutral ones.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cadquery as cq
from OCP.Interface import Interface_Static
from OCP.STEPControl import STEPControl_StepModelType, STEPControl_Writer

DATA = Path(__file__).resolve().parents[1] / "src" / "failwell" / "sandbox" / "data"
INCH = 25.4
SCHEMAS = {"AP203": 3, "AP214": 4, "AP242": 5}


@dataclass(frozen=True)
class Recipe:
    """How one file is made: shape, length unit, protocol, and whether edges carry p-curves."""

    build: Callable[[], cq.Workplane]
    unit: str = "MM"
    protocol: str = "AP214"
    surface_curves: bool = True


def angle_bracket() -> cq.Workplane:
    """L-shaped bracket 80 × 50 × 60 mm, 8 mm thick, two Ø9 holes in each leg."""
    profile = cq.Workplane("XZ").polyline([(0, 0), (80, 0), (80, 8), (8, 8), (8, 60), (0, 60)])
    bracket = profile.close().extrude(-50).edges("|Y").edges(cq.NearestToPointSelector((8, 25, 8)))
    bracket = bracket.fillet(6)
    bracket = bracket.faces("<Z").workplane(origin=(55, 25, 0)).rarray(1, 26, 1, 2).hole(9)
    return bracket.faces("<X").workplane(origin=(0, 25, 42)).rarray(26, 1, 2, 1).hole(9)


def bolt_flange() -> cq.Workplane:
    """Flange Ø120 × 15 mm with a Ø60 hub, Ø30 bore and six Ø11 holes on a 90 mm bolt circle."""
    flange = cq.Workplane().circle(60).extrude(15).faces(">Z").workplane().circle(30).extrude(25)
    flange = flange.faces("<Z").workplane().polarArray(45, 0, 360, 6).hole(11)
    return flange.faces(">Z").workplane(origin=(0, 0, 40)).hole(30)


def manifold_block() -> cq.Workplane:
    """Hydraulic manifold 4 × 2 × 1.5 in: a long gallery, three ports into it, four bolt holes."""
    block = cq.Workplane().box(4 * INCH, 2 * INCH, 1.5 * INCH)
    block = block.faces(">X").workplane(origin=(0, 0, 0)).hole(0.5 * INCH)
    top = block.faces(">Z").workplane(origin=(0, 0, 0))
    block = top.rarray(1.125 * INCH, 1, 3, 1).hole(0.25 * INCH, 0.75 * INCH)
    top = block.faces(">Z").workplane(origin=(0, 0, 0))
    return top.rarray(3.5 * INCH, 1.5 * INCH, 2, 2).hole(0.28125 * INCH)


def shaft_collar() -> cq.Workplane:
    """Clamping collar Ø40 × 15 mm, Ø20 bore, 2 mm slit and a Ø5 cross hole for the screw."""
    collar = cq.Workplane().circle(20).circle(10).extrude(15)
    collar = collar.cut(cq.Workplane().box(30, 2, 40).translate((20, 0, 0)))
    screw = cq.Workplane("XZ", origin=(15, 0, 7.5)).circle(2.5).extrude(30, both=True)
    return collar.cut(screw)


def stepped_shaft() -> cq.Workplane:
    """Turned shaft 120 mm long, Ø20 / Ø30 / Ø24, chamfered ends and an 8 mm keyway."""
    shaft = cq.Workplane().circle(10).extrude(30).faces(">Z").workplane().circle(15).extrude(60)
    shaft = shaft.faces(">Z").workplane().circle(12).extrude(30)
    shaft = shaft.faces("<Z or >Z").edges().chamfer(1)
    keyway = cq.Workplane("YZ", origin=(11, 0, 60)).transformed(rotate=(0, 0, 90))
    return shaft.cut(keyway.slot2D(40, 8).extrude(10))


def heat_sink() -> cq.Workplane:
    """Heat sink 60 × 60 × 25 mm: 5 mm base, twelve 2 mm fins, four Ø3.2 mounting holes."""
    sink = cq.Workplane().box(60, 60, 5, centered=(True, True, False))
    sink = sink.faces("<Z").workplane().rarray(50.4, 52, 2, 2).hole(3.2)
    fins = cq.Workplane("XY", origin=(0, 0, 5)).rarray(5.2, 1, 12, 1).rect(2, 44).extrude(20)
    return sink.union(fins)


def belt_pulley() -> cq.Workplane:
    """V-belt pulley Ø100 × 22 mm with one groove, a Ø20 bore and a 6 mm keyway."""
    half = [(0, 0), (50, 0), (50, 4), (38, 8), (38, 14), (50, 18), (50, 22), (0, 22)]
    pulley = cq.Workplane("XZ").polyline(half).close().revolve(360, (0, 0), (0, 1))
    pulley = pulley.faces(">Z").workplane(origin=(0, 0, 22)).hole(20)
    return pulley.cut(cq.Workplane(origin=(0, 6.4, 0)).rect(6, 12.8).extrude(22))


def hinge_leaf() -> cq.Workplane:
    """Hinge leaf 60 × 46 mm: 4 mm plate, two Ø12 knuckles with a Ø6 pin hole, three Ø5 holes."""
    plate = cq.Workplane().box(40, 60, 4, centered=(False, True, False))
    knuckle = cq.Workplane("XZ", origin=(0, 30, 6)).circle(6).extrude(60)
    leaf = plate.union(knuckle).cut(cq.Workplane(origin=(0, 0, 6)).box(14, 20, 14))
    leaf = leaf.cut(cq.Workplane("XZ", origin=(0, 30, 6)).circle(3).extrude(60))
    return leaf.faces("<Z").workplane(origin=(26, 0, 0)).rarray(1, 20, 1, 3).hole(5)


def strap_clamp() -> cq.Workplane:
    """Strap clamp 100 × 30 × 16 mm with a 40 × 11 mm slot, a 30° nose and a Ø8.5 jack hole."""
    side = [(0, 0), (100, 0), (100, 16), (20, 16), (0, 4.4529946)]
    clamp = cq.Workplane("XZ", origin=(0, 15, 0)).polyline(side).close().extrude(30)
    clamp = clamp.faces("<Z").workplane(origin=(50, 0, 0)).slot2D(40, 11).cutThruAll()
    return clamp.faces("<Z").workplane(origin=(88, 0, 0)).hole(8.5)


def gear_blank() -> cq.Workplane:
    """Gear blank Ø90 × 20 mm: recessed web, Ø36 hub 28 mm long, Ø16 bore, four Ø14 holes."""
    half = [(0, 0), (45, 0), (45, 20), (38, 20), (38, 14), (18, 14), (18, 28), (0, 28)]
    blank = cq.Workplane("XZ").polyline(half).close().revolve(360, (0, 0), (0, 1))
    blank = blank.edges(cq.selectors.RadiusNthSelector(1)).edges("<Z").fillet(2)
    blank = blank.faces("<Z").workplane(origin=(0, 0, 0)).polarArray(28, 45, 360, 4).hole(14)
    return blank.faces("<Z").workplane(origin=(0, 0, 0)).hole(16)


def enclosure_lid() -> cq.Workplane:
    """Lid 120 × 80 × 12 mm hollowed to 3 mm, 8 mm corners, four Ø4.5 counterbored holes."""
    lid = cq.Workplane().box(120, 80, 12, centered=(True, True, False)).edges("|Z").fillet(8)
    pocket = cq.Workplane().box(114, 74, 9, centered=(True, True, False)).edges("|Z").fillet(5)
    boss = cq.Workplane().rarray(102, 62, 2, 2).circle(6).extrude(9)
    lid = lid.cut(pocket).union(boss).faces(">Z").edges().fillet(1.5)
    return lid.faces(">Z").workplane(origin=(0, 0, 12)).rarray(102, 62, 2, 2).cboreHole(4.5, 8, 4)


def standoff_spacer() -> cq.Workplane:
    """Hexagonal standoff, 0.5 in across flats and 1.25 in long, Ø0.201 in through hole."""
    hexagon = cq.Workplane().polygon(6, 0.5 * INCH, circumscribed=True).extrude(1.25 * INCH)
    return hexagon.faces(">Z").workplane().hole(0.201 * INCH)


def t_slot_nut() -> cq.Workplane:
    """T-slot nut 18 × 16 × 10 mm with a 10 mm neck and a Ø6.8 hole to be tapped M8."""
    half = [(-8, 0), (8, 0), (8, 5), (4.9, 5), (4.9, 10), (-4.9, 10), (-4.9, 5), (-8, 5)]
    nut = cq.Workplane("XZ", origin=(0, 9, 0)).polyline(half).close().extrude(18)
    return nut.edges("|Y and <Z").chamfer(1).faces("<Z").workplane(origin=(0, 0, 0)).hole(6.8)


def control_lever() -> cq.Workplane:
    """Lever with Ø30 and Ø18 bosses 90 mm apart, a 10 mm arm, Ø14 and Ø8 holes."""
    arm = cq.Workplane().polyline([(0, -12), (90, -7), (90, 7), (0, 12)]).close().extrude(10)
    lever = arm.union(cq.Workplane().circle(15).extrude(22))
    lever = lever.union(cq.Workplane(origin=(90, 0, 0)).circle(9).extrude(16))
    lever = lever.faces(">Z").edges("%CIRCLE").fillet(2)
    lever = lever.faces("<Z").workplane(origin=(0, 0, 0)).hole(14)
    return lever.faces("<Z").workplane(origin=(90, 0, 0)).hole(8)


def bearing_block() -> cq.Workplane:
    """Pillow block 110 × 30 × 65 mm: Ø32 seat 20 mm deep over a Ø24 bore, two Ø11 foot holes."""
    foot = cq.Workplane().box(110, 30, 15, centered=(True, True, False))
    body = cq.Workplane("XZ", origin=(0, 15, 0)).rect(56, 80).extrude(30)
    cap = cq.Workplane("XZ", origin=(0, 15, 37)).circle(28).extrude(30)
    body = body.intersect(cq.Workplane().box(56, 30, 37, centered=(True, True, False)))
    block = foot.union(body).union(cap).faces("<Z").workplane(origin=(0, 0, 0))
    block = block.rarray(86, 1, 2, 1).hole(11)
    return block.faces(">Y").workplane(origin=(0, 15, 37)).cboreHole(24, 32, 20)


def ball_knob() -> cq.Workplane:
    """Ball knob Ø32 mm with a Ø16 flat and a blind Ø6.8 hole 20 mm deep."""
    ball = cq.Workplane().sphere(16)
    flat = -((16**2 - 8**2) ** 0.5)
    ball = ball.cut(cq.Workplane(origin=(0, 0, flat - 10)).box(40, 40, 20))
    return ball.faces("<Z").workplane().hole(6.8, 20)


def formed_sheet() -> cq.Workplane:
    """A bent surface 40 × 40 × 30 mm without thickness: well-formed, but nothing to machine."""
    path = cq.Workplane("XZ").lineTo(30, 0).threePointArc((37.0710678, 2.9289322), (40, 10))
    edges = path.lineTo(40, 30).ctx.pendingEdges
    across = cq.Location((0, 40, 0))
    faces = [cq.Face.makeRuledSurface(edge, edge.moved(across)) for edge in edges]
    return cq.Workplane(obj=cq.Shell.makeShell(faces))


RECIPES: dict[str, Recipe] = {
    "angle_bracket": Recipe(angle_bracket),
    "ball_knob": Recipe(ball_knob),
    "bearing_block": Recipe(bearing_block),
    "belt_pulley": Recipe(belt_pulley),
    "bolt_flange": Recipe(bolt_flange, protocol="AP242"),
    "control_lever": Recipe(control_lever),
    "enclosure_lid": Recipe(enclosure_lid, protocol="AP242", surface_curves=False),
    "formed_sheet": Recipe(formed_sheet),
    "gear_blank": Recipe(gear_blank),
    "heat_sink": Recipe(heat_sink, surface_curves=False),
    "hinge_leaf": Recipe(hinge_leaf, surface_curves=False),
    "manifold_block": Recipe(manifold_block, unit="INCH"),
    "shaft_collar": Recipe(shaft_collar),
    "standoff_spacer": Recipe(standoff_spacer, unit="INCH", protocol="AP203"),
    "stepped_shaft": Recipe(stepped_shaft, protocol="AP203"),
    "strap_clamp": Recipe(strap_clamp),
    "t_slot_nut": Recipe(t_slot_nut),
}

NEUTRAL = [
    (r"FILE_DESCRIPTION\(.*?\);", "FILE_DESCRIPTION(('failwell sandbox part'),'2;1');"),
    (r"FILE_NAME\(.*?\);", "FILE_NAME('{name}.step','',(''),(''),'','','');"),
    (r"(#\d+ = CALENDAR_DATE)\(.*?\);", r"\1(2000,1,1);"),
    (r"(#\d+ = LOCAL_TIME)\(.*?,(#\d+)\);", r"\1(0,0,0.,\2);"),
    (r"(#\d+ = COORDINATED_UNIVERSAL_TIME_OFFSET)\(.*?\);", r"\1(0,0,.EXACT.);"),
    (r"(#\d+ = PERSON)\(.*?\);", r"\1('','',$,$,$,$);"),
    (r"(#\d+ = ORGANIZATION)\(.*?\);", r"\1('','','');"),
    (r"'{name} \d+'", "'{name}'"),
]


def body(recipe: Recipe) -> cq.Shape:
    """Return the one solid a recipe makes, or its shell if it makes none."""
    shape = recipe.build().val()
    return shape.Solids()[0] if shape.Solids() else shape


def export(name: str, recipe: Recipe) -> str:
    """Return the neutral STEP text of one recipe."""
    writer = STEPControl_Writer()
    Interface_Static.SetCVal_s("write.step.unit", recipe.unit)
    Interface_Static.SetIVal_s("write.step.schema", SCHEMAS[recipe.protocol])
    Interface_Static.SetIVal_s("write.surfacecurve.mode", int(recipe.surface_curves))
    Interface_Static.SetCVal_s("write.step.product.name", name)
    writer.Model(True)
    writer.Transfer(body(recipe).wrapped, STEPControl_StepModelType.STEPControl_AsIs)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "part.step"
        writer.Write(str(target))
        return neutral(name, target.read_text("utf-8"))


def neutral(name: str, text: str) -> str:
    """Return STEP text without author, system, path or date."""
    for pattern, replacement in NEUTRAL:
        pattern, replacement = (part.replace("{name}", name) for part in (pattern, replacement))
        text = re.sub(pattern, replacement, text, flags=re.DOTALL)
    return text


def facts(recipe: Recipe) -> dict[str, object]:
    """Return what the kernel measures: box, volume and area in mm, faces by surface type."""
    shape = body(recipe)
    box = shape.BoundingBox(tolerance=1e-6)
    kinds = [face.geomType() for face in shape.Faces()]
    return {
        "low": [round(value, 4) for value in (box.xmin, box.ymin, box.zmin)],
        "high": [round(value, 4) for value in (box.xmax, box.ymax, box.zmax)],
        "volume": round(shape.Volume() if shape.Solids() else 0.0, 2),
        "area": round(shape.Area(), 2),
        "solids": len(shape.Solids()),
        "faces": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
    }


def main() -> None:
    """Write every file, and the truncated one, into the sandbox data."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--facts", action="store_true", help="print the kernel's measurements")
    show = arguments.parse_args().facts
    for name, recipe in RECIPES.items():
        (DATA / f"{name}.step").write_text(export(name, recipe), "utf-8", newline="\n")
        if show:
            print(json.dumps({name: facts(recipe)}))
    whole = (DATA / "angle_bracket.step").read_text("utf-8")
    (DATA / "cut_off_bracket.step").write_text(whole[: len(whole) * 3 // 5], "utf-8", newline="\n")


if __name__ == "__main__":
    main()
