"""The runs that a request asks for: its conditions, or a design of experiments by a grid, at random
or by a Latin hypercube."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from statistics import NormalDist

import msgspec

from failwell.apis.ionworks.bodies import invalid
from failwell.apis.ionworks.orders import Design, DesignRow, Inputs, NewSimulations

MOST_RUNS = 1000
_SEED = 0

Row = dict[str, float]


class Run(msgspec.Struct, frozen=True):
    """One simulation to be: the inputs of its protocol, and what is varied of its cell."""

    inputs: Inputs
    design: dict[str, float]


def planned(new: NewSimulations) -> list[Run]:
    """The runs that a request asks for, by its conditions, its design, or neither.

    Raises the 422 for a design that makes none, or too many.
    """
    if new.conditions is not None and new.design_parameters_doe is not None:
        raise invalid(("body", "conditions"), "Give conditions or design_parameters_doe, not both")
    if new.conditions is not None:
        return [Run(one.experiment_parameters, one.design_parameters) for one in new.conditions]
    design = new.design_parameters_doe
    designs: list[dict[str, float]] = runs(design) if design else [{}]
    sets = new.experiment_parameter_sets
    if len(sets) * len(designs) > MOST_RUNS:
        raise invalid(("body",), f"These are more than {MOST_RUNS} simulations")
    return [Run(inputs, design) for inputs in sets for design in designs]


def runs(design: Design) -> list[Row]:
    """The parameters of each run; the same design gives the same runs.

    Raises the 422 for a row that lacks what its type needs, and for too many runs.
    """
    rows = [(row.name, _spread(row)) for row in design.rows]
    if design.sampling == "grid":
        return _grid(design)
    count, rng = design.count or 1, random.Random(_SEED)
    shares = [_shares(design.sampling, count, rng) for _ in rows]
    return [
        {name: spread(share[n]) for (name, spread), share in zip(rows, shares, strict=True)}
        for n in range(count)
    ]


def _grid(design: Design) -> list[Row]:
    names = [row.name for row in design.rows]
    levels = [_levels(row) for row in design.rows]
    if math.prod(map(len, levels)) > MOST_RUNS:
        raise _wrong(f"This grid has more than {MOST_RUNS} runs")
    return [dict(zip(names, run, strict=True)) for run in itertools.product(*levels)]


def _levels(row: DesignRow) -> list[float]:
    if row.values is not None:
        return list(row.values)
    if row.count is None:
        raise _wrong(f"The row {row.name!r} needs values or a count")
    spread = _spread(row)
    if row.type == "range":
        return [spread(n / max(row.count - 1, 1)) for n in range(row.count)]
    return [spread((n + 0.5) / row.count) for n in range(row.count)]


def _shares(sampling: str, count: int, rng: random.Random) -> list[float]:
    """Where in a parameter's distribution each run is, from 0 to 1."""
    if sampling == "random":
        return [rng.random() for _ in range(count)]
    strata = list(range(count))
    rng.shuffle(strata)
    return [(stratum + rng.random()) / count for stratum in strata]


def _spread(row: DesignRow) -> Callable[[float], float]:
    """The parameter's value at a share of its distribution."""
    if row.type == "discrete" and row.values is not None:
        values = row.values
        return lambda share: values[min(int(share * len(values)), len(values) - 1)]
    if row.type == "range" and row.min is not None and row.max is not None:
        low, width = row.min, row.max - row.min
        return lambda share: low + share * width
    if row.type == "normal" and row.mean is not None and row.std:
        normal = NormalDist(row.mean, row.std)
        return lambda share: normal.inv_cdf(min(max(share, 1e-9), 1 - 1e-9))
    needs = {"discrete": "values", "range": "min and max", "normal": "mean and std"}[row.type]
    raise _wrong(f"The row {row.name!r} is {row.type} and needs {needs}")


def _wrong(message: str) -> Exception:
    return invalid(("body", "design_parameters_doe", "rows"), message)
