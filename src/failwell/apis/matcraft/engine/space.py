"""The unit cube in which the optimiser searches, and the values that its points stand for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from failwell.apis.matcraft.engine.messages import Value
from failwell.apis.matcraft.mdl.model import Parameter, Problem


def decode(problem: Problem, point: Sequence[float]) -> dict[str, Value]:
    """The parameter values at a point of the cube."""
    return {
        parameter.name: _value(parameter, float(at))
        for parameter, at in zip(problem.parameters, point, strict=True)
    }


def encode(problem: Problem, values: Mapping[str, Value]) -> list[float]:
    """The point of the cube at which these values stand; outside of its bounds on its faces.

    Raises `KeyError` or `ValueError` for values that are not of these parameters.
    """
    return [_at(parameter, values[parameter.name]) for parameter in problem.parameters]


def _value(parameter: Parameter, at: float) -> Value:
    low, high = parameter.bounds
    match parameter.type:
        case "categorical":
            last = len(parameter.choices) - 1
            return parameter.choices[min(int(at * len(parameter.choices)), last)]
        case "integer":
            return int(min(low + math.floor(at * (high - low + 1)), high))
        case "continuous" if parameter.log_scale:
            return _within(low, high, low * (high / low) ** at)
        case _:
            return _within(low, high, low * (1 - at) + high * at)


def _at(parameter: Parameter, value: Value) -> float:
    low, high = parameter.bounds
    if parameter.type == "categorical":
        return (parameter.choices.index(str(value)) + 0.5) / len(parameter.choices)
    number = float(value)
    if parameter.type == "integer":
        return _within(0.0, 1.0, (number - low + 0.5) / (high - low + 1))
    if parameter.log_scale:
        number = max(number, low)
        return _within(0.0, 1.0, math.log(number / low) / math.log(high / low))
    return _within(0.0, 1.0, (number - low) / (high - low))


def _within(low: float, high: float, value: float) -> float:
    return min(max(value, low), high)
