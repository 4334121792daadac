"""The surrogate: a Gaussian process over the unit cube, trained on what has been evaluated.

One model serves all objectives, each standardised. It is a Gaussian process whichever surrogate a
document names: with a few hundred evaluations it learns more than a network would.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import numpy as np

LATEST = 80
"""Evaluations that it is trained on, the latest ones; the cost grows with their cube."""

_STEPS = 15
"""Steps that the search for a kernel may take."""


class TrainingError(Exception):
    """Training gave NaN or failed; the message says what it was trained on."""


class Surrogate:
    """Predicts objectives at points that have not been evaluated."""

    def __init__(self) -> None:
        process: Any = import_module("sklearn.gaussian_process")
        smooth = process.kernels.Matern(0.5, (0.02, 20.0), nu=2.5)
        noise = process.kernels.WhiteKernel(1e-6, (1e-9, 0.1))
        self._model: Any = process.GaussianProcessRegressor(smooth + noise, optimizer=_fitted)
        self._mean = self._scale = np.zeros(0)

    def train(self, points: Any, objectives: Any, names: tuple[str, ...]) -> None:
        """Learn from points, shape (n, parameters), and objectives, shape (n, objectives).

        Raises `TrainingError`.
        """
        at, seen = np.asarray(points)[-LATEST:], np.asarray(objectives, float)[-LATEST:]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._mean, self._scale = seen.mean(axis=0), seen.std(axis=0)
            standardised = (seen - self._mean) / self._scale
            try:
                self._model.fit(at, standardised)
            except (ValueError, np.linalg.LinAlgError) as error:
                raise TrainingError(_told(error, seen, names)) from error

    def predict(self, points: Any) -> Any:
        """The objectives to be expected, shape (n, objectives)."""
        expected = self._model.predict(np.asarray(points)).reshape(len(points), -1)
        return expected * self._scale + self._mean

    def __str__(self) -> str:
        return f"gaussian_process {self._model.kernel_}"


def _fitted(objective: Any, start: Any, bounds: Any) -> tuple[Any, float]:
    """The kernel's parameters of the highest likelihood that a short search finds."""
    search: Any = import_module("scipy.optimize")
    options = {"maxiter": _STEPS}
    found = search.minimize(
        objective, start, jac=True, bounds=bounds, method="L-BFGS-B", options=options
    )
    return found.x, found.fun


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
