"""Simulations and jobs: what the clients do with them, told once for sync and async."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from failwell.apis.ionworks.client import answered
from failwell.apis.ionworks.client.asked import fields, path, write
from failwell.apis.ionworks.client.cells import get
from failwell.apis.ionworks.client.ends import reason_of
from failwell.apis.ionworks.client.records import Job, Page, Simulation, SubmittedSimulation
from failwell.apis.ionworks.exceptions import JOB_FAILED, JOB_TIMEOUT
from failwell.apis.operation import Ask, Operation
from failwell.errors import InvalidRequestError
from failwell.flows.ending import Finished
from failwell.job import Job as Kind

SIMULATIONS, JOBS = "simulations", "jobs"

Which: TypeAlias = str | SubmittedSimulation | Simulation
"""A simulation: by its id, as it was submitted, or as it was read."""
Many: TypeAlias = list[Which] | list[str] | list[SubmittedSimulation] | tuple[Which, ...]

_QUICK = frozenset({"capacity", "chemistry", "resistance_pct", "cell_spec_id"})
_FULL = frozenset({"quick_model", "model_id", "parameters"})
_KEYS = frozenset(
    {"parameterized_model", "protocol_experiment", "protocol_id", "experiment_parameters"}
    | {"design_parameters_doe", "conditions", "max_backward_jumps", "study_id", "project_id"}
    | {"extra_variables"}
)


def submit(config: Mapping[str, Any], project: str | None) -> Operation[list[SubmittedSimulation]]:
    """The simulations that a configuration asks for, submitted: its protocol is made a template
    first, unless it names one."""
    given = _checked(config)
    template, project = given.get("protocol_id"), given.get("project_id") or project
    if template is None:
        template = yield from _template(given, project)
    else:
        project = given.get("project_id")
    body: dict[str, Any] = {
        "parameterized_model": _model(given.get("parameterized_model")),
        "experiment_template_id": template,
        "experiment_parameter_sets": [_inputs(given)],
        "conditions": _conditions(given),
        "project_id": project,
        **{name: given.get(name) for name in _AS_THEY_ARE},
    }
    response, _ = yield from write("POST", f"{SIMULATIONS}/with-template/batch", _said(body))
    made = answered.read(response, list[SubmittedSimulation])
    return [msgspec.structs.replace(each, protocol_id=str(template)) for each in made]


_AS_THEY_ARE = ("design_parameters_doe", "max_backward_jumps", "study_id", "extra_variables")


def single(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of one simulation, whose `design_parameters` are numbers by name.

    Raises `InvalidRequestError` for one that asks for several.
    """
    given = fields(config, "The configuration")
    several = [name for name in ("conditions", "design_parameters_doe") if name in given]
    if several:
        raise InvalidRequestError.of(
            f"protocol() runs one simulation: give {several[0]!r} to protocol_batch()"
        )
    design = given.pop("design_parameters", None)
    if design:
        rows = [{"type": "discrete", "name": n, "values": [v]} for n, v in design.items()]
        given["design_parameters_doe"] = {"sampling": "grid", "rows": rows}
    return given


def _checked(config: Mapping[str, Any]) -> dict[str, Any]:
    given = fields(config, "The configuration")
    unknown = sorted(set(given) - _KEYS)
    if unknown:
        known = ", ".join(sorted(_KEYS))
        raise InvalidRequestError.of(f"The configuration has no {unknown[0]!r}; it has {known}")
    if (given.get("protocol_experiment") is None) == (given.get("protocol_id") is None):
        raise InvalidRequestError.of("Give either a protocol_experiment or a protocol_id")
    if given.get("conditions") and given.get("design_parameters_doe"):
        raise InvalidRequestError.of("Give either conditions or design_parameters_doe")
    return given


def _template(given: Mapping[str, Any], project: str | None) -> Operation[str]:
    """The template of a protocol; the same text is one template. It is to know of every input
    that any run gives."""
    inputs: dict[str, Any] = {}
    for run in _runs(given):
        inputs = {**_inputs(run), **inputs}
    body: dict[str, Any] = {
        "protocol_experiment": given["protocol_experiment"],
        "experiment_parameters": inputs | _inputs(given),
        "project_id": project,
    }
    response, _ = yield from write("POST", "protocols/parse-to-template", _said(body))
    return answered.read(response, _Template).template_id


def _said(body: Mapping[str, Any]) -> dict[str, Any]:
    """What is given; Ionworks has its own defaults for the rest."""
    return {name: value for name, value in body.items() if value is not None}


def _inputs(of: Mapping[str, Any]) -> dict[str, Any]:
    return dict(of.get("experiment_parameters") or {})


def _runs(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [fields(run, "A condition") for run in given.get("conditions") or ()]


class _Template(msgspec.Struct, frozen=True):
    template_id: str


def _model(given: Any) -> Any:
    """A quick model may be given by its fields alone."""
    if not isinstance(given, Mapping):
        return given
    model: dict[str, Any] = {**given}
    is_quick = bool(_QUICK & set(model)) and not _FULL & set(model)
    return {"quick_model": model} if is_quick else model


def _conditions(given: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The runs, each with the inputs that all of them share."""
    shared = _inputs(given)
    runs = _runs(given)
    return [{**run, "experiment_parameters": {**shared, **_inputs(run)}} for run in runs] or None


def get_simulation(identifier: str) -> Operation[Simulation]:
    """The simulation with this id."""
    return get(SIMULATIONS, Simulation, identifier)


def list_jobs() -> Operation[Page[Job]]:
    """The newest jobs."""
    response, _ = yield from Ask("GET", f"{JOBS}/")
    return answered.page(response, Job)


def cancel_job(identifier: str) -> Operation[Job]:
    """The job, cancelled; one that is over stays as it is."""
    response, _ = yield from Ask("POST", path(JOBS, identifier, "cancel"))
    return answered.read(response, Job)


def several(which: Which | Many) -> Sequence[Which]:
    """The simulations meant, one or many."""
    return [which] if isinstance(which, (str, SubmittedSimulation, Simulation)) else which


def under_way(which: Which) -> Operation[Simulation]:
    """The simulation, with the id of its job."""
    if isinstance(which, SubmittedSimulation):
        return Simulation(id=which.simulation_id, job_id=which.job_id)
    if isinstance(which, Simulation):
        return which
    return (yield from get_simulation(which))


def job_of(simulation: Simulation, seconds: float) -> tuple[str, Kind]:
    """The job of a simulation, and how it is watched every so many `seconds`."""
    if simulation.job_id is None:
        return result_of(simulation, seconds)
    kind = _every(
        seconds,
        url=f"{JOBS}/{{id}}",
        cancel=("POST", f"{JOBS}/{{id}}/cancel"),
        name=f"Simulation {simulation.id}, job",
        resume=_resume(simulation),
    )
    return simulation.job_id, kind


def result_of(simulation: Simulation, seconds: float) -> tuple[str, Kind]:
    """A simulation whose job is done, and how it is watched: its `storage_folder` ends the wait."""
    kind = _every(
        seconds,
        url=f"{SIMULATIONS}/{{id}}",
        state=_stored,
        name="Simulation",
        resume=_resume(simulation),
    )
    return simulation.id, kind


def _stored(record: dict[str, Any]) -> str:
    return "completed" if record.get("storage_folder") else "storing"


def together(
    found: Sequence[Simulation], ended: Sequence[Finished], stored: Iterable[Finished]
) -> list[Simulation]:
    """The simulations as they are at the end, each with the state of its job; `stored` are the
    ends of those whose job went well."""
    results = iter(stored)
    return [
        _done(next(results)) if end.error is None else _failed(simulation, end)
        for simulation, end in zip(found, ended, strict=True)
    ]


def _done(end: Finished) -> Simulation:
    simulation = answered.read(end.response, Simulation)
    return msgspec.structs.replace(simulation, status=end.state)


def _failed(simulation: Simulation, end: Finished) -> Simulation:
    return msgspec.structs.replace(simulation, status=end.state, error=reason_of(end))


def _resume(simulation: Simulation) -> str:
    return f"client.simulation.wait_for_completion({simulation.id!r})"


def pipeline_job(seconds: float) -> Kind:
    """How a pipeline is watched, every so many `seconds`."""
    return _every(
        seconds,
        url="pipelines/{id}",
        cancel=("POST", "pipelines/{id}/cancel"),
        name="Pipeline",
        resume="client.pipeline.wait_for_completion('{id}')",
    )


def _every(seconds: float, **how: Any) -> Kind:
    if not seconds > 0:
        raise InvalidRequestError.of(f"poll_interval={seconds!r}: must be above 0 seconds")
    states: dict[str, Any] = {
        "succeeded": frozenset({"completed"}),
        "failed": frozenset({"failed"}),
        "cancelled": frozenset({"canceled"}),
        "failed_error": JOB_FAILED,
        "timeout_error": JOB_TIMEOUT,
    }
    return Kind(first=seconds, growth=1.0, cap=seconds, **states, **how)
