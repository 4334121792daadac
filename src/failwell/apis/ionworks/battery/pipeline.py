"""Runs a pipeline: its elements in order, each with the parameters that those before it gave.

Source: the shapes are those of `ionworks_schema.Pipeline`: entries, calculations, data fits and
validations; the model is the circuit ("ECM"), the objective `CurrentDriven`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, cast

import msgspec

from failwell.apis.ionworks.battery import steps, tables
from failwell.apis.ionworks.battery.calculations import UnknownElementError, calculate
from failwell.apis.ionworks.battery.chemistry import open_circuit
from failwell.apis.ionworks.battery.circuit import INITIAL_SOC, OPEN_CIRCUIT
from failwell.apis.ionworks.battery.fit import Experiment, Free, errors, fit
from failwell.apis.ionworks.battery.tables import Table

Element: TypeAlias = Mapping[str, Any]
Load: TypeAlias = Callable[[str], Table]
"""The time series of the measurement with this id."""

_DEFAULTS: Element = {INITIAL_SOC: 1.0, OPEN_CIRCUIT: open_circuit("NMC/Graphite")}


def run(elements: Mapping[str, Element], load: Load) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each element's name and result; its `parameter_values` are known to those after it.

    Raises whatever an element's calculation raises.
    """
    known = dict(_DEFAULTS)
    for name, element in elements.items():
        result = _KINDS[element["element_type"]](element, known, load)
        known |= result["parameter_values"]
        yield name, result


def _entry(element: Element, known: Mapping[str, Any], load: Load) -> dict[str, Any]:
    return {"parameter_values": dict(element["values"])}


def _calculation(element: Element, known: Mapping[str, Any], load: Load) -> dict[str, Any]:
    return {"parameter_values": calculate(element["type"], known)}


def _data_fit(element: Element, known: Mapping[str, Any], load: Load) -> dict[str, Any]:
    optimizer: dict[str, Any] = element.get("optimizer") or {"type": "ScipyLeastSquares"}
    if optimizer["type"] != "ScipyLeastSquares":
        raise UnknownElementError(f"there is no {optimizer['type']} here: use ScipyLeastSquares")
    free = msgspec.convert(element["parameters"], dict[str, Free], strict=False)
    return fit(_experiments(element, load), free, known)


def _validation(element: Element, known: Mapping[str, Any], load: Load) -> dict[str, Any]:
    compared = {
        name: errors(experiment, known) for name, experiment in _experiments(element, load).items()
    }
    return {"parameter_values": {}, "summary_stats": compared}


_KINDS = {
    "entry": _entry,
    "calculation": _calculation,
    "data_fit": _data_fit,
    "validation": _validation,
}


def _experiments(element: Element, load: Load) -> dict[str, Experiment]:
    return {name: _experiment(one, load) for name, one in element["objectives"].items()}


def _experiment(objective: Mapping[str, Any], load: Load) -> Experiment:
    if objective["type"] != "CurrentDriven":
        raise UnknownElementError(f"there is no objective {objective['type']!r}: CurrentDriven")
    given = objective["options"]["model"]
    model: dict[str, Any] = {"type": given} if isinstance(given, str) else given
    if model["type"] != "ECM":
        raise UnknownElementError(f"there is no model {model['type']!r} here: ECM")
    options: dict[str, Any] = model.get("options") or {}
    return Experiment(_series(objective["data"], load), int(options.get("rc pairs", 0)))


def _series(data: Any, load: Load) -> Table:
    """A measurement by its id ("db:…"), or the columns themselves."""
    if isinstance(data, str):
        return load(data.removeprefix("db:"))
    columns = cast("dict[str, Any]", data)
    columns = columns.get("data") or columns.get("time_series") or columns
    return tables.table_of(columns, *steps.ELECTRIC)
