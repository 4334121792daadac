"""Which evaluations are worth keeping?"""

from __future__ import annotations

from typing import Any

import numpy as np

MOST = 100
"""Points that are told of a Pareto set."""


def best(values: Any, violations: Any) -> list[int]:
    """The places of the evaluations that no other dominates, in order of the first objective.

    `values`, shape (n, objectives), are to be minimised; `violations`, shape (n,), say by how much
    constraints fail. Where nothing is feasible, it is the evaluation that fails least.
    """
    usable = np.flatnonzero(np.isfinite(values).all(axis=1))
    if not len(usable):
        return []
    feasible = usable[violations[usable] == 0]
    if not len(feasible):
        return [int(usable[np.argmin(violations[usable])])]
    seen = values[feasible]
    kept = [at for at in range(len(seen)) if not _is_dominated(seen, at)]
    kept.sort(key=lambda at: tuple(seen[at]))
    return [int(feasible[at]) for at in kept[:MOST]]


def _is_dominated(values: Any, at: int) -> bool:
    """Whether another is nowhere worse and somewhere better, or came before and is the same."""
    no_worse = (values <= values[at]).all(axis=1)
    better = (values < values[at]).any(axis=1)
    same_before = (values[:at] == values[at]).all(axis=1).any()
    return bool((no_worse & better).any() or same_before)
