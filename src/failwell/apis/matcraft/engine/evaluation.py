"""What an experiment would measure: the objectives' values, and whether the constraints hold.

An objective is computed by its own expression, else by the domain's formula of that name where a
parameter enters it. Any other is measured on a response surface: 1 at its best and 0 at its worst
(turned round where it is to be minimised), quadratic, with an optimum that only depends on the
names of domain, objective and parameters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import ParamSpec

from failwell.apis.matcraft.domains import DOMAINS
from failwell.apis.matcraft.engine import space
from failwell.apis.matcraft.engine.messages import Value
from failwell.apis.matcraft.mdl.expression import Comparison, Formula, comparison, formula
from failwell.apis.matcraft.mdl.model import Objective, Problem

P = ParamSpec("P")
Measure = Callable[[Mapping[str, float], Sequence[float]], float]


class EvaluationError(Exception):
    """The evaluation function raised an exception; the message says which, and for what."""


class Laboratory:
    """Evaluates the points of one problem."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._usual = DOMAINS[problem.domain].variables
        self._measures = [(one.name, _measure(problem, one)) for one in problem.objectives]
        self._constraints: list[tuple[Comparison, float]] = [
            (comparison(one.expression), one.tolerance) for one in problem.constraints
        ]

    def measured(self, point: Sequence[float]) -> list[float]:
        """The objectives' values at a point of the unit cube. Raises `EvaluationError`."""
        parameters = space.decode(self._problem, point)
        numbers = {**self._usual, **_numbers(parameters)}
        return [
            _guarded(name, parameters, measure, numbers, point) for name, measure in self._measures
        ]

    def violation(self, point: Sequence[float]) -> float:
        """By how much the constraints fail there, summed. Raises `EvaluationError`."""
        parameters = space.decode(self._problem, point)
        numbers = _numbers(parameters)
        violations = (
            _guarded("a constraint", parameters, one.violation, numbers, tolerance)
            for one, tolerance in self._constraints
        )
        return sum(violations, 0.0)


def properties(domain: str, values: Mapping[str, float]) -> dict[str, float]:
    """All that a domain's formulas give for these values, and its usual ones for the rest.

    Raises `EvaluationError`.
    """
    known = DOMAINS[domain]
    numbers = {**known.variables, **values}
    return {
        name: _guarded(name, values, formula(text).value, numbers)
        for name, text in known.properties.items()
    }


def optimum(domain: str, objective: str, parameter: str) -> float:
    """Where in [0.2, 0.8] of its range a parameter is best for a response surface."""
    digest = hashlib.sha256(f"{domain}/{objective}/{parameter}".encode()).digest()
    return 0.2 + 0.6 * int.from_bytes(digest[:4]) / 0xFFFFFFFF


def _measure(problem: Problem, objective: Objective) -> Measure:
    if objective.expression is not None:
        return _formula(formula(objective.expression))
    known = DOMAINS[problem.domain].properties.get(objective.name)
    varied = {one.name for one in problem.parameters if one.type != "categorical"}
    if known is not None and formula(known).names & varied:
        return _formula(formula(known))
    return _surface(problem, objective)


def _formula(of: Formula) -> Measure:
    return lambda numbers, _: of.value(numbers)


def _surface(problem: Problem, objective: Objective) -> Measure:
    best = [optimum(problem.domain, objective.name, one.name) for one in problem.parameters]
    worst = sum(max(at, 1 - at) ** 2 for at in best)

    def measure(_: Mapping[str, float], point: Sequence[float]) -> float:
        away = sum((at - to) ** 2 for at, to in zip(point, best, strict=True)) / worst
        return away if objective.direction == "minimize" else 1 - away

    return measure


def _numbers(values: Mapping[str, Value]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if not isinstance(value, str)}


def _guarded(
    what: str,
    values: Mapping[str, Value],
    compute: Callable[P, float],
    *args: P.args,
    **options: P.kwargs,
) -> float:
    try:
        return compute(*args, **options)
    except (ArithmeticError, LookupError, ValueError) as error:
        shown = ", ".join(f"{name}={value}" for name, value in list(values.items())[:8])
        said = f"{type(error).__name__}: {error}"
        raise EvaluationError(f"The evaluation of {what} raised {said} ({shown})") from error
