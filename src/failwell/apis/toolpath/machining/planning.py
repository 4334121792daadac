"""From a part to its program."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, Literal, TypeAlias

from failwell.apis.toolpath.machining.program import (
    MachiningError,
    Operation,
    OperationKind,
    Program,
    SetUp,
)
from failwell.apis.toolpath.step import Hole, StepPart, Vector

Units: TypeAlias = Literal["mm", "in"]

ALLOWANCE_MM: Final = 2.0
ENVELOPE_MM: Final = (406.0, 508.0, 762.0)
MAX_SET_UPS: Final = 12
THINNEST_MM: Final = 0.1
SMALLEST_MM3: Final = 1.0
WIDEST_DRILL_MM: Final = 20.0

_MM_PER_UNIT: Final = {"mm": 1.0, "in": 25.4}
_CONTOURED: Final = ("spherical", "toroidal", "freeform")


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
    return Program(stock=stock, set_ups=_set_ups(part, stock))


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
