"""Plan and price the machining of a part with a simple, stated cost model.

Everything is milled and drilled in aluminium 6061 on one 3-axis vertical machining centre. The
model is for a sandbox: plausible, reproducible, and simple enough to check by hand. Lengths are in
mm, areas in mm², volumes in mm³, times in s, money in US cents.

**Plan.** With the part's box ``x × y × z``, volume ``V`` and area ``A``:

* stock = ``(x + 2a)(y + 2a)(z + 2a)`` with the allowance ``a = 2``; it must fit the envelope
  ``762 × 508 × 406`` in some axis-parallel position.
* Set-ups: one from each side of the main axis (the shortest side of the box), then one for each
  other axis a hole runs along. At most ``12``.
* Facing (each main set-up): ``F = stock area square to the main axis × a``.
* Drilling: each hole in the set-up of its axis; a hole wider than ``20`` is bored instead, with the
  volume ``π d² h / 4``. The volume of all holes is ``H``.
* Roughing: ``max(0, stock - V - 2F - H)``, half in each main set-up.
* Finishing: the area ``A`` less the walls of the holes, half in each main set-up; freeform,
  toroidal and spherical area is contoured, the rest is milled flat.

**Fast estimate.** Seconds of an operation:

* facing and roughing ``volume / 500``, boring ``volume / 250``;
* drilling, per hole, ``p h / f + 3`` with the feed ``f = 0.02 d n``, the speed
  ``n = min(10000, 60000 / (π d)) / 60`` turns per second (surface speed 60 m/min), the
  pecking factor ``p = 1 + max(0, h / d - 3) / 4``, and ``d`` taken as ``0.1`` at least;
* finishing ``area / 80``, contouring ``area / 20``.

A set-up takes its operations, ``8`` per tool change and ``120`` for handling. It costs its time at
``9000`` an hour. The stock costs ``volume × 2.7e-6 kg/mm³ × 880`` per kilogram.

**Refined estimate.** Adds acceleration, ``8 %`` of each operation; rapid moves, ``4`` per operation
and ``1.5`` per hole; probing, ``45`` per set-up; and tool wear, ``12`` per minute of cutting.

Seconds are rounded up per set-up and cents to the nearest per set-up, so the sums add up.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, Literal, TypeAlias

import msgspec

from failwell.apis.toolpath.step import Hole, StepPart, Vector

__all__ = [
    "Estimate",
    "MachiningError",
    "Operation",
    "OperationKind",
    "Program",
    "SetUp",
    "SetUpEstimate",
    "Timings",
    "Units",
    "estimate",
    "plan",
]

Timings: TypeAlias = Literal["fast", "refined"]
Units: TypeAlias = Literal["mm", "in"]

ALLOWANCE_MM: Final = 2.0
ENVELOPE_MM: Final = (406.0, 508.0, 762.0)
MAX_SET_UPS: Final = 12
THINNEST_MM: Final = 0.1
SMALLEST_MM3: Final = 1.0
WIDEST_DRILL_MM: Final = 20.0

ROUGHING_MM3_PER_S: Final = 500.0
BORING_MM3_PER_S: Final = 250.0
FINISHING_MM2_PER_S: Final = 80.0
CONTOURING_MM2_PER_S: Final = 20.0
SURFACE_SPEED_MM_PER_MIN: Final = 60_000.0
TOP_SPEED_RPM: Final = 10_000.0
FEED_PER_DIAMETER: Final = 0.02
HOLE_APPROACH_S: Final = 3.0

TOOL_CHANGE_S: Final = 8.0
HANDLING_S: Final = 120.0
CENTS_PER_HOUR: Final = 9000.0
DENSITY_KG_PER_MM3: Final = 2.7e-6
CENTS_PER_KG: Final = 880.0

ACCELERATION: Final = 0.08
RAPID_PER_OPERATION_S: Final = 4.0
RAPID_PER_HOLE_S: Final = 1.5
PROBING_S: Final = 45.0
WEAR_CENTS_PER_MIN: Final = 12.0

_MM_PER_UNIT: Final = {"mm": 1.0, "in": 25.4}
_CONTOURED: Final = ("spherical", "toroidal", "freeform")


class MachiningError(Exception):
    """The part cannot be machined under this model.

    ``code`` is ``no_machinable_volume`` (no solid, no thickness or no volume),
    ``not_a_single_part`` (several solids), ``exceeds_envelope`` or ``too_many_setups``.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class OperationKind(StrEnum):
    """What an operation does."""

    FACING = "facing"
    ROUGHING = "roughing"
    DRILLING = "drilling"
    BORING = "boring"
    FINISHING = "finishing"
    CONTOURING = "contouring"


class Operation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One pass of one tool.

    Facing, roughing and boring remove ``volume``; finishing and contouring cover ``area``; drilling
    makes ``holes`` holes of one diameter and depth.
    """

    kind: OperationKind
    tool: str
    volume: float = 0.0
    area: float = 0.0
    holes: int = 0
    diameter: float = 0.0
    depth: float = 0.0


class SetUp(msgspec.Struct, frozen=True):
    """What is done in one clamping, with the spindle along ``approach``."""

    approach: Vector
    operations: tuple[Operation, ...]

    @property
    def tool_changes(self) -> int:
        """How many different tools are used, the first one included."""
        return len({operation.tool for operation in self.operations})


class Program(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="program"):
    """How a part is machined from rectangular stock; sizes in mm, volumes in mm³."""

    stock: Vector
    part_volume: float
    set_ups: tuple[SetUp, ...]

    @property
    def stock_volume(self) -> float:
        """Volume of the stock in mm³."""
        return math.prod(self.stock)


class SetUpEstimate(msgspec.Struct, frozen=True):
    """Time and cost of one set-up: integer seconds and US cents."""

    seconds: int
    cents: int
    tool_changes: int


class Estimate(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="estimate"):
    """Time and cost of one part: integer seconds and US cents.

    ``seconds`` is the sum over the set-ups; ``cents`` is that sum plus ``material_cents``.
    """

    timings: Timings
    seconds: int
    cents: int
    material_cents: int
    set_ups: tuple[SetUpEstimate, ...]


def plan(part: StepPart, units_hint: Units = "mm") -> Program:
    """Return the set-ups and operations that machine the part.

    ``units_hint`` says what the lengths mean if the file itself states no length unit. Raises
    :class:`MachiningError`.
    """
    if part.mm_per_unit is None:
        part = part.scaled(_MM_PER_UNIT[units_hint])
    _check_solid(part)
    size_x, size_y, size_z = (side + 2 * ALLOWANCE_MM for side in part.box.size)
    stock = (size_x, size_y, size_z)
    _check_envelope(stock)
    return Program(stock=stock, part_volume=part.volume, set_ups=_set_ups(part, stock))


def estimate(program: Program, timings: Timings = "fast") -> Estimate:
    """Return time and cost of a program; ``refined`` is never below ``fast``."""
    set_ups = tuple(_estimate_set_up(set_up, timings) for set_up in program.set_ups)
    material = _rounded(program.stock_volume * DENSITY_KG_PER_MM3 * CENTS_PER_KG)
    return Estimate(
        timings=timings,
        seconds=sum(set_up.seconds for set_up in set_ups),
        cents=sum(set_up.cents for set_up in set_ups) + material,
        material_cents=material,
        set_ups=set_ups,
    )


# --- Plan ----------------------------------------------------------------------------------------


def _check_solid(part: StepPart) -> None:
    if part.solids == 0:
        raise MachiningError("no_machinable_volume", "the part is a surface without a solid")
    if part.solids > 1:
        raise MachiningError("not_a_single_part", f"the file holds {part.solids} solids")
    if min(part.box.size) < THINNEST_MM:
        reason = f"the part is thinner than {THINNEST_MM:g} mm"
        raise MachiningError("no_machinable_volume", reason)
    if part.volume < SMALLEST_MM3:
        raise MachiningError("no_machinable_volume", "the solid encloses no volume")


def _check_envelope(stock: Vector) -> None:
    pairs = zip(sorted(stock), ENVELOPE_MM, strict=True)
    if any(side > limit for side, limit in pairs):
        size = " × ".join(f"{side:.0f}" for side in stock)
        raise MachiningError("exceeds_envelope", f"stock of {size} mm does not fit the machine")


def _set_ups(part: StepPart, stock: Vector) -> tuple[SetUp, ...]:
    axis = _main_axis(part)
    by_axis = _holes_by_axis(part.holes, axis)
    shared = (*_milling(part, stock), *_finishing(part))
    set_ups = [
        SetUp(axis, (*shared[:2], *_hole_operations(by_axis.pop(axis, ())), *shared[2:])),
        SetUp(_opposite(axis), shared),
        *(SetUp(other, tuple(_hole_operations(holes))) for other, holes in by_axis.items()),
    ]
    if len(set_ups) > MAX_SET_UPS:
        reason = f"the part needs {len(set_ups)} set-ups, more than {MAX_SET_UPS}"
        raise MachiningError("too_many_setups", reason)
    return tuple(set_ups)


def _main_axis(part: StepPart) -> Vector:
    """Return the direction of the shortest side of the box, z before y before x on a tie."""
    x, y, z = (round(side, 3) for side in part.box.size)
    if z <= min(x, y):
        return (0.0, 0.0, 1.0)
    return (0.0, 1.0, 0.0) if y <= x else (1.0, 0.0, 0.0)


def _holes_by_axis(holes: Iterable[Hole], main: Vector) -> dict[Vector, list[Hole]]:
    """Group holes by axis, taking axes for one if they differ by less than about 2.5°."""
    groups: dict[Vector, list[Hole]] = {}
    for hole in holes:
        known = next((axis for axis in (main, *groups) if _is_parallel(axis, hole.axis)), hole.axis)
        groups.setdefault(known, []).append(hole)
        if len(groups) > MAX_SET_UPS:
            raise MachiningError("too_many_setups", "the holes run along too many axes")
    return groups


def _is_parallel(first: Vector, second: Vector) -> bool:
    return abs(sum(a * b for a, b in zip(first, second, strict=True))) > 0.999


def _opposite(axis: Vector) -> Vector:
    return (0.0 - axis[0], 0.0 - axis[1], 0.0 - axis[2])


def _milling(part: StepPart, stock: Vector) -> tuple[Operation, Operation]:
    """Return facing and roughing of one main set-up."""
    side = next(size for size, along in zip(stock, _main_axis(part), strict=True) if along)
    facing = math.prod(stock) / side * ALLOWANCE_MM
    bores = sum(_volume(hole) for hole in part.holes)
    roughing = max(0.0, math.prod(stock) - part.volume - 2 * facing - bores) / 2
    return (
        Operation(kind=OperationKind.FACING, tool="face mill", volume=facing),
        Operation(kind=OperationKind.ROUGHING, tool="roughing end mill", volume=roughing),
    )


def _finishing(part: StepPart) -> Iterator[Operation]:
    """Yield finishing and contouring of one main set-up."""
    contoured = sum(part.surfaces[kind].area for kind in _CONTOURED if kind in part.surfaces)
    walls = sum(math.pi * hole.diameter * hole.depth for hole in part.holes)
    flat = max(0.0, part.area - contoured - walls)
    yield Operation(kind=OperationKind.FINISHING, tool="finishing end mill", area=flat / 2)
    if contoured:
        yield Operation(kind=OperationKind.CONTOURING, tool="ball end mill", area=contoured / 2)


def _hole_operations(holes: Iterable[Hole]) -> Iterator[Operation]:
    """Yield one operation for each diameter and depth, in order of diameter."""
    alike: defaultdict[tuple[float, float], list[Hole]] = defaultdict(list)
    for hole in holes:
        alike[round(hole.diameter, 3), round(hole.depth, 3)].append(hole)
    for (diameter, depth), group in sorted(alike.items()):
        yield _hole_operation(diameter, depth, group)


def _hole_operation(diameter: float, depth: float, holes: list[Hole]) -> Operation:
    is_drilled = diameter <= WIDEST_DRILL_MM
    return Operation(
        kind=OperationKind.DRILLING if is_drilled else OperationKind.BORING,
        tool=f"drill {diameter:.3f} mm" if is_drilled else "boring end mill",
        volume=sum(map(_volume, holes)),
        holes=len(holes),
        diameter=diameter,
        depth=depth,
    )


def _volume(hole: Hole) -> float:
    return math.pi / 4 * hole.diameter**2 * hole.depth


# --- Estimate ------------------------------------------------------------------------------------


def _estimate_set_up(set_up: SetUp, timings: Timings) -> SetUpEstimate:
    cutting = sum(map(_cutting_seconds, set_up.operations))
    seconds = cutting + HANDLING_S + TOOL_CHANGE_S * set_up.tool_changes
    wear = 0.0
    if timings == "refined":
        seconds += ACCELERATION * cutting + _moves_seconds(set_up) + PROBING_S
        wear = WEAR_CENTS_PER_MIN * cutting / 60
    whole = math.ceil(seconds)
    return SetUpEstimate(whole, _rounded(whole * CENTS_PER_HOUR / 3600 + wear), set_up.tool_changes)


def _moves_seconds(set_up: SetUp) -> float:
    holes = sum(operation.holes for operation in set_up.operations)
    return RAPID_PER_OPERATION_S * len(set_up.operations) + RAPID_PER_HOLE_S * holes


def _cutting_seconds(operation: Operation) -> float:
    match operation.kind:
        case OperationKind.FACING | OperationKind.ROUGHING:
            return operation.volume / ROUGHING_MM3_PER_S
        case OperationKind.BORING:
            return operation.volume / BORING_MM3_PER_S
        case OperationKind.DRILLING:
            return operation.holes * _drilling_seconds(operation.diameter, operation.depth)
        case OperationKind.FINISHING:
            return operation.area / FINISHING_MM2_PER_S
        case OperationKind.CONTOURING:
            return operation.area / CONTOURING_MM2_PER_S


def _drilling_seconds(diameter: float, depth: float) -> float:
    diameter = max(diameter, 0.1)
    speed = min(TOP_SPEED_RPM, SURFACE_SPEED_MM_PER_MIN / (math.pi * diameter)) / 60
    pecking = 1 + max(0.0, depth / diameter - 3) / 4
    return pecking * depth / (FEED_PER_DIAMETER * diameter * speed) + HOLE_APPROACH_S


def _rounded(cents: float) -> int:
    return math.floor(cents + 0.5)
