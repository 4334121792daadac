"""Level two: what the parts of a document say of one another. Source: MDL specification; that an
objective may bring its own `expression` is decided here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set

from failwell.apis.matcraft.mdl import expression
from failwell.apis.matcraft.mdl.expression import Comparison, Formula, FormulaError
from failwell.apis.matcraft.mdl.model import Problem
from failwell.apis.matcraft.mdl.report import Path, Report


def check(problem: Problem, report: Report) -> None:
    """Report what does not fit together, as far as the parts can be read."""
    _unique("parameters", [one.name for one in problem.parameters], report)
    _unique("objectives", [one.name for one in problem.objectives], report)
    _apart(problem, report)
    numeric = {one.name for one in problem.parameters if one.type != "categorical"}
    known = numeric | {one.name for one in problem.parameters if not one.name}
    for place, objective in enumerate(problem.objectives):
        if objective.expression is not None:
            path: Path = ("objectives", place, "expression")
            _formula(path, objective.expression, expression.formula, known, report)
    for place, constraint in enumerate(problem.constraints):
        path = ("constraints", place, "expression")
        if constraint.expression or report.is_clean(path):
            _formula(path, constraint.expression, expression.comparison, known, report)


def _unique(key: str, names: Iterable[str], report: Report) -> None:
    seen: set[str] = set()
    for place, name in enumerate(names):
        if name in seen:
            rule = f"{key.removesuffix('s')}.name.unique"
            report.add((key, place, "name"), rule, f"Another of the {key} has this name", name)
        if name:
            seen.add(name)


def _apart(problem: Problem, report: Report) -> None:
    """Parameters and objectives are columns of one table."""
    taken = {one.name for one in problem.parameters if one.name}
    for place, objective in enumerate(problem.objectives):
        if objective.name in taken:
            path = ("objectives", place, "name")
            report.add(path, "objective.name.unique", "A parameter has this name", objective.name)


def _formula(
    path: Path,
    text: str,
    read: Callable[[str], Formula | Comparison],
    known: Set[str],
    report: Report,
) -> None:
    part = str(path[0]).removesuffix("s")
    try:
        unknown = sorted(read(text).names - known)
    except FormulaError as error:
        report.add(path, f"{part}.expression.syntax", str(error), text)
        return
    if unknown and report.is_clean(("parameters",)):
        message = f"There is no parameter with a number called {', '.join(unknown)}"
        report.add(path, f"{part}.expression.names", message, text)
