"""The cells that simulations are of: a quick model, parameters, or the id of either."""

from __future__ import annotations

from typing import Any

import msgspec

from failwell.apis.ionworks.battery.chemistry import CHEMISTRIES, quick_model
from failwell.apis.ionworks.battery.circuit import circuit_of, is_parameter
from failwell.apis.ionworks.bodies import checked, invalid
from failwell.apis.ionworks.contract import IONWORKS
from failwell.apis.ionworks.orders import QuickModel
from failwell.apis.ionworks.records import Records, minted

_WHERE = ("body", "parameterized_model")


class Model(msgspec.Struct, frozen=True):
    """A parameterized model: its id, its project, and the parameters of its circuit."""

    id: str
    project: str
    parameters: dict[str, Any]

    def varied(self, design: dict[str, float]) -> dict[str, Any]:
        """Its parameters, some of them replaced. Raises the 422 for a name it does not have."""
        unknown = [name for name in design if name not in self.parameters]
        if unknown:
            message = f"The model has no parameter {unknown[0][:80]!r}"
            raise invalid(("body", "design_parameters"), message)
        return _sound({**self.parameters, **design}, ("body", "design_parameters"))


class Models:
    """The parameterized models in the database; the same parameters are one model a project."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def of(self, given: str | dict[str, Any], project: str, projects: frozenset[str]) -> Model:
        """The model that a request describes; a new one where it is new.

        Raises the 404 for an id that is not known, the 422 for a description that makes none.
        """
        if isinstance(given, str):
            return self._known(given, projects)
        if "quick_model" in given:
            return self._kept(project, _quick(given["quick_model"]))
        own = given.get("parameters")
        if not isinstance(own, dict):
            raise invalid(_WHERE, "Give a quick_model, or a model_id with parameters, or an id")
        base = given.get("model_id")
        known = self._known(base, projects).parameters if isinstance(base, str) else {}
        parameters = {**known, **msgspec.convert(own, dict[str, Any])}
        return self._kept(project, _sound(parameters, _WHERE))

    def _known(self, identifier: str, projects: frozenset[str]) -> Model:
        row = self._records.row("SELECT * FROM models WHERE id = ?", identifier)
        if row is None or row["project"] not in projects:
            message = f"There is no parameterized model {identifier[:80]}"
            raise IONWORKS.fail("NOT_FOUND", message=message)
        return Model(row["id"], row["project"], msgspec.json.decode(row["parameters"]))

    def _kept(self, project: str, parameters: dict[str, Any]) -> Model:
        text = msgspec.json.encode(parameters, order="sorted").decode()
        self._records.write(
            "INSERT OR IGNORE INTO models VALUES (?, ?, ?)", minted(), project, text
        )
        row = self._records.row(
            "SELECT id FROM models WHERE project = ? AND parameters = ?", project, text
        )
        assert row is not None
        return Model(row["id"], project, msgspec.json.decode(text))


def _quick(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise invalid((*_WHERE, "quick_model"), "Must be an object", "model_type")
    quick = checked(given, QuickModel, (*_WHERE, "quick_model"))
    if quick.chemistry not in CHEMISTRIES:
        known = ", ".join(CHEMISTRIES)
        raise invalid((*_WHERE, "quick_model", "chemistry"), f"Must be one of {known}")
    return quick_model(quick.capacity, quick.chemistry, quick.resistance_pct)


def _sound(parameters: dict[str, Any], where: tuple[str, ...]) -> dict[str, Any]:
    """The parameters, of which a circuit can be made. Raises the 422 where none can."""
    try:
        circuit_of(parameters)
    except KeyError as error:
        raise invalid(where, f"The model lacks the parameter {error}") from None
    except (ValueError, TypeError, msgspec.ValidationError) as error:
        raise invalid(where, str(error)) from None
    kept = {name: value for name, value in parameters.items() if is_parameter(name)}
    return {**parameters, **{name: float(value) for name, value in kept.items()}}
