"""A Gaussian process that learns objectives: of few evaluations, more than a network would."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

_STEPS = 15
"""Steps that the search for a kernel may take."""


class GaussianProcess:
    """Learns from points of the unit cube, shape (n, parameters), and from standardised objectives,
    shape (n, objectives); one kernel serves them all."""

    latest = 80
    """Evaluations that it is trained on, the latest ones; the cost grows with their cube."""

    def __init__(self) -> None:
        process: Any = import_module("sklearn.gaussian_process")
        smooth = process.kernels.Matern(0.5, (0.02, 20.0), nu=2.5)
        noise = process.kernels.WhiteKernel(1e-6, (1e-9, 0.1))
        self._model: Any = process.GaussianProcessRegressor(smooth + noise, optimizer=_fitted)

    def fit(self, points: Any, objectives: Any) -> None:
        """Forget what was learnt, and learn. Raises `ValueError` where that fails."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._model.fit(points, objectives)

    def predict(self, points: Any) -> Any:
        """The objectives to be expected."""
        return self._model.predict(points).reshape(len(points), -1)

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
