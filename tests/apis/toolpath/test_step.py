"""The STEP reader against what the CAD kernel that made the parts says about them."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failwell.apis.toolpath import step
from failwell.apis.toolpath.step import Box, Hole, StepError, StepPart, limits, parse

DATA = Path(step.__file__).parents[3] / "sandbox" / "data"


class Fact(NamedTuple):
    """What the CAD kernel measured, in mm, and the holes by diameter as they were drawn."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    volume: float
    area: float
    faces: dict[str, int]
    holes: dict[float, int]


FACTS = {
    "angle_bracket": Fact(
        (0.0, 0.0, 0.0),
        (80.0, 50.0, 60.0),
        51150.53,
        16394.53,
        {"cylindrical": 5, "planar": 8},
        {9.0: 4},
    ),
    "ball_knob": Fact(
        (-16.0, -16.0, -13.8564),
        (16.0, 16.0, 16.0),
        16210.29,
        3629.81,
        {"cylindrical": 1, "planar": 2, "spherical": 1},
        {6.8: 1},
    ),
    "bearing_block": Fact(
        (-55.0, -15.0, 0.0),
        (55.0, 15.0, 65.0),
        99945.29,
        20522.36,
        {"cylindrical": 5, "planar": 10},
        {11.0: 2, 24.0: 1, 32.0: 1},
    ),
    "belt_pulley": Fact(
        (-50.0, -50.0, 0.0),
        (50.0, 50.0, 22.0),
        131708.01,
        27507.71,
        {"conical": 2, "cylindrical": 4, "planar": 5},
        {20.0: 1},
    ),
    "bolt_flange": Fact(
        (-60.0, -60.0, 0.0),
        (60.0, 60.0, 40.0),
        203504.52,
        37312.7,
        {"cylindrical": 9, "planar": 3},
        {11.0: 6, 30.0: 1},
    ),
    "control_lever": Fact(
        (-15.0, -15.0, 0.0),
        (99.0, 15.0, 22.0),
        28200.66,
        9421.42,
        {"cylindrical": 4, "planar": 6, "toroidal": 1},
        {8.0: 1, 14.0: 1},
    ),
    "enclosure_lid": Fact(
        (-60.0, -40.0, 0.0),
        (60.0, 40.0, 12.0),
        41382.71,
        28866.82,
        {"cylindrical": 28, "planar": 31, "toroidal": 4},
        {4.5: 4, 8.0: 4},
    ),
    "gear_blank": Fact(
        (-45.0, -45.0, 0.0),
        (45.0, 45.0, 28.0),
        100218.29,
        23424.33,
        {"cylindrical": 8, "planar": 4, "toroidal": 1},
        {14.0: 4, 16.0: 1, 76.0: 1},
    ),
    "heat_sink": Fact(
        (-30.0, -30.0, 0.0),
        (30.0, 30.0, 25.0),
        38959.15,
        30616.72,
        {"cylindrical": 4, "planar": 66},
        {3.2: 4},
    ),
    "hinge_leaf": Fact(
        (-6.0, -30.0, 0.0),
        (40.0, 30.0, 12.0),
        11537.28,
        7300.22,
        {"cylindrical": 7, "planar": 8},
        {5.0: 3, 6.0: 1},
    ),
    "manifold_block": Fact(
        (-50.8, -25.4, -19.05),
        (50.8, 25.4, 19.05),
        176439.91,
        29427.13,
        {"cylindrical": 8, "planar": 6},
        {6.35: 3, 7.144: 4, 12.7: 1},
    ),
    "shaft_collar": Fact(
        (-20.0, -20.0, 0.0),
        (19.975, 20.0, 15.0),
        13362.12,
        5188.2,
        {"cylindrical": 4, "planar": 4},
        {5.0: 1, 20.0: 1},
    ),
    "standoff_spacer": Fact(
        (-6.35, -7.3323, 0.0),
        (6.35, 7.3323, 31.75),
        3784.91,
        2144.47,
        {"cylindrical": 1, "planar": 8},
        {5.105: 1},
    ),
    "stepped_shaft": Fact(
        (-15.0, -15.0, 0.0),
        (15.0, 15.0, 120.0),
        64168.67,
        11443.29,
        {"conical": 2, "cylindrical": 5, "planar": 7},
        {},
    ),
    "strap_clamp": Fact(
        (0.0, -15.0, 0.0),
        (100.0, 15.0, 16.0),
        37003.45,
        10642.09,
        {"cylindrical": 3, "planar": 9},
        {8.5: 1},
    ),
    "t_slot_nut": Fact(
        (-8.0, -9.0, 0.0),
        (8.0, 9.0, 10.0),
        1940.83,
        1311.91,
        {"cylindrical": 1, "planar": 12},
        {6.8: 1},
    ),
}

BRACKET = (DATA / "angle_bracket.step").read_text("utf-8")


def load(name: str) -> StepPart:
    return parse((DATA / f"{name}.step").read_text("utf-8"))


def exchange(*instances: str, header: str = "") -> str:
    data = "\n".join(instances)
    return f"ISO-10303-21;\nHEADER;{header}ENDSEC;\nDATA;\n{data}\nENDSEC;\nEND-ISO-10303-21;\n"


def refusal(text: str) -> StepError:
    with pytest.raises(StepError) as caught:
        parse(text)
    return caught.value


def measured(text: str) -> StepPart | None:
    """Return the part, or ``None`` for text that is refused as it should be."""
    try:
        return parse(text)
    except StepError:
        return None


PARAMETER = re.compile(r"(?<=[(,])[^(),]+(?=[),])")

SHEET = (
    "#1=SHELL_BASED_SURFACE_MODEL('',(#2));",
    "#2=OPEN_SHELL('',(#3));",
    "#3=ADVANCED_FACE('',(#4),#9,.T.);",
    "#4=FACE_OUTER_BOUND('',#5,.T.);",
    "#5=POLY_LOOP('',(#11,#12,#13));",
    "#9=PLANE('',#10);",
    "#10=AXIS2_PLACEMENT_3D('',#11,$,$);",
    "#11=CARTESIAN_POINT('',(0.,0.,0.));",
    "#12=CARTESIAN_POINT('',(4.,0.,0.));",
    "#13=CARTESIAN_POINT('',(0.,3.,0.));",
)


def unit_context(*units: str) -> tuple[str, ...]:
    return (
        "#20=(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNIT_ASSIGNED_CONTEXT((#21))"
        "REPRESENTATION_CONTEXT('',''));",
        *units,
    )


class TestSandboxParts:
    """Every part of the sandbox is measured as the kernel measures it."""

    @pytest.mark.parametrize("name", FACTS)
    def test_box(self, name: str) -> None:
        """The box is the kernel's, to a ten-thousandth of a millimetre."""
        box = load(name).box
        assert box.low == pytest.approx(FACTS[name].low, abs=1e-4)
        assert box.high == pytest.approx(FACTS[name].high, abs=1e-4)

    @pytest.mark.parametrize("name", FACTS)
    def test_volume_and_area(self, name: str) -> None:
        """Volume and area are the kernel's, to a tenth of a per mille."""
        part = load(name)
        assert part.volume == pytest.approx(FACTS[name].volume, rel=1e-4)
        assert part.area == pytest.approx(FACTS[name].area, rel=1e-4)

    @pytest.mark.parametrize("name", FACTS)
    def test_faces(self, name: str) -> None:
        """Faces are counted by type of surface."""
        counts = {kind: tally.count for kind, tally in load(name).surfaces.items() if tally.count}
        assert counts == FACTS[name].faces

    @pytest.mark.parametrize("name", FACTS)
    def test_holes(self, name: str) -> None:
        """Holes are those that were drawn, and fillets, bosses and slots are none."""
        diameters = Counter(round(hole.diameter, 3) for hole in load(name).holes)
        assert diameters == FACTS[name].holes

    @pytest.mark.parametrize("name", FACTS)
    def test_single_solid(self, name: str) -> None:
        """Every good part is one solid, named after its file."""
        part = load(name)
        assert (part.solids, part.surface_bodies, part.name) == (1, 0, f"{name}.step")

    def test_hole_depth_and_place(self) -> None:
        """A hole has its depth, direction and start; aligned holes of one size are one."""
        pin = next(hole for hole in load("hinge_leaf").holes if hole.diameter == 6.0)
        assert pin.depth == pytest.approx(60.0)
        assert pin.axis == pytest.approx((0.0, 1.0, 0.0))
        assert pin.start == pytest.approx((0.0, -30.0, 6.0))

    def test_schemas(self) -> None:
        """The three application protocols are told apart by their schema name."""
        names = ("stepped_shaft", "angle_bracket", "bolt_flange")
        assert [load(name).schema for name in names] == [
            "CONFIG_CONTROL_DESIGN",
            "AUTOMOTIVE_DESIGN",
            "AP242_MANAGED_MODEL_BASED_3D_ENGINEERING_MIM_LF",
        ]

    def test_inches(self) -> None:
        """A file in inches is measured in millimetres."""
        part = load("manifold_block")
        assert part.mm_per_unit == pytest.approx(25.4)
        assert part.box.size == pytest.approx((101.6, 50.8, 38.1))

    def test_surface_without_solid(self) -> None:
        """A surface model parses, with a box and no volume."""
        part = load("formed_sheet")
        assert (part.solids, part.surface_bodies, part.volume) == (0, 1, 0.0)
        assert part.box.size == pytest.approx((40.0, 40.0, 30.0), abs=1e-4)

    def test_truncated_file(self) -> None:
        """A truncated file is refused with the line where it ends."""
        text = (DATA / "cut_off_bracket.step").read_text("utf-8")
        error = refusal(text)
        assert error.code == "invalid_geometry"
        assert error.reason.startswith(f"line {text.count(chr(10)) + 1}: the file ends without")

    def test_neutral_headers(self) -> None:
        """No file of the sandbox names an author, a system or a date."""
        for path in DATA.glob("*.step"):
            header = path.read_text("utf-8").split("ENDSEC;")[0]
            assert f"FILE_NAME('{path.name}','',(''),(''),'','','');" in header or (
                path.name == "cut_off_bracket.step"
            )
            assert path.stat().st_size < 150_000


def torus_band(upper: str, lower: str) -> str:
    """Return half a torus of radii 20 and 5 mm, bounded by its upper and its lower circle."""
    return exchange(
        "#1=SHELL_BASED_SURFACE_MODEL('',(#2));#2=OPEN_SHELL('',(#3));",
        "#3=ADVANCED_FACE('',(#31,#41),#4,.T.);#4=TOROIDAL_SURFACE('',#5,20.,5.);",
        "#5=AXIS2_PLACEMENT_3D('',#6,$,$);#6=CARTESIAN_POINT('',(0.,0.,0.));",
        *circle(30, "5.", upper),
        *circle(40, "-5.", lower),
    )


def circle(first: int, height: str, sense: str) -> tuple[str, ...]:
    """Return a face bound that is a circle of radius 20 mm about z."""
    a, b, c, d, e, f, g, h = range(first + 1, first + 9)
    return (
        f"#{a}=FACE_BOUND('',#{b},.T.);#{b}=EDGE_LOOP('',(#{c}));",
        f"#{c}=ORIENTED_EDGE('',*,*,#{d},{sense});#{d}=EDGE_CURVE('',#{e},#{e},#{g},.T.);",
        f"#{e}=VERTEX_POINT('',#{f});#{f}=CARTESIAN_POINT('',(20.,0.,{height}));",
        f"#{g}=CIRCLE('',#{h},20.);#{h}=AXIS2_PLACEMENT_3D('',#{first},$,$);",
        f"#{first}=CARTESIAN_POINT('',(0.,0.,{height}));",
    )


class TestClosedSurfaces:
    """Faces that close on themselves are measured without a seam to follow."""

    def test_inner_half_of_torus(self) -> None:
        """Between the circles towards the axis lies the inner half, which stays within them."""
        part = parse(torus_band(".T.", ".F."))
        assert part.area == pytest.approx(2 * math.pi * 5 * (20 * math.pi - 10))
        assert part.box.high == pytest.approx((20.0, 20.0, 5.0))

    def test_outer_half_of_torus(self) -> None:
        """Away from the axis lies the outer half, which reaches beyond its edges."""
        part = parse(torus_band(".F.", ".T."))
        assert part.area == pytest.approx(2 * math.pi * 5 * (20 * math.pi + 10))
        assert part.box.high == pytest.approx((25.0, 25.0, 5.0))

    def test_whole_sphere(self) -> None:
        """A sphere bounded by a single vertex is whole."""
        part = parse(
            exchange(
                "#1=MANIFOLD_SOLID_BREP('',#2);#2=CLOSED_SHELL('',(#3));",
                "#3=ADVANCED_FACE('',(#7),#4,.T.);#4=SPHERICAL_SURFACE('',#5,10.);",
                "#5=AXIS2_PLACEMENT_3D('',#6,$,$);#6=CARTESIAN_POINT('',(1.,2.,3.));",
                "#7=FACE_BOUND('',#8,.T.);#8=VERTEX_LOOP('',#9);#9=VERTEX_POINT('',#10);",
                "#10=CARTESIAN_POINT('',(1.,2.,13.));",
            )
        )
        assert part.volume == pytest.approx(4000 * math.pi / 3)
        assert part.box == Box((-9.0, -8.0, -7.0), (11.0, 12.0, 13.0))


class TestSyntax:
    """The exchange structure is read as ISO 10303-21 has it."""

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "line 1: the file does not start"),
            ("solid cube\nfacet normal", "line 1: the file does not start"),
            ("ISO-10303-21;\nHEADER;ENDSEC;\nEND-ISO-10303-21;", "no DATA section"),
            ("ISO-10303-21;\nDATA;\n#1=A();", "line 3: the file ends without"),
            (exchange("#1=A();", "nonsense;"), "line 5: an entity instance was expected"),
            (exchange("#1=A((1,2);"), "line 4: the parentheses do not match"),
            (exchange("#1=A();", "#1=B();"), "line 5: #1 is defined twice"),
            (exchange("#1=A('open);"), "the string is not closed"),
            (exchange("#1=A(/* open );"), "the comment is not closed"),
            (exchange("#1=MANIFOLD_SOLID_BREP('' #2);"), "line 4: the parameter list"),
            (exchange("#1=MANIFOLD_SOLID_BREP('',,#2);"), "line 4: the parameter list"),
            (exchange("#1=MANIFOLD_SOLID_BREP('',#2,);"), "line 4: the parameter list"),
            (exchange("#1=MANIFOLD_SOLID_BREP('',#7);"), "#7 is referred to but not defined"),
            (exchange("#1=MANIFOLD_SOLID_BREP('',.T.);"), "parameter 2 is not a reference"),
            (exchange("#1=MANIFOLD_SOLID_BREP('');"), "parameter 2 is missing"),
        ],
    )
    def test_broken(self, text: str, reason: str) -> None:
        """Broken text is ``invalid_geometry`` with a reason that says what and where."""
        error = refusal(text)
        assert error.code == "invalid_geometry"
        assert reason in error.reason

    def test_no_body(self) -> None:
        """A file without any body is ``no_solid``."""
        assert refusal(exchange("#1=CARTESIAN_POINT('',(0.,0.,0.));")).code == "no_solid"

    def test_comments_and_line_breaks(self) -> None:
        """Comments and line breaks are allowed between any two tokens."""
        text = BRACKET.replace("=", "/* ; ' #1=( */\n=").replace(",", "\n,")
        assert parse(text).volume == pytest.approx(parse(BRACKET).volume)

    def test_strings(self) -> None:
        """Strings may hold quotes, semicolons, parentheses, comment marks and escapes."""
        name = r"it''s; (a) /* \X2\00E9\X0\ \X\B0 \S\d \X4\0001F600\X0\ \X2\D800\X0\."
        header = f"FILE_NAME('{name}','',(''),(''),'','','');"
        assert parse(exchange(*SHEET, header=header)).name == (
            "it's; (a) /* é ° ä \U0001f600 \ufffd."
        )

    def test_surrogates(self) -> None:
        """A part is always encodable as JSON, whatever the text held."""
        part = parse(exchange(*SHEET, header="FILE_NAME('\udc80');"))
        assert msgspec.json.decode(msgspec.json.encode(part), type=StepPart) == part

    def test_json(self) -> None:
        """A part survives the way to JSON and back."""
        part = load("bearing_block")
        assert msgspec.convert(msgspec.to_builtins(part), StepPart) == part

    @pytest.mark.parametrize(
        ("unit", "factor"),
        [
            ("#21=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.));", 1.0),
            ("#21=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT($,.METRE.));", 1000.0),
            ("#21=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.CENTI.,.METRE.));", 10.0),
            (
                "#21=(CONVERSION_BASED_UNIT('FOOT',#22)LENGTH_UNIT()NAMED_UNIT($));"
                "#22=LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(12.),#23);"
                "#23=(CONVERSION_BASED_UNIT('INCH',#24)LENGTH_UNIT()NAMED_UNIT($));"
                "#24=LENGTH_MEASURE_WITH_UNIT(25.4,#25);"
                "#25=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.));",
                304.8,
            ),
        ],
    )
    def test_units(self, unit: str, factor: float) -> None:
        """SI prefixes and chains of converted units scale the part to millimetres."""
        part = parse(exchange(*SHEET, *unit_context(unit)))
        assert part.mm_per_unit == pytest.approx(factor)
        assert part.box.size == pytest.approx((4 * factor, 3 * factor, 0.0))
        assert part.area == pytest.approx(6 * factor**2)

    def test_unit_that_leads_nowhere(self) -> None:
        """A converted unit that refers to itself is refused, not followed for ever."""
        loop = (
            "#21=(CONVERSION_BASED_UNIT('X',#22)LENGTH_UNIT()NAMED_UNIT($));"
            "#22=LENGTH_MEASURE_WITH_UNIT(2.,#21);"
        )
        error = refusal(exchange(*SHEET, *unit_context(loop)))
        assert "does not lead to an SI unit" in error.reason

    def test_unstated_unit(self) -> None:
        """A file without a length unit says so and keeps its own units."""
        part = parse(exchange(*SHEET))
        assert part.mm_per_unit is None
        assert part.box.size == (4.0, 3.0, 0.0)

    def test_scaled(self) -> None:
        """Scaling a part scales lengths, areas and volumes by the right power."""
        part = load("t_slot_nut")
        double = part.scaled(2.0)
        assert double.box.size == pytest.approx((32.0, 36.0, 20.0))
        assert double.volume == pytest.approx(8 * part.volume)
        assert double.area == pytest.approx(4 * part.area)
        assert double.holes == (
            Hole(13.6, 20.0, tuple(2 * at for at in part.holes[0].start), part.holes[0].axis),
        )


class TestHostileText:
    """Nothing but :class:`StepError` comes out, and in time."""

    @pytest.mark.parametrize(
        "instances",
        [
            "\0" * 1_000_000,
            "/" * 1_000_000,
            "/**/" * 250_000 + "'",
            "#1=MANIFOLD_SOLID_BREP(" + "(" * 500_000 + ")" * 500_000 + ");",
            "#1=MANIFOLD_SOLID_BREP(" + "A(" * 300_000 + ")" * 300_000 + ");",
            "#1=MANIFOLD_SOLID_BREP(" + "'" * 1_000_000 + ");",
            "#1=MANIFOLD_SOLID_BREP('',#" + "9" * 1_000_000 + ");",
            "#" + "9" * 1_000_000 + "=A();",
            "#1=MANIFOLD_SOLID_BREP('',#1);",
            "#1=MANIFOLD_SOLID_BREP('',#2);#2=CLOSED_SHELL('',());",
            "#1=A" + " " * 1_000_000 + ";",
        ],
        ids=lambda text: text[:24],
    )
    def test_bounded(self, instances: str) -> None:
        """A megabyte of hostile text is refused within seconds."""
        start = time.perf_counter()
        refusal(exchange(instances))
        assert time.perf_counter() - start < 10

    def test_shared_loop(self) -> None:
        """One loop cannot be counted again and again by many faces."""
        faces = "#3=ADVANCED_FACE('',(#4,#4),#9,.T.);"
        text = exchange(*(faces if line.startswith("#3=") else line for line in SHEET))
        assert "bounds more than one face" in refusal(text).reason

    def test_too_many_edges(self) -> None:
        """A loop that lists one edge endlessly is ``too_complex``."""
        loop = "#5=EDGE_LOOP('',(" + ",".join(["#6"] * (limits.MAX_EDGES + 1)) + "));"
        text = exchange(*(loop if line.startswith("#5=") else line for line in SHEET))
        assert refusal(text).code == "too_complex"

    @pytest.mark.parametrize("value", ["1.E400", "-1.E300", "1.E15"])
    def test_absurd_coordinates(self, value: str) -> None:
        """Coordinates beyond any machine are refused."""
        text = exchange(*SHEET).replace("4.,0.,0.", f"{value},0.,0.")
        assert refusal(text).code == "invalid_geometry"

    @settings(max_examples=150, deadline=None)
    @given(st.text(alphabet="#=();'*/,.$ABE19-\n", max_size=80))
    def test_any_statements(self, statements: str) -> None:
        """Any soup of STEP characters parses or raises ``StepError``."""
        with pytest.raises(StepError):
            parse(exchange(statements))

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_any_damage(self, data: st.DataObject) -> None:
        """A file with a piece replaced parses to a finite part or raises ``StepError``."""
        text = (DATA / "ball_knob.step").read_text("utf-8")
        start = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 40))
        piece = data.draw(st.text(alphabet="#=();'*,.$TFE0129-", max_size=12))
        part = measured(text[:start] + piece + text[start + length :])
        assert part is None or 0.0 <= part.volume <= part.box.volume < float("inf")

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_any_number(self, data: st.DataObject) -> None:
        """Absurd numbers and swapped references raise nothing but ``StepError``."""
        name = data.draw(st.sampled_from(["ball_knob", "gear_blank"]))
        text = (DATA / f"{name}.step").read_text("utf-8")
        parameters = list(PARAMETER.finditer(text, text.index("DATA;")))
        values = st.sampled_from(["0.", "-1.", "1.E6", "1.E-300", "$", "*", "#1", "#20", ".F."])
        for _ in range(data.draw(st.integers(1, 4))):
            chosen = data.draw(st.sampled_from(parameters))
            text = text[: chosen.start()] + data.draw(values) + text[chosen.end() :]
            parameters = list(PARAMETER.finditer(text, text.index("DATA;")))
        part = measured(text)
        assert part is None or msgspec.json.encode(part)
