"""From a program to its time and cost."""

from __future__ import annotations

import math
from typing import Final, Literal, TypeAlias

import msgspec

from failwell.apis.toolpath.machining.program import Operation, OperationKind, Program, SetUp

Timings: TypeAlias = Literal["fast", "refined"]

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
