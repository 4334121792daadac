"""How a part is machined: its set-ups, and what is done in each."""

from __future__ import annotations

import math
from enum import StrEnum

import msgspec

from failwell.apis.toolpath.step import Vector


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
    """How a part is machined from rectangular stock; sizes in mm."""

    stock: Vector
    set_ups: tuple[SetUp, ...]

    @property
    def stock_volume(self) -> float:
        """Volume of the stock in mm³."""
        return math.prod(self.stock)
