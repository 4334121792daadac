"""The surrogate: a model over the unit cube, trained on what has been evaluated.

One model serves all objectives, each standardised: a Gaussian process, or the network that a
document names by `surrogate: mlp`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from failwell.apis.matcraft.engine.gaussian import GaussianProcess
from failwell.apis.matcraft.engine.network import Network
from failwell.apis.matcraft.mdl.model import Optimizer


class TrainingError(Exception):
    """Training gave NaN or failed; the message says what it was trained on."""


class Surrogate:
    """Predicts objectives at points that have not been evaluated."""

    def __init__(self, settings: Optimizer) -> None:
        self._model = Network(settings) if settings.surrogate == "mlp" else GaussianProcess()
        self._mean = self._scale = np.zeros(0)

    def train(self, points: Any, objectives: Any, names: tuple[str, ...]) -> None:
        """Learn from points, shape (n, parameters), and objectives, shape (n, objectives).

        Raises `TrainingError`.
        """
        latest = self._model.latest
        at, seen = np.asarray(points)[-latest:], np.asarray(objectives, float)[-latest:]
        with np.errstate(all="ignore"):
            self._mean, self._scale = seen.mean(axis=0), seen.std(axis=0)
            standardised = (seen - self._mean) / self._scale
            try:
                self._model.fit(at, standardised)
            except (ValueError, np.linalg.LinAlgError) as error:
                raise TrainingError(_told(error, seen, names)) from error

    def predict(self, points: Any) -> Any:
        """The objectives to be expected, shape (n, objectives)."""
        return self._model.predict(np.asarray(points)) * self._scale + self._mean

    def __str__(self) -> str:
        return str(self._model)


def _told(error: Exception, seen: Any, names: tuple[str, ...]) -> str:
    causes = [
        f"objective {name} {_fault(column)}"
        for name, column in zip(names, seen.T, strict=True)
        if _fault(column)
    ]
    reason = "; ".join(causes) or str(error).partition("\n")[0]
    return f"Training on {len(seen)} evaluations produced NaN or failed: {reason}"


def _fault(column: Any) -> str | None:
    if not np.isfinite(column).all():
        return "has values that are not finite"
    return "is constant" if column.std() == 0 else None
