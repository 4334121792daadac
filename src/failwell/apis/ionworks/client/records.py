"""What Ionworks answers, as its clients give it. Numbers with a unit are `{"value", "unit"}`."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from failwell.apis.ionworks.tags import untagged

T = TypeVar("T")


class Page(list[T]):
    """Some of the records; `total` is how many there are in all."""

    def __init__(self, items: list[T], total: int) -> None:
        super().__init__(items)
        self.total = total


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    created_at: str | None = None
    updated_at: str | None = None


class CellSpecification(_Named, frozen=True, kw_only=True):
    """A type of cell; its name is unique in its project."""

    project_id: str | None = None
    form_factor: str | None = None
    manufacturer: str | None = None
    ratings: dict[str, Any] | None = None
    anode: dict[str, Any] | None = None
    cathode: dict[str, Any] | None = None
    electrolyte: dict[str, Any] | None = None
    separator: dict[str, Any] | None = None
    case: dict[str, Any] | None = None
    source: str | None = None
    properties: dict[str, Any] | None = None
    notes: str | None = None


class CellBatch(_Named, frozen=True, kw_only=True):
    """A lot of cells; its name is unique in its specification, whatever the case."""

    cell_specification_id: str | None = None
    date_manufactured: str | None = None
    properties: dict[str, Any] | None = None
    notes: str | None = None
    instance_count: int | None = None


class CellInstance(_Named, frozen=True, kw_only=True):
    """A single cell; its name is unique in its specification."""

    cell_specification_id: str | None = None
    batch_id: str | None = None
    batch_name: str | None = None
    date_manufactured: str | None = None
    measured_properties: dict[str, Any] | None = None
    notes: str | None = None


class CellMeasurement(_Named, frozen=True, kw_only=True):
    """A measurement of a cell; its name is unique there. `processing_status` is pending, running,
    ready or failed; `processing_error` says why."""

    cell_instance_id: str | None = None
    measurement_type: str | None = None
    processing_status: str | None = None
    processing_error: str | None = None
    tags: list[str] = []
    properties: dict[str, Any] | None = None
    protocol: dict[str, Any] | None = None
    protocol_id: str | None = None
    channel_id: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    test_setup: dict[str, Any] | None = None
    notes: str | None = None


class StepsAndCycles(msgspec.Struct, frozen=True):
    """The steps and the cycles of a measurement, as tables."""

    steps: Any
    cycles: Any


class SubmittedSimulation(msgspec.Struct, frozen=True, kw_only=True):
    """A simulation that was submitted, and its job."""

    simulation_id: str
    job_id: str
    protocol_id: str | None = None
    already_existed: bool = False


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """A simulation; it is finished when it has a `storage_folder`. `status` and `error` are those
    of its job, where the job was looked at."""

    id: str
    job_id: str | None = None
    project_id: str | None = None
    parameterized_model_id: str | None = None
    experiment_template_id: str | None = None
    experiment_parameters: dict[str, Any] | None = None
    design_parameters: dict[str, Any] | None = None
    storage_folder: str | None = None
    metrics: dict[str, Any] | None = None
    status: str | None = None
    error: str | None = None
    created_at: str | None = None
    updated_at: str | None = None

    @property
    def is_finished(self) -> bool:
        """Whether there is a result."""
        return bool(self.storage_folder)


class SimulationResult(msgspec.Struct, frozen=True):
    """What a simulation gave: tables by row of time and by step, and single numbers."""

    time_series: Any
    steps: Any
    metrics: dict[str, Any]


class Pipeline(_Named, frozen=True, kw_only=True):
    """A pipeline; `error` is the server's traceback where it failed. Its `description` is the
    caller's own, without the tag by which it is found again."""

    status: str
    is_terminal: bool
    is_failed: bool
    error: str | None = None
    description: str | None = None
    project_id: str | None = None

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "description", untagged(self.description))


class PipelineElement(msgspec.Struct, frozen=True, kw_only=True):
    """An element of a pipeline, and how far it is."""

    name: str
    status: str | None = None
    element_type: str | None = None
    job_id: str | None = None
    error: str | None = None


class PipelineResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a completed pipeline found: all parameters, and each element's own result."""

    result: dict[str, Any] = {}
    element_results: dict[str, Any] = {}


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Work in the background; `status` is pending, waiting, processing, completed, failed or
    canceled."""

    job_id: str
    status: str
    is_terminal: bool = False
    is_failed: bool = False
    job_type: str | None = None
    priority: int | None = None
    error: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
