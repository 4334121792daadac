"""A campaign: a first sample, then CMA-ES whose candidates a surrogate screens.

Each generation the optimiser proposes more candidates than may be evaluated; the surrogate, which
is trained anew on all that is known, picks those that promise most; they are evaluated, and the
optimiser learns from them alone. Several objectives are searched by their weighted sum, each scaled
by the range seen so far, and constraints by a penalty; what is kept is the Pareto set.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Literal, TypeAlias

import numpy as np

from failwell.apis.matcraft.engine import space
from failwell.apis.matcraft.engine.evaluation import Laboratory
from failwell.apis.matcraft.engine.messages import Observation, Point, Progress
from failwell.apis.matcraft.engine.pareto import best
from failwell.apis.matcraft.engine.surrogate import Surrogate
from failwell.apis.matcraft.mdl.model import Problem

Matrix: TypeAlias = Any
End = Literal["completed", "converged"]

_PENALTY = 10.0
"""What a violation adds to a score, in widths of the objectives' ranges."""

_SMALLEST = 4
"""The least that CMA-ES learns from at a time."""

_PATIENCE, _GAIN = 10, 1e-6
"""A search has converged that has not gained so much, in ranges, in so many generations."""


class Campaign:
    """One run; it can be given up between any two batches."""

    def __init__(self, run: str, problem: Problem, prior: tuple[Observation, ...] = ()) -> None:
        self._id = run
        self._problem = problem
        self._laboratory = Laboratory(problem)
        self._names = tuple(one.name for one in problem.objectives)
        self._signs = np.array(
            [-1.0 if o.direction == "maximize" else 1.0 for o in problem.objectives]
        )
        self._weights = np.array([o.weight for o in problem.objectives])
        self._points: list[list[float]] = []
        self._values: list[list[float]] = []
        self._violations: list[float] = []
        self._bests: list[float] = []
        self._told = 0
        self._remember(prior)

    def steps(self) -> Iterator[Progress]:
        """Each batch as it has been evaluated; `end` says afterwards how it ended.

        Raises `EvaluationError` or `TrainingError`.
        """
        self.end: End = "completed"
        settings = self._problem.optimizer
        for batch in _batches(self._sample(), settings.batch_size):
            self._evaluate(batch)
            yield self._progress("sampling", None)
        strategy = self._strategy()
        while self._told < settings.budget:
            surrogate = self._trained()
            chosen = self._screened(strategy, surrogate)
            for batch in _batches(chosen, settings.batch_size):
                self._evaluate(batch)
                yield self._progress("optimizing", str(surrogate))
            if self._learn(strategy, chosen):
                self.end = "converged"
                return

    def _remember(self, prior: tuple[Observation, ...]) -> None:
        for row in prior:
            self._points.append(space.encode(self._problem, row.parameters))
            self._values.append([math.nan if v is None else v for v in row.objectives])
            self._violations.append(0.0)
        self._before = len(prior)

    def _sample(self) -> Matrix:
        """The first batch, spread over the cube as a Latin square is."""
        qmc: Any = import_module("scipy.stats.qmc")
        settings = self._problem.optimizer
        size = min(max(settings.batch_size, _SMALLEST), settings.budget)
        generator = qmc.LatinHypercube(len(self._problem.parameters), rng=settings.seed)
        return generator.random(size)

    def _strategy(self) -> Any:
        """CMA-ES around the best point so far; None where the method is random search."""
        settings, size = self._problem.optimizer, len(self._problem.parameters)
        self._dice = np.random.default_rng(settings.seed)
        if settings.method == "random":
            return None
        cmaes: Any = import_module("cmaes")
        scores = self._scored(np.array(self._values), np.array(self._violations))
        return cmaes.CMA(
            mean=np.array(self._points[int(np.argmin(scores))]),
            sigma=settings.sigma0,
            bounds=np.array([[0.0, 1.0]] * size),
            seed=settings.seed,
            population_size=max(settings.batch_size, _SMALLEST),
        )

    def _trained(self) -> Surrogate:
        surrogate = Surrogate(self._problem.optimizer)
        surrogate.train(self._points, self._values, self._names)
        return surrogate

    def _screened(self, strategy: Any, surrogate: Surrogate) -> Matrix:
        """The candidates that the surrogate expects most of, no more than the budget allows."""
        settings = self._problem.optimizer
        size = max(settings.batch_size, _SMALLEST)
        asked = max(settings.population, size)
        if strategy is None:
            candidates = self._dice.random((asked, len(self._problem.parameters)))
        else:
            candidates = np.array([strategy.ask() for _ in range(asked)])
        violations = [self._laboratory.violation(point) for point in candidates.tolist()]
        expected = self._scored(surrogate.predict(candidates), np.array(violations))
        order = np.argsort(expected, kind="stable")
        return candidates[order[: min(size, settings.budget - self._told)]]

    def _learn(self, strategy: Any, chosen: Matrix) -> bool:
        """Tell the strategy what came of its candidates; whether it has nowhere left to go."""
        if strategy is None or len(chosen) < strategy.population_size:
            return False
        known = self._scored(np.array(self._values), np.array(self._violations))
        scores = known[-len(chosen) :]
        strategy.tell([(point, float(score)) for point, score in zip(chosen, scores, strict=True)])
        return bool(strategy.should_stop()) or self._stands_still(float(known.min()))

    def _stands_still(self, best: float) -> bool:
        self._bests.append(best)
        before = self._bests[-_PATIENCE - 1 : -_PATIENCE]
        return bool(before) and before[0] - best < _GAIN

    def _evaluate(self, batch: Matrix) -> None:
        for point in batch.tolist():
            self._values.append(self._laboratory.measured(point))
            self._violations.append(self._laboratory.violation(point))
            self._points.append(point)
            self._told += 1

    def _scored(self, values: Matrix, violations: Matrix) -> Matrix:
        """How good these are: less is better, and what is not finite is worst. Objectives count
        by their weights, in ranges of what has been seen."""
        seen = np.array(self._values)
        with np.errstate(all="ignore"):
            low, high = np.fmin.reduce(seen), np.fmax.reduce(seen)
            width = np.where(high > low, high - low, 1.0)
            scores = ((values - low) / width * self._signs) @ self._weights
        return np.where(np.isfinite(scores), scores + _PENALTY * violations, np.inf)

    def _progress(
        self, phase: Literal["sampling", "optimizing"], surrogate: str | None
    ) -> Progress:
        settings = self._problem.optimizer
        return Progress(
            id=self._id,
            phase=phase,
            iteration=math.ceil(self._told / settings.batch_size),
            total_iterations=math.ceil(settings.budget / settings.batch_size),
            evaluations=self._told,
            pareto=self._pareto(),
            surrogate=surrogate,
        )

    def _pareto(self) -> tuple[Point, ...]:
        values = np.array(self._values)[self._before :] * self._signs
        violations = np.array(self._violations)[self._before :]
        places = [int(at) + self._before for at in best(values, violations)]
        return tuple(self._point(place) for place in places)

    def _point(self, place: int) -> Point:
        values = dict(zip(self._names, self._values[place], strict=True))
        parameters = space.decode(self._problem, self._points[place])
        return Point(parameters, values, self._violations[place])


def _batches(points: Matrix, size: int) -> Iterator[Matrix]:
    for at in range(0, len(points), size):
        yield points[at : at + size]
