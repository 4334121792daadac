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

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, pairwise
from typing import Final, NamedTuple, TypeAlias

import msgspec

__all__ = ["Box", "Hole", "StepError", "StepPart", "SurfaceTally", "Vector", "parse"]

Vector: TypeAlias = tuple[float, float, float]

MAX_NESTING: Final = 32
MAX_EDGES: Final = 200_000
MAX_LENGTH_MM: Final = 1e6
MAX_STRING: Final = 32_769
MAX_NAME: Final = 255

_ARC_STEP: Final = math.pi / 8
_SPLINE_SAMPLES: Final = 64
_WIDEST_GAP: Final = math.pi / 2
_TINY: Final = 1e-9
# Irrational, so that no drawing dimension falls on a rounding tie.
_GRID_MM: Final = 0.001 * math.sqrt(2)


class StepError(Exception):
    """The text is not a STEP file this module can measure.

    ``code`` is one of ``invalid_geometry`` (the exchange structure or an entity is broken),
    ``no_solid`` (no body at all) and ``too_complex`` (more than ``MAX_EDGES`` edges); ``reason``
    says what is wrong and where.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class Box(msgspec.Struct, frozen=True):
    """An axis-aligned box; lengths in mm."""

    low: Vector
    high: Vector

    @property
    def size(self) -> Vector:
        """Edge lengths along x, y and z in mm."""
        return _minus(self.high, self.low)

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
            box=Box(_times(self.box.low, factor), _times(self.box.high, factor)),
            volume=self.volume * factor**3,
            surfaces={
                kind: SurfaceTally(tally.count, tally.area * factor**2)
                for kind, tally in self.surfaces.items()
            },
            holes=tuple(_scaled_hole(hole, factor) for hole in self.holes),
        )


def parse(text: str) -> StepPart:
    """Return the part in STEP text.

    Takes time in proportion to the length of the text, whatever it holds: well under a second per
    megabyte. Raises nothing but :class:`StepError`.
    """
    exchange = _Exchange(text)
    bodies = _Bodies.of(exchange)
    units = _Units.of(exchange)
    geometry = _Geometry(exchange, units)
    faces = [_measure(geometry.face(face, sign)) for face, sign in bodies.faces(exchange)]
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
        holes=_holes(face.bore for face in faces if face.bore),
    )


# --- The exchange structure: statements, instances, values ---------------------------------------

_START = re.compile(r"\ufeff?\s*(?:/\*.*?\*/\s*)?ISO-10303-21\s*;", re.DOTALL)
_END: Final = "END-ISO-10303-21"
_SECTION = re.compile(r"(HEADER|DATA|ANCHOR|REFERENCE|SIGNATURE)\b")
_MARK = re.compile(r"'[^']*'?|/\*.*?(?:\*/|\Z)|;", re.DOTALL)
_INSTANCE = re.compile(r"#(\d{1,18})\s*=\s*(!?[A-Za-z_][A-Za-z0-9_]*)?\s*\(")
_TOKEN = re.compile(
    r"\s*(?:(?P<reference>#\d{1,18})"
    r"|(?P<number>[+-]?\d+(?:\.\d*)?(?:[Ee][+-]?\d+)?)"
    r"|(?P<mark>[(),$*])"
    r"|(?P<string>'[^']*')"
    r"|(?P<name>\.[A-Za-z_][A-Za-z0-9_]*\.|\"[0-9A-Fa-f]*\")"
    r"|(?P<keyword>!?[A-Za-z_][A-Za-z0-9_]*)\s*\()"
)
_ESCAPE = re.compile(
    r"''|\\\\|\\S\\(?P<s>.)|\\X\\(?P<x>[0-9A-F]{2})"
    r"|\\X2\\(?P<x2>(?:[0-9A-F]{4})+)\\X0\\|\\X4\\(?P<x4>(?:[0-9A-F]{8})+)\\X0\\"
)


class _Typed(NamedTuple):
    """A keyword with a parameter list: a typed parameter or one record of a complex instance."""

    keyword: str
    items: list[_Value]


# References are int, numbers float; strings and enumerations keep their delimiters; $ and * are
# None.
_Value: TypeAlias = "float | int | str | list[_Value] | _Typed | None"


class _Instance(NamedTuple):
    position: int
    keyword: str
    body: str


class _Record(NamedTuple):
    """The parameters of one entity, with readers that raise ``invalid_geometry``."""

    owner: str
    keyword: str
    values: list[_Value]

    def reference(self, index: int) -> int:
        value = self._at(index)
        if not isinstance(value, int):
            raise self._mismatch(index, "a reference")
        return value

    def references(self, index: int) -> list[int]:
        value = self._at(index)
        if not isinstance(value, list):
            raise self._mismatch(index, "a list of references")
        found = [item for item in value if isinstance(item, int)]
        if len(found) != len(value):
            raise self._mismatch(index, "a list of references")
        return found

    def grid(self, index: int) -> list[int]:
        """Return the references in a list of lists, row by row."""
        rows = self._at(index)
        if not isinstance(rows, list):
            raise self._mismatch(index, "a list of lists")
        nested = _Record(self.owner, self.keyword, rows)
        return [item for row in range(len(rows)) for item in nested.references(row)]

    def number(self, index: int) -> float:
        value = self._at(index)
        if isinstance(value, _Typed) and len(value.items) == 1:
            value = value.items[0]
        if not isinstance(value, float) or not math.isfinite(value):
            raise self._mismatch(index, "a finite number")
        return value

    def numbers(self, index: int) -> list[float]:
        value = self._at(index)
        if not isinstance(value, list):
            raise self._mismatch(index, "a list of numbers")
        nested = _Record(self.owner, self.keyword, value)
        return [nested.number(item) for item in range(len(value))]

    def flag(self, index: int) -> bool:
        value = self._at(index)
        if value not in (".T.", ".F."):
            raise self._mismatch(index, ".T. or .F.")
        return value == ".T."

    def word(self, index: int) -> str:
        """Return an enumeration without its dots, or an empty string for ``$``."""
        value = self._at(index)
        return value.strip(".") if isinstance(value, str) else ""

    def part(self, keyword: str) -> _Record | None:
        """Return the record ``keyword`` of a complex instance, or of this one if it has it."""
        if self.keyword == keyword:
            return self
        for value in self.values if not self.keyword else ():
            if isinstance(value, _Typed) and value.keyword == keyword:
                return _Record(f"{self.owner}{keyword}", keyword, value.items)
        return None

    def _at(self, index: int) -> _Value:
        if index >= len(self.values):
            raise StepError("invalid_geometry", f"{self.owner}: parameter {index + 1} is missing")
        return self.values[index]

    def _mismatch(self, index: int, wanted: str) -> StepError:
        return StepError("invalid_geometry", f"{self.owner}: parameter {index + 1} is not {wanted}")


class _Exchange:
    """The instances of a STEP file by number; parameters are parsed when asked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.instances: dict[int, _Instance] = {}
        self.file_name = ""
        self.schema = ""
        self._check_ends()
        self._read()

    def record(self, number: int) -> _Record:
        """Return the record of an instance; that of a complex one has an empty keyword."""
        instance = self.instances.get(number)
        if instance is None:
            raise StepError("invalid_geometry", f"#{number} is referred to but not defined")
        values = self._values(instance.body, instance.position, is_complex=not instance.keyword)
        return _Record(f"#{number} {instance.keyword}", instance.keyword, values)

    def numbers_of(self, *keywords: str) -> list[int]:
        """Return the numbers of the simple instances with one of the keywords, in file order."""
        return [number for number, it in self.instances.items() if it.keyword in keywords]

    def complex_with(self, keyword: str) -> list[int]:
        """Return the numbers of the complex instances that hold a record ``keyword``."""
        return [
            number
            for number, it in self.instances.items()
            if not it.keyword and keyword in it.body and self.record(number).part(keyword)
        ]

    def _check_ends(self) -> None:
        if not _START.match(self._text):
            raise StepError("invalid_geometry", "line 1: the file does not start ISO-10303-21;")
        if _END not in self._text:
            line = self._line(len(self._text))
            raise StepError("invalid_geometry", f"line {line}: the file ends without {_END};")

    def _read(self) -> None:
        section, has_data = "", False
        for position, statement in self._statements():
            if section and statement == "ENDSEC":
                section = ""
            elif section:
                self._read_in(section, position, statement)
            elif statement == _END:
                break
            elif position:
                section = self._section(position, statement)
                has_data = has_data or section == "DATA"
        if not has_data:
            raise StepError("invalid_geometry", "the file has no DATA section")

    def _section(self, position: int, statement: str) -> str:
        match = _SECTION.match(statement)
        if match is None:
            raise self._broken(position, "a section was expected")
        return match[1]

    def _read_in(self, section: str, position: int, statement: str) -> None:
        if section == "DATA":
            self._add(position, statement)
        elif statement.startswith("FILE_NAME"):
            self.file_name = self._header_string(position, statement)[:MAX_NAME]
        elif statement.startswith("FILE_SCHEMA"):
            schema = self._header_string(position, statement)
            self.schema = schema.partition("{")[0].strip()[:MAX_NAME]

    def _header_string(self, position: int, statement: str) -> str:
        """Return the first string of a header entity."""
        for value in self._values(statement, position, is_complex=True):
            while isinstance(value, list | _Typed):
                items = value if isinstance(value, list) else value.items
                value = items[0] if items else None
            return _decoded(value) if isinstance(value, str) else ""
        return ""

    def _add(self, position: int, statement: str) -> None:
        match = _INSTANCE.match(statement)
        if match is None or not statement.endswith(")"):
            raise self._broken(position, "an entity instance was expected")
        if not _is_balanced(statement):
            raise self._broken(position, "the parentheses do not match")
        number, body = int(match[1]), statement[match.end() : -1]
        if number in self.instances:
            raise self._broken(position, f"#{number} is defined twice")
        self.instances[number] = _Instance(position, (match[2] or "").upper(), body)

    def _statements(self) -> Iterator[tuple[int, str]]:
        """Yield position and text of each statement, without its semicolon and comments."""
        text, start, resume = self._text, 0, 0
        kept: list[str] = []
        for mark in _MARK.finditer(text):
            token = mark[0]
            if token[0] == "'":
                self._check_closed(mark.start(), token, "'", "string")
                continue
            kept.append(text[resume : mark.start()])
            resume = mark.end()
            if token == ";":
                yield start, " ".join(kept).strip()
                start, kept = resume, []
            else:
                self._check_closed(mark.start(), token, "*/", "comment")
        raise self._broken(start, f"{_END}; was expected")

    def _check_closed(self, position: int, token: str, end: str, what: str) -> None:
        if len(token) < 2 * len(end) or not token.endswith(end):
            raise self._broken(position, f"the {what} is not closed")

    def _values(self, body: str, position: int, *, is_complex: bool) -> list[_Value]:
        values = _Values(is_complex)
        at, end = 0, len(body.rstrip())
        while at < end:
            token = _TOKEN.match(body, at)
            if token is None or not values.take(token):
                raise self._broken(position, "the parameter list is not well-formed")
            at = token.end()
        if not values.is_complete:
            raise self._broken(position, "the parameter list is not well-formed")
        return values.root

    def _broken(self, position: int, reason: str) -> StepError:
        blank = re.compile(r"\s*").match(self._text, position)
        line = self._line(blank.end() if blank else position)
        return StepError("invalid_geometry", f"line {line}: {reason}")

    def _line(self, position: int) -> int:
        return self._text.count("\n", 0, position) + 1


class _Values:
    """Builds the nested lists of a parameter list, one token at a time."""

    def __init__(self, is_complex: bool) -> None:
        self.root: list[_Value] = []
        self._open = [self.root]
        self._is_complex = is_complex
        self._awaits_value = True

    @property
    def is_complete(self) -> bool:
        return len(self._open) == 1 and (not self._awaits_value or self._may_close())

    def take(self, token: re.Match[str]) -> bool:
        """Return whether the token is allowed here, and add it if so."""
        kind, text = token.lastgroup, token[token.lastgroup or 0]
        if kind == "mark" and text in "(),":
            return self._punctuate(text)
        if kind == "string" and self._continues_string():
            return self._extend_string(text)
        if not self._awaits_value:
            return False
        if kind == "keyword":
            return self._enter(text)
        self._open[-1].append(_atom(kind, text))
        self._awaits_value = False
        return True

    def _punctuate(self, mark: str) -> bool:
        if mark == "(":
            return self._awaits_value and self._enter("")
        if mark == ")":
            return self._leave()
        allowed, self._awaits_value = not self._awaits_value, True
        return allowed

    def _enter(self, keyword: str) -> bool:
        items: list[_Value] = []
        self._open[-1].append(_Typed(keyword.upper(), items) if keyword else items)
        self._open.append(items)
        self._awaits_value = True
        return len(self._open) <= MAX_NESTING

    def _leave(self) -> bool:
        if len(self._open) == 1 or (self._awaits_value and not self._may_close()):
            return False
        self._open.pop()
        self._awaits_value = self._is_complex and len(self._open) == 1
        return True

    def _may_close(self) -> bool:
        return not self._open[-1] or (self._is_complex and len(self._open) == 1)

    def _continues_string(self) -> bool:
        last = self._open[-1][-1] if self._open[-1] and not self._awaits_value else None
        return isinstance(last, str) and last.endswith("'")

    def _extend_string(self, text: str) -> bool:
        """Join the halves of a string around a doubled apostrophe."""
        last = self._open[-1][-1]
        joined = f"{last}{text}"
        self._open[-1][-1] = joined
        return len(joined) <= MAX_STRING


def _atom(kind: str | None, text: str) -> _Value:
    if kind == "reference":
        return int(text[1:])
    if kind == "number":
        return float(text)
    return None if kind == "mark" else text


def _is_balanced(statement: str) -> bool:
    if statement.count("(") == statement.count(")"):
        return True
    bare = re.sub(r"'[^']*'", "", statement)
    return bare.count("(") == bare.count(")")


def _decoded(string: str) -> str:
    """Return a STEP string without its quotes and escapes, as text that UTF-8 can carry."""
    text = _ESCAPE.sub(_unescaped, string[1:-1])
    return text.encode("utf-8", "replace").decode("utf-8")


def _unescaped(escape: re.Match[str]) -> str:
    if escape["s"]:
        return chr((ord(escape["s"]) + 128) % 256)
    if escape["x"]:
        return bytes.fromhex(escape["x"]).decode("latin-1")
    if escape["x2"]:
        return bytes.fromhex(escape["x2"]).decode("utf-16-be", "replace")
    if escape["x4"]:
        return bytes.fromhex(escape["x4"]).decode("utf-32-be", "replace")
    return escape[0][0]


# --- Units and bodies ----------------------------------------------------------------------------

_SI_PREFIXES: Final = {
    "EXA": 1e18,
    "PETA": 1e15,
    "TERA": 1e12,
    "GIGA": 1e9,
    "MEGA": 1e6,
    "KILO": 1e3,
    "HECTO": 1e2,
    "DECA": 1e1,
    "": 1.0,
    "DECI": 1e-1,
    "CENTI": 1e-2,
    "MILLI": 1e-3,
    "MICRO": 1e-6,
    "NANO": 1e-9,
    "PICO": 1e-12,
    "FEMTO": 1e-15,
    "ATTO": 1e-18,
}


class _Units(NamedTuple):
    """Millimetres per length unit (``None``: not stated) and radians per angle unit."""

    length: float | None
    angle: float

    @classmethod
    def of(cls, exchange: _Exchange) -> _Units:
        """Return the units of the first context that assigns a length unit."""
        for number in exchange.complex_with("GLOBAL_UNIT_ASSIGNED_CONTEXT"):
            context = exchange.record(number).part("GLOBAL_UNIT_ASSIGNED_CONTEXT")
            units = [exchange.record(unit) for unit in context.references(0)] if context else []
            length = _factor(exchange, units, "LENGTH_UNIT")
            if length is not None:
                angle = _factor(exchange, units, "PLANE_ANGLE_UNIT")
                return cls(_plausible(length * 1000), angle or 1.0)
        return cls(None, 1.0)


def _factor(exchange: _Exchange, units: list[_Record], quantity: str) -> float | None:
    """Return the SI value of one unit of ``quantity``, or ``None`` if none is assigned."""
    for unit in units:
        if unit.part(quantity):
            return _si_value(exchange, unit)
    return None


def _si_value(exchange: _Exchange, unit: _Record) -> float:
    value = 1.0
    for _ in range(MAX_NESTING):
        if si := unit.part("SI_UNIT"):
            return value * _prefix(si)
        converted = unit.part("CONVERSION_BASED_UNIT")
        if converted is None:
            break
        measure = exchange.record(converted.reference(1))
        value *= measure.number(0)
        unit = exchange.record(measure.reference(1))
    raise StepError("invalid_geometry", f"{unit.owner}: the unit does not lead to an SI unit")


def _prefix(si: _Record) -> float:
    at = len(si.values) - 2
    word = si.word(max(at, 0)) if at >= 0 else ""
    if word not in _SI_PREFIXES:
        raise StepError("invalid_geometry", f"{si.owner}: unknown SI prefix")
    return _SI_PREFIXES[word]


def _plausible(factor: float) -> float:
    if not 1e-9 <= factor <= 1e9:
        raise StepError("invalid_geometry", "the length unit is out of range")
    return factor


class _Bodies(NamedTuple):
    """The numbers of the solids and of the surface models of a file."""

    solids: list[int]
    surface_models: list[int]

    @classmethod
    def of(cls, exchange: _Exchange) -> _Bodies:
        """Return the bodies; raise ``no_solid`` if there is none."""
        found = cls(
            exchange.numbers_of("MANIFOLD_SOLID_BREP", "FACETED_BREP", "BREP_WITH_VOIDS"),
            exchange.numbers_of("SHELL_BASED_SURFACE_MODEL"),
        )
        if not found.solids and not found.surface_models:
            raise StepError("no_solid", "the file has neither a solid nor a surface body")
        return found

    def faces(self, exchange: _Exchange) -> Iterator[tuple[int, bool]]:
        """Yield each face once, and whether its shell keeps the sense of its normal."""
        seen: set[int] = set()
        for shell, sense in dict(self._shells(exchange)).items():
            for face in exchange.record(shell).references(1):
                if face not in seen:
                    seen.add(face)
                    yield face, sense

    def _shells(self, exchange: _Exchange) -> Iterator[tuple[int, bool]]:
        for solid in self.solids:
            record = exchange.record(solid)
            yield record.reference(1), True
            for void in record.references(2) if record.keyword == "BREP_WITH_VOIDS" else ():
                oriented = exchange.record(void)
                yield oriented.reference(2), oriented.flag(3)
        for model in self.surface_models if not self.solids else ():
            for shell in exchange.record(model).references(1):
                yield shell, True


# --- Geometry: placements, edges, faces ----------------------------------------------------------


class _Frame(NamedTuple):
    """A right-handed orthonormal frame in mm."""

    origin: Vector
    x: Vector
    y: Vector
    z: Vector

    def local(self, point: Vector) -> Vector:
        """Return the coordinates of a point in this frame."""
        offset = _minus(point, self.origin)
        return _dot(offset, self.x), _dot(offset, self.y), _dot(offset, self.z)

    def at(self, x: float, y: float) -> Vector:
        """Return the point with these coordinates in the plane of the frame."""
        return _plus(self.origin, _plus(_times(self.x, x), _times(self.y, y)))


class _Edge(NamedTuple):
    """An edge in the direction of its loop: points on it, and ``½ ∫ p × dp`` along it."""

    curve: int
    points: tuple[Vector, ...]
    swirl: Vector

    def reversed(self) -> _Edge:
        return _Edge(self.curve, self.points[::-1], _times(self.swirl, -1.0))


class _Face(NamedTuple):
    """A trimmed surface.

    ``sense`` is 1.0 if the face has the normal of its surface, else -1.0; ``sign`` is the same for
    its shell. ``net`` holds control points of a freeform surface.
    """

    kind: str
    surface: _Record
    frame: _Frame
    radii: tuple[float, float]
    sense: float
    sign: float
    loops: list[list[_Edge]]
    net: tuple[Vector, ...]

    @property
    def edges(self) -> Iterator[_Edge]:
        return chain.from_iterable(self.loops)

    @property
    def points(self) -> Iterator[Vector]:
        return chain.from_iterable(edge.points for edge in self.edges)

    @property
    def vector_area(self) -> Vector:
        """``∫ n dA`` in mm², which depends on the boundary alone."""
        total = (0.0, 0.0, 0.0)
        for edge in self.edges:
            total = _plus(total, edge.swirl)
        return total

    def turned(self) -> _Face:
        """Return the face with its loops in the opposite direction."""
        return self._replace(
            loops=[[edge.reversed() for edge in reversed(loop)] for loop in self.loops]
        )

    def border(self) -> list[_Edge]:
        """Return the edges that have a length and are not seams of this face."""
        uses: defaultdict[int, int] = defaultdict(int)
        for edge in self.edges:
            uses[edge.curve] += 1
        return [edge for edge in self.edges if uses[edge.curve] == 1 and len(edge.points) > 1]


_SURFACE_KINDS: Final = {
    "PLANE": "planar",
    "CYLINDRICAL_SURFACE": "cylindrical",
    "CONICAL_SURFACE": "conical",
    "SPHERICAL_SURFACE": "spherical",
    "TOROIDAL_SURFACE": "toroidal",
}
_KINDS: Final = (*_SURFACE_KINDS.values(), "freeform")
_WORLD: Final = _Frame((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


class _Geometry:
    """Resolves entities into points, edges and faces in mm."""

    def __init__(self, exchange: _Exchange, units: _Units) -> None:
        self._exchange = exchange
        self._scale = units.length or 1.0
        self._radian = units.angle
        self._points: dict[int, Vector] = {}
        self._splines: dict[int, tuple[Vector, ...]] = {}
        self._loops: set[int] = set()
        self._edges_left = MAX_EDGES

    def face(self, number: int, sign: bool) -> _Face:
        record = self._exchange.record(number)
        if record.keyword not in ("ADVANCED_FACE", "FACE_SURFACE"):
            raise StepError("invalid_geometry", f"{record.owner}: not a face with a surface")
        surface = self._exchange.record(record.reference(2))
        kind = _SURFACE_KINDS.get(surface.keyword, "freeform")
        loops = [self._bound(bound) for bound in record.references(1)]
        is_elementary = kind != "freeform"
        return _Face(
            kind,
            surface,
            self._frame(surface.reference(1)) if is_elementary else _WORLD,
            self._radii(kind, surface),
            1.0 if record.flag(3) else -1.0,
            1.0 if sign else -1.0,
            loops,
            () if is_elementary else self._control_points(record.reference(2), surface),
        )

    def _radii(self, kind: str, surface: _Record) -> tuple[float, float]:
        """Return radius and minor radius in mm; for a cone, radius and half angle in radians."""
        if kind in ("planar", "freeform"):
            return 0.0, 0.0
        radius = self._length(surface, 2)
        if kind == "conical":
            return radius, surface.number(3) * self._radian
        return radius, self._length(surface, 3) if kind == "toroidal" else 0.0

    def _bound(self, number: int) -> list[_Edge]:
        bound = self._exchange.record(number)
        edges = self._loop(bound.reference(1))
        return edges if bound.flag(2) else [edge.reversed() for edge in reversed(edges)]

    def _loop(self, number: int) -> list[_Edge]:
        if number in self._loops:
            raise StepError("invalid_geometry", f"#{number} bounds more than one face")
        self._loops.add(number)
        loop = self._exchange.record(number)
        if loop.keyword == "VERTEX_LOOP":
            return [_polyline(-number, [self._vertex(loop.reference(1))])]
        if loop.keyword == "POLY_LOOP":
            points = [self._point(point) for point in loop.references(1)]
            return [_polyline(-number, [*points, *points[:1]])]
        return [self._oriented(edge) for edge in self._spend(loop.references(1))]

    def _spend(self, edges: list[int]) -> list[int]:
        self._edges_left -= len(edges)
        if self._edges_left < 0:
            raise StepError("too_complex", f"the part has more than {MAX_EDGES} edges")
        return edges

    def _oriented(self, number: int) -> _Edge:
        oriented = self._exchange.record(number)
        edge = self._edge(oriented.reference(3))
        return edge if oriented.flag(4) else edge.reversed()

    def _edge(self, number: int) -> _Edge:
        record = self._exchange.record(number)
        start, end = self._vertex(record.reference(1)), self._vertex(record.reference(2))
        curve_number, curve = self._curve(record.reference(3))
        forward = record.flag(4)
        if curve.keyword in ("CIRCLE", "ELLIPSE"):
            arc = self._arc(curve, start, end, forward)
            return _Edge(number, arc.points(), arc.swirl())
        return _polyline(number, [start, *self._between(curve_number, curve, start, end), end])

    def _curve(self, number: int) -> tuple[int, _Record]:
        """Return the space curve behind surface curves and trimmed curves."""
        for _ in range(MAX_NESTING):
            curve = self._exchange.record(number)
            if curve.keyword not in _WRAPPED_CURVES:
                return number, curve
            number = curve.reference(1)
        raise StepError("invalid_geometry", f"#{number}: the curve does not end in a space curve")

    def _arc(self, curve: _Record, start: Vector, end: Vector, forward: bool) -> _Arc:
        first = self._length(curve, 2)
        second = self._length(curve, 3) if curve.keyword == "ELLIPSE" else first
        frame = self._frame(curve.reference(1))
        if forward:
            return _Arc.between(frame, first, second, start, end)
        return _Arc.between(frame, first, second, end, start).reversed()

    def _between(
        self, number: int, curve: _Record, start: Vector, end: Vector
    ) -> tuple[Vector, ...]:
        """Return the control points of a freeform curve between two points, in their order."""
        points = self._control_points(number, curve)
        if not points or _distance(start, end) < _TINY:
            return points
        first = min(range(len(points)), key=lambda index: _distance(points[index], start))
        last = min(range(len(points)), key=lambda index: _distance(points[index], end))
        return points[first : last + 1] if first <= last else points[last : first + 1][::-1]

    def _control_points(self, number: int, curve: _Record) -> tuple[Vector, ...]:
        if number not in self._splines:
            points = [self._point(point) for point in _control_polygon(curve)]
            self._splines[number] = tuple(_thinned(points))
        return self._splines[number]

    def _vertex(self, number: int) -> Vector:
        vertex = self._exchange.record(number)
        return self._point(vertex.reference(1))

    def _point(self, number: int) -> Vector:
        point = self._points.get(number)
        if point is None:
            record = self._exchange.record(number)
            point = self._points[number] = _times(_triple(record, 1), self._scale)
            if max(map(abs, point)) > MAX_LENGTH_MM:
                raise StepError("invalid_geometry", f"{record.owner}: coordinate out of range")
        return point

    def _length(self, record: _Record, index: int) -> float:
        length = record.number(index) * self._scale
        if not 0.0 <= length <= MAX_LENGTH_MM:
            raise StepError("invalid_geometry", f"{record.owner}: length out of range")
        return length

    def _frame(self, number: int) -> _Frame:
        placement = self._exchange.record(number)
        z = self._direction(placement, 2) or _WORLD.z
        towards = self._direction(placement, 3) or _WORLD.x
        x = _unit(_minus(towards, _times(z, _dot(towards, z)))) or _across(z)
        return _Frame(self._point(placement.reference(1)), x, _cross(z, x), z)

    def _direction(self, placement: _Record, index: int) -> Vector | None:
        """Return a unit vector, or ``None`` if it is left out or has no length."""
        if index >= len(placement.values) or placement.values[index] is None:
            return None
        record = self._exchange.record(placement.reference(index))
        return _unit(_triple(record, 1))


_WRAPPED_CURVES: Final = (
    "SURFACE_CURVE",
    "SEAM_CURVE",
    "INTERSECTION_CURVE",
    "BOUNDED_SURFACE_CURVE",
    "TRIMMED_CURVE",
)


class _Arc(NamedTuple):
    """A piece of an ellipse ``origin + a cos t x + b sin t y`` from ``start`` through ``sweep``."""

    frame: _Frame
    a: float
    b: float
    start: float
    sweep: float

    @classmethod
    def between(cls, frame: _Frame, a: float, b: float, start: Vector, end: Vector) -> _Arc:
        """Return the arc that runs counterclockwise; a full turn if it ends where it starts."""
        first, last = (_ellipse_angle(frame.local(point), a, b) for point in (start, end))
        sweep = (last - first) % math.tau
        is_closed = _distance(start, end) < _TINY * max(1.0, a)
        return cls(frame, a, b, first, math.tau if is_closed else sweep)

    def reversed(self) -> _Arc:
        return self._replace(start=self.start + self.sweep, sweep=-self.sweep)

    def points(self) -> tuple[Vector, ...]:
        """Return points on the arc in order, its extremes along x, y and z among them."""
        steps = math.ceil(abs(self.sweep) / _ARC_STEP) or 1
        fractions = {step / steps for step in range(steps + 1)}
        fractions.update(self._extremes())
        return tuple(self._at(self.start + self.sweep * part) for part in sorted(fractions))

    def swirl(self) -> Vector:
        """Return ``½ ∫ p × dp`` along the arc, in closed form."""
        chord = _minus(self._at(self.start + self.sweep), self._at(self.start))
        turn = _times(self.frame.z, self.a * self.b * self.sweep)
        return _times(_plus(_cross(self.frame.origin, chord), turn), 0.5)

    def _extremes(self) -> Iterator[float]:
        """Yield where the arc is extreme along a world axis, as fractions of the sweep."""
        for x, y in zip(self.frame.x, self.frame.y, strict=True):
            extreme = math.atan2(self.b * y, self.a * x)
            for angle in (extreme, extreme + math.pi):
                turn = (angle - self.start) * math.copysign(1.0, self.sweep) % math.tau
                if turn < abs(self.sweep):
                    yield turn / abs(self.sweep)

    def _at(self, angle: float) -> Vector:
        return self.frame.at(self.a * math.cos(angle), self.b * math.sin(angle))


def _ellipse_angle(local: Vector, a: float, b: float) -> float:
    return math.atan2(local[1] * a, local[0] * b) if a and b else 0.0


def _polyline(curve: int, points: list[Vector]) -> _Edge:
    swirl = (0.0, 0.0, 0.0)
    for first, second in pairwise(points):
        swirl = _plus(swirl, _times(_cross(first, second), 0.5))
    return _Edge(curve, tuple(points), swirl)


def _control_polygon(curve: _Record) -> list[int]:
    """Return the numbers of the control points of a curve or surface, none if it has none."""
    if surface := curve.part("B_SPLINE_SURFACE") or curve.part("B_SPLINE_SURFACE_WITH_KNOTS"):
        return surface.grid(2 if not curve.keyword else 3)
    if curve.keyword == "POLYLINE":
        return curve.references(1)
    if spline := curve.part("B_SPLINE_CURVE"):
        return spline.references(1 if not curve.keyword else 2)
    splines = ("B_SPLINE_CURVE_WITH_KNOTS", "BEZIER_CURVE", "QUASI_UNIFORM_CURVE", "UNIFORM_CURVE")
    return curve.references(2) if curve.keyword in splines else []


def _thinned(points: list[Vector]) -> list[Vector]:
    """Return a bounded number of the points, in order, with the extreme ones along each axis."""
    if len(points) <= _SPLINE_SAMPLES:
        return points
    kept = set(range(0, len(points), len(points) // _SPLINE_SAMPLES))
    for axis in range(3):
        by_axis = [point[axis] for point in points]
        kept.update((by_axis.index(min(by_axis)), by_axis.index(max(by_axis))))
    return [points[index] for index in sorted(kept)]


# --- Measuring a face ----------------------------------------------------------------------------


class _Bore(NamedTuple):
    """A concave cylindrical face, ready to be joined with others on its axis."""

    key: tuple[int, ...]
    axis: Vector
    foot: Vector
    radius: float
    heights: tuple[float, float]
    angles: list[float]


class _Measured(NamedTuple):
    """Area in mm², ``⅓ ∫ p · n dA`` in mm³, and the points that bound a face."""

    kind: str
    area: float
    flux: float
    extent: list[Vector]
    bore: _Bore | None


def _measure(face: _Face) -> _Measured:
    """Return the measures of a face.

    With ``q = p - o`` for a point ``o`` of our choice, ``∫ p · n dA`` is
    ``o · ∫ n dA + ∫ q · n dA``. The first term depends on the boundary alone; ``o`` is chosen so
    that the second vanishes (plane, cone) or has a closed form (cylinder, sphere, torus).

    Some kernels write the loops of a closed face against its sense, which the sign of the area
    gives away; such loops are turned round.
    """
    origin, area, radial = _MEASURES[face.kind](face)
    if area * face.sense < 0.0:
        face = face.turned()
        origin, area, radial = _MEASURES[face.kind](face)
    flux = (_dot(origin, face.vector_area) + radial) / 3.0
    extent = [*face.points, *_bulge(face)]
    return _Measured(face.kind, abs(area), face.sign * flux, extent, _bore(face))


# Each returns the point o, the area in mm² with the sign of the sense, and the integral of q · n
# in mm³.
_Measures: TypeAlias = tuple[Vector, float, float]


def _measure_plane(face: _Face) -> _Measures:
    return face.frame.origin, _dot(face.vector_area, face.frame.z), 0.0


def _measure_cylinder(face: _Face) -> _Measures:
    area = sum(
        -face.radii[0] * 0.5 * (low[2] + high[2]) * turn
        for loop in face.loops
        for low, high, turn in _turns(face.frame, loop)
    )
    return face.frame.origin, area, face.radii[0] * area


def _measure_cone(face: _Face) -> _Measures:
    radius, angle = face.radii
    sine, tangent = math.sin(angle), math.tan(angle)
    if abs(sine) < 1e-6 or abs(tangent) > 1e6:
        return _measure_freeform(face)
    apex = _minus(face.frame.origin, _times(face.frame.z, radius / tangent))
    return apex, -_dot(face.vector_area, face.frame.z) / sine, 0.0


def _measure_sphere(face: _Face) -> _Measures:
    radius, border = face.radii[0], face.border()
    if not border:
        area = 2.0 * math.tau * radius * radius * face.sense
        return face.frame.origin, area, radius * area
    turns = [step for loop in face.loops for step in _turns(face.frame, loop)]
    winding = sum(turn for _, _, turn in turns)
    pole = 0.0 if abs(winding) < 1e-6 else math.copysign(radius, winding * face.sense)
    area = radius * sum((pole - 0.5 * (low[2] + high[2])) * turn for low, high, turn in turns)
    return face.frame.origin, area, radius * area


def _measure_torus(face: _Face) -> _Measures:
    area = radial = 0.0
    base: float | None = None
    for steps in sorted(map(_TorusLoop(face).steps, face.loops), key=_starts_first(face)):
        shift = _shift(base, steps)
        base = steps[0][0] + shift if base is None and steps else base
        for low, high, turn in steps:
            area -= 0.5 * turn * (_ring(face, low + shift) + _ring(face, high + shift))
            radial -= 0.5 * turn * (_ring_flux(face, low + shift) + _ring_flux(face, high + shift))
    return face.frame.origin, area, radial


def _measure_freeform(face: _Face) -> _Measures:
    """Take a face for the cone from its boundary to the middle of the boundary."""
    points = list(face.points)
    if not points:
        return _WORLD.origin, 0.0, 0.0
    middle = _times(_sum(points), 1.0 / len(points))
    area = 0.0
    for edge in face.edges:
        for first, second in pairwise(edge.points):
            area += 0.5 * _norm(_cross(_minus(first, middle), _minus(second, middle)))
    return middle, area * face.sense, 0.0


_MEASURES: Final[dict[str, Callable[[_Face], _Measures]]] = {
    "planar": _measure_plane,
    "cylindrical": _measure_cylinder,
    "conical": _measure_cone,
    "spherical": _measure_sphere,
    "toroidal": _measure_torus,
    "freeform": _measure_freeform,
}


def _turns(frame: _Frame, loop: list[_Edge]) -> Iterator[tuple[Vector, Vector, float]]:
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

    def __init__(self, face: _Face) -> None:
        self._frame = face.frame
        self._major = face.radii[0]

    def steps(self, loop: list[_Edge]) -> _Steps:
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


def _starts_first(face: _Face) -> Callable[[_Steps], bool]:
    """Order the loop where the tube angle of the face starts before the one where it ends."""
    return lambda steps: sum(turn for _, _, turn in steps) * face.sense <= 0.0


def _shift(base: float | None, steps: _Steps) -> float:
    """Return the full turns that bring a loop's tube angle to or after ``base``."""
    if base is None or not steps:
        return 0.0
    return (steps[0][0] - base + 1e-6) % math.tau - 1e-6 - steps[0][0] + base


def _ring(face: _Face, angle: float) -> float:
    major, minor = face.radii
    return minor * (major * angle + minor * math.sin(angle))


def _ring_flux(face: _Face, angle: float) -> float:
    major, minor = face.radii
    sine, half = math.sin(angle), angle / 2 + math.sin(2 * angle) / 4
    return minor * (major * major * sine + major * minor * (half + angle) + minor * minor * sine)


def _bulge(face: _Face) -> Iterator[Vector]:
    """Yield points that bound what a face may reach beyond its edges."""
    yield from face.net
    if face.kind in ("spherical", "toroidal"):
        border = face.border()
        yield from (point for point in _outermost(face) if _is_inside(face, border, point))


def _outermost(face: _Face) -> Iterator[Vector]:
    """Yield the points of the whole sphere or torus farthest along each world axis."""
    major, minor = face.radii if face.kind == "toroidal" else (0.0, face.radii[0])
    for axis in (_WORLD.x, _WORLD.y, _WORLD.z):
        for way in (axis, _times(axis, -1.0)):
            across = _unit(_minus(way, _times(face.frame.z, _dot(way, face.frame.z))))
            rings = [across] if across and major else [face.frame.x, _times(face.frame.x, -1.0)]
            for ring in rings:
                centre = _plus(face.frame.origin, _times(ring, major))
                yield _plus(centre, _times(way, minor))


def _is_inside(face: _Face, border: list[_Edge], point: Vector) -> bool:
    """Return whether a point of the surface lies to the left of the edge nearest to it."""
    nearest, inside = math.inf, True
    for edge in border:
        for start, end in pairwise(edge.points):
            foot = _foot(start, end, point)
            distance = _distance(foot, point)
            if distance < nearest + 1e-6:
                left = _cross(_normal(face, foot), _minus(end, start))
                on_left = _dot(_minus(point, foot), left) >= -_TINY
                inside = on_left and (inside or distance < nearest - 1e-6)
                nearest = min(nearest, distance)
    return inside


def _normal(face: _Face, point: Vector) -> Vector:
    """Return a normal of a sphere or torus face near a point, out of the material."""
    offset = _minus(point, face.frame.origin)
    if face.kind == "toroidal":
        flat = _minus(offset, _times(face.frame.z, _dot(offset, face.frame.z)))
        offset = _minus(offset, _times(_unit(flat) or face.frame.x, face.radii[0]))
    return _times(offset, face.sense)


def _foot(start: Vector, end: Vector, point: Vector) -> Vector:
    """Return the point of a segment nearest to a point."""
    along = _minus(end, start)
    length = _dot(along, along)
    part = _dot(_minus(point, start), along) / length if length else 0.0
    return _plus(start, _times(along, min(1.0, max(0.0, part))))


# --- The part as a whole -------------------------------------------------------------------------


def _tally(faces: list[_Measured]) -> dict[str, SurfaceTally]:
    counts, areas = dict.fromkeys(_KINDS, 0), dict.fromkeys(_KINDS, 0.0)
    for face in faces:
        counts[face.kind] += 1
        areas[face.kind] += face.area
    return {kind: SurfaceTally(counts[kind], areas[kind]) for kind in _KINDS}


def _bounds(points: Iterable[Vector]) -> Box:
    columns = list(zip(*points, strict=True))
    if not columns:
        raise StepError("no_solid", "the bodies of the file have no edges")
    x, y, z = columns
    return Box((min(x), min(y), min(z)), (max(x), max(y), max(z)))


def _bore(face: _Face) -> _Bore | None:
    """Return a concave cylindrical face as a piece of a hole."""
    points = list(face.points)
    if face.kind != "cylindrical" or face.sense * face.sign > 0.0 or not points:
        return None
    axis = _canonical(face.frame.z)
    foot = _minus(face.frame.origin, _times(axis, _dot(face.frame.origin, axis)))
    x = _across(axis)
    frame = _Frame(foot, x, _cross(axis, x), axis)
    local = [frame.local(point) for point in points]
    heights = [z for _, _, z in local]
    key = tuple(round(value / _GRID_MM) for value in (*foot, *_times(axis, 10.0), face.radii[0]))
    angles = [math.atan2(y, x) for x, y, _ in local]
    return _Bore(key, axis, foot, face.radii[0], (min(heights), max(heights)), angles)


def _holes(bores: Iterable[_Bore]) -> tuple[Hole, ...]:
    groups: defaultdict[tuple[int, ...], list[_Bore]] = defaultdict(list)
    for bore in bores:
        groups[bore.key].append(bore)
    return tuple(_hole(group) for group in groups.values() if _goes_round(group))


def _goes_round(group: list[_Bore]) -> bool:
    angles = sorted(chain.from_iterable(bore.angles for bore in group))
    angles.append(angles[0] + math.tau)
    return max(high - low for low, high in pairwise(angles)) <= _WIDEST_GAP


def _hole(group: list[_Bore]) -> Hole:
    first = group[0]
    low = min(bore.heights[0] for bore in group)
    high = max(bore.heights[1] for bore in group)
    start = _plus(first.foot, _times(first.axis, low))
    return Hole(2.0 * first.radius, high - low, start, first.axis)


def _scaled_hole(hole: Hole, factor: float) -> Hole:
    start = _times(hole.start, factor)
    return Hole(hole.diameter * factor, hole.depth * factor, start, hole.axis)


# --- Vectors -------------------------------------------------------------------------------------


def _plus(a: Vector, b: Vector) -> Vector:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _minus(a: Vector, b: Vector) -> Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def _times(a: Vector, factor: float) -> Vector:
    return a[0] * factor, a[1] * factor, a[2] * factor


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _norm(a: Vector) -> float:
    return math.hypot(*a)


def _distance(a: Vector, b: Vector) -> float:
    return math.dist(a, b)


def _sum(points: Iterable[Vector]) -> Vector:
    total = (0.0, 0.0, 0.0)
    for point in points:
        total = _plus(total, point)
    return total


def _unit(a: Vector) -> Vector | None:
    """Return the vector with length 1, or ``None`` if it is too short to have a direction."""
    length = _norm(a)
    return _times(a, 1.0 / length) if length > _TINY else None


def _across(axis: Vector) -> Vector:
    """Return a unit vector square to ``axis``, the same for axes that differ by rounding."""
    least = min(range(3), key=lambda index: round(abs(axis[index]), 6))
    helper = (_WORLD.x, _WORLD.y, _WORLD.z)[least]
    return _unit(_cross(axis, helper)) or _WORLD.x


def _canonical(axis: Vector) -> Vector:
    """Return the axis or its opposite, so that its first sizeable component is positive."""
    lead = next((part for part in axis if abs(part) > 1e-6), 1.0)
    return _times(axis, math.copysign(1.0, lead))


def _triple(record: _Record, index: int) -> Vector:
    values = record.numbers(index)
    if len(values) != 3:
        raise StepError("invalid_geometry", f"{record.owner}: three coordinates were expected")
    return values[0], values[1], values[2]
