"""What the service and the worker say to each other: tasks there, outcomes back."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from failwell.apis.toolpath.machining import Estimate, Program, Timings, Units
from failwell.apis.toolpath.step import StepPart

DEFAULT_SECONDS_PER_TASK: Final = 0.05
READ_SIZE: Final = 1024 * 1024
"""Bytes that either side reads at a time."""


class PartTask(msgspec.Struct, frozen=True, tag_field="task", tag="part"):
    """Measure a part from STEP text."""

    id: str
    step: str


class ProgramTask(msgspec.Struct, frozen=True, tag_field="task", tag="program"):
    """Plan the machining of a part; ``units`` counts if the STEP file stated none."""

    id: str
    part: StepPart
    units: Units = "mm"


class EstimateTask(msgspec.Struct, frozen=True, tag_field="task", tag="estimate"):
    """Estimate time and cost of a program."""

    id: str
    program: Program
    timings: Timings = "fast"


class Failure(msgspec.Struct, frozen=True, tag_field="kind", tag="failure"):
    """Why the Engine could not compute a task; ``code`` is stable, ``reason`` is for people."""

    code: str
    reason: str


Task: TypeAlias = PartTask | ProgramTask | EstimateTask
Value: TypeAlias = StepPart | Program | Estimate | Failure


class Outcome(msgspec.Struct, frozen=True):
    """What became of the task ``id``."""

    id: str
    value: Value


class Message(msgspec.Struct, omit_defaults=True):
    """One line from the worker."""

    id: str = ""
    ready: bool = False
    accepted: bool = False
    value: Value | None = None
