"""What the endpoints take that give the solver work: protocols, simulations, pipelines."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct

from failwell.apis.ionworks.schemas import Finite, Maybe, Name

Inputs = dict[str, Finite | str]


class ProtocolExperiment(Struct, kw_only=True):
    """A protocol in YAML, and its name."""

    protocol: Annotated[str, Meta(min_length=1, max_length=100_000)]
    name: Name


class NewTemplate(Struct, kw_only=True):
    """`POST /protocols/parse-to-template`"""

    protocol_experiment: dict[str, Any]
    experiment_parameters: Inputs = {}
    project_id: Maybe[str] = UNSET


class Condition(Struct, kw_only=True, forbid_unknown_fields=True):
    """The inputs of one run."""

    experiment_parameters: Inputs = {}
    design_parameters: dict[str, Finite] = {}


class DesignRow(Struct, kw_only=True, forbid_unknown_fields=True):
    """How one parameter of a design varies."""

    type: Literal["range", "discrete", "normal"]
    name: str
    min: Finite | None = None
    max: Finite | None = None
    count: Annotated[int, Meta(ge=1, le=1000)] | None = None
    values: Annotated[list[Finite], Meta(min_length=1, max_length=1000)] | None = None
    mean: Finite | None = None
    std: Annotated[float, Meta(ge=0, le=1e300)] | None = None


class Design(Struct, kw_only=True, forbid_unknown_fields=True):
    """A design of experiments."""

    sampling: Literal["grid", "random", "latin_hypercube"]
    rows: Annotated[list[DesignRow], Meta(min_length=1, max_length=20)]
    count: Annotated[int, Meta(ge=1, le=1000)] | None = None


class QuickModel(Struct, kw_only=True):
    """A cell by capacity (A.h) and chemistry."""

    capacity: Annotated[float, Meta(gt=0, le=1e6)] = 1.0
    chemistry: str = "NMC/Graphite"
    resistance_pct: Annotated[float, Meta(gt=0, le=1e4)] = 100.0


class NewSimulations(Struct, kw_only=True):
    """`POST /simulations/with-template/batch`"""

    parameterized_model: str | dict[str, Any]
    experiment_template_id: str
    experiment_parameter_sets: Annotated[list[Inputs], Meta(min_length=1, max_length=1000)] = (
        msgspec.field(default_factory=lambda: [{}])
    )
    conditions: Annotated[list[Condition], Meta(min_length=1, max_length=1000)] | None = None
    design_parameters_doe: Design | None = None
    max_backward_jumps: Annotated[int, Meta(ge=0)] | None = None
    study_id: str | None = None
    extra_variables: list[str] | None = None
    project_id: str | None = None


class StatusesAsked(Struct, kw_only=True):
    """`POST /simulations/statuses`"""

    simulation_ids: Annotated[list[str], Meta(max_length=1000)]
    limit: Annotated[int, Meta(ge=0, le=1000)] = 1000


class NewPipeline(Struct, kw_only=True):
    """`POST /pipelines`"""

    elements: Annotated[dict[str, dict[str, Any]], Meta(min_length=1, max_length=100)]
    project_id: Maybe[str] = UNSET
    options: Maybe[dict[str, Any]] = UNSET
    name: Maybe[Annotated[str, Meta(max_length=255)]] = UNSET
    description: Maybe[str] = UNSET


class PipelineChanges(Struct, kw_only=True):
    """`PATCH /pipelines/{id}`"""

    name: Maybe[Annotated[str, Meta(max_length=255)]] = UNSET
    description: Maybe[str] = UNSET
