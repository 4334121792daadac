"""What the service and the worker say to each other: tasks there, values back."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from failwell.apis.ionworks.battery.protocol import Protocol


class DeriveTask(msgspec.Struct, frozen=True, tag_field="task", tag="derive"):
    """Work out the steps of the time series in the file `series`; write them to `steps`."""

    series: str
    steps: str


class SimulateTask(msgspec.Struct, frozen=True, tag_field="task", tag="simulate"):
    """Put the cell with these parameters through a bound protocol; write the tables to files."""

    parameters: dict[str, Any]
    protocol: Protocol
    series: str
    steps: str


class PipelineTask(msgspec.Struct, frozen=True, tag_field="task", tag="pipeline"):
    """Run the elements in order; `measurements` has the file of each measurement's time series."""

    elements: dict[str, dict[str, Any]]
    measurements: dict[str, str]


class Derived(msgspec.Struct, frozen=True, tag_field="value", tag="derived"):
    """Steps and cycles, by column."""

    steps: dict[str, list[Any]]
    cycles: dict[str, list[Any]]


class Simulated(msgspec.Struct, frozen=True, tag_field="value", tag="simulated"):
    """The files are written; these are the totals."""

    metrics: dict[str, Any]


class Ran(msgspec.Struct, frozen=True, tag_field="value", tag="ran"):
    """What each element found, all parameters in the end, and why it stopped early, if it did.

    `error` is the traceback of the element named `failed`.
    """

    element_results: dict[str, dict[str, Any]]
    parameter_values: dict[str, Any]
    error: str | None = None
    failed: str | None = None


class Failed(msgspec.Struct, frozen=True, tag_field="value", tag="failed"):
    """Why there is no value: a sentence where the input is to blame, a traceback where not."""

    error: str


Task: TypeAlias = DeriveTask | SimulateTask | PipelineTask
Value: TypeAlias = Derived | Simulated | Ran | Failed
