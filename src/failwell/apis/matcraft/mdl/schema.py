"""Level one: what a document has, of which type, how large. Source: MDL specification."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from failwell.apis.matcraft.domains import DOMAINS
from failwell.apis.matcraft.mdl import meaning
from failwell.apis.matcraft.mdl.document import Document
from failwell.apis.matcraft.mdl.fields import Fields, is_number, is_whole
from failwell.apis.matcraft.mdl.model import (
    Constraint,
    Direction,
    Objective,
    Optimizer,
    Parameter,
    ParameterType,
    Problem,
)
from failwell.apis.matcraft.mdl.report import Report

_TITLE = r"[A-Za-z0-9_-]{1,128}"
_IDENTIFIER = r"[A-Za-z][A-Za-z0-9_]{0,63}"
_IDENTIFIER_RULE = "Give a letter, then letters, digits or _, 64 characters at most"
_LONGEST_WORD = 256


def parse(document: Document) -> Problem:
    """The problem that this document states. Raises `MistakesError` with all that is wrong."""
    report = Report(document.lines)
    fields = Fields(document.value, (), "", report)
    problem = Problem(
        name=fields.name("name", _TITLE, "Give 1 to 128 letters, digits, _ or -"),
        domain=fields.choice("domain", tuple(DOMAINS)),
        description=fields.text("description", 1024),
        version=_version(fields),
        parameters=tuple(_each(fields, "parameters", 1, 100, _parameter)),
        objectives=tuple(_each(fields, "objectives", 1, 5, _objective)),
        constraints=tuple(_each(fields, "constraints", 0, 20, _constraint)),
        optimizer=_optimizer(fields),
    )
    meaning.check(problem, report)
    report.raise_any()
    return problem


def _each(fields: Fields, key: str, least: int, most: int, read: Any) -> list[Any]:
    part = key.removesuffix("s")
    return [
        read(Fields(item, (key, place), part, fields.report))
        for place, item in enumerate(fields.items(key, least, most))
    ]


def _version(fields: Fields) -> str:
    """The version; `1.0` without quotes is a number in YAML, and is meant as well."""
    value = fields.raw("version")
    if value in (None, "1.0") or (isinstance(value, float) and value == 1.0):
        return "1.0"
    fields.wrong("version", "choice", 'Use "1.0"', value)
    return "1.0"


def _parameter(fields: Fields) -> Parameter:
    kind = fields.choice("type", ("continuous", "integer", "categorical"))
    parameter = Parameter(
        name=fields.name("name", _IDENTIFIER, _IDENTIFIER_RULE),
        type=cast(ParameterType, kind),
        log_scale=fields.flag("log_scale"),
    )
    if kind == "categorical":
        choices = _choices(fields)
        parameter = msgspec.structs.replace(parameter, choices=choices)
    elif kind:
        bounds = _bounds(fields, parameter)
        parameter = msgspec.structs.replace(parameter, bounds=bounds)
    if parameter.log_scale and kind in ("integer", "categorical"):
        fields.wrong("log_scale", "continuous", "Only a continuous parameter has it", True)
    return parameter


def _choices(fields: Fields) -> tuple[str, ...]:
    choices = fields.items("choices", 2, 50)
    if not all(isinstance(one, str) and len(one) <= _LONGEST_WORD for one in choices):
        fields.wrong("choices", "words", "Give words as choices", choices)
        return ()
    if len(set(choices)) < len(choices):
        fields.wrong("choices", "unique", "Give each choice once", choices)
    return tuple(choices)


def _bounds(fields: Fields, parameter: Parameter) -> tuple[float, float]:
    if not fields.is_there("bounds", required=True):
        return 0.0, 1.0
    given = fields.raw("bounds")
    bounds = cast("list[Any]", given) if isinstance(given, list) else []
    if len(bounds) != 2 or not all(is_number(one) for one in bounds):
        fields.wrong("bounds", "numbers", "Give two finite numbers", given)
        return 0.0, 1.0
    low, high = bounds
    if parameter.type == "integer" and not (is_whole(low) and is_whole(high)):
        fields.wrong("bounds", "whole", "Bounds of an integer are whole numbers", given)
    if not low < high:
        said = f"Parameter {parameter.name!r} has inverted bounds [{low}, {high}]"
        fields.wrong("bounds", "order", "Lower bound must be less than upper bound", given, said)
    elif parameter.log_scale and parameter.type == "continuous" and low <= 0:
        fields.wrong("bounds", "positive", "Bounds on a log scale are above 0", given)
    return float(low), float(high)


def _objective(fields: Fields) -> Objective:
    direction = fields.choice("direction", ("maximize", "minimize"))
    weight = fields.number("weight", lambda value: value > 0, "Give a number above 0", 1.0)
    reference = fields.number("reference_point", lambda _: True, "Give a finite number", None)
    return Objective(
        name=fields.name("name", _IDENTIFIER, _IDENTIFIER_RULE),
        direction=cast(Direction, direction),
        weight=1.0 if weight is None else weight,
        reference_point=reference,
        expression=fields.text("expression", 1000) or None,
    )


def _constraint(fields: Fields) -> Constraint:
    fields.is_there("expression", required=True)
    tolerance = fields.number("tolerance", lambda value: value >= 0, "Give 0 or more", 1e-6)
    return Constraint(
        expression=fields.text("expression", 1000),
        tolerance=1e-6 if tolerance is None else tolerance,
    )


def _optimizer(top: Fields) -> Optimizer:
    if not top.has("optimizer"):
        return Optimizer()
    fields = Fields(top.raw("optimizer"), ("optimizer",), "optimizer", top.report)
    batch = fields.whole("batch_size", 1, 200, 10)
    return Optimizer(
        method=fields.choice("method", ("cma-es", "random"), "cma-es"),
        budget=fields.whole("budget", 1, 10_000, 100),
        batch_size=batch,
        surrogate=fields.choice("surrogate", ("mlp", "gp"), "gp"),
        seed=fields.whole("seed", 0, 2**32 - 1, 0),
        sigma0=fields.between("sigma0", 0.05, 0.5, 0.3),
        population=fields.whole("population", 10, 200, max(10, min(4 * batch, 200))),
        learning_rate=fields.between("learning_rate", 1e-4, 0.01, 1e-3),
        epochs=fields.whole("epochs", 50, 1000, 200),
        dropout=fields.between("dropout", 0.0, 0.5, 0.0),
        activation=fields.choice("activation", ("relu", "tanh", "silu"), "relu"),
    )
