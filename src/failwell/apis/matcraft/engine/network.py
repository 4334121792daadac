"""A small neural network that learns objectives: two hidden layers, trained by Adam on small
batches, with the settings that a document states for its `mlp` surrogate. (Of those, scikit-learn's
own network knows neither dropout nor SiLU.)

Sources: Kingma and Ba, "Adam" (2015), algorithm 1; Srivastava et al., "Dropout" (2014).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from failwell.apis.matcraft.mdl.model import Optimizer

Matrix: TypeAlias = Any

_WIDTH = 32
"""Units of each of the hidden layers."""

_BATCH = 16
"""Points of a step."""


class Network:
    """Learns from points of the unit cube, shape (n, parameters), and from standardised objectives,
    shape (n, objectives)."""

    latest = 256
    """Evaluations that it is trained on, the latest ones."""

    def __init__(self, settings: Optimizer) -> None:
        self._settings = settings
        self._activation = _ACTIVATIONS[settings.activation]
        self._weights: list[Matrix] = []
        self._biases: list[Matrix] = []

    def fit(self, points: Matrix, objectives: Matrix) -> None:
        """Forget what was learnt, and learn. Raises `ValueError` where that diverges."""
        dice = np.random.default_rng(self._settings.seed)
        widths = (points.shape[1], _WIDTH, _WIDTH, objectives.shape[1])
        sizes = list(pairwise(widths))
        self._weights = [dice.normal(0, np.sqrt(2 / size[0]), size) for size in sizes]
        self._biases = [np.zeros(size[1]) for size in sizes]
        adam = _Adam([*self._weights, *self._biases], self._settings.learning_rate)
        for some in _batches(dice, len(points), self._settings.epochs):
            adam.step(self._slopes(dice, points[some], objectives[some]))
        if not np.isfinite(self.predict(points)).all():
            raise ValueError("the network diverged")

    def predict(self, points: Matrix) -> Matrix:
        """The objectives to be expected; nothing is dropped here."""
        at = _centred(points)
        for weights, bias in zip(self._weights[:-1], self._biases, strict=False):
            at = self._activation(at @ weights + bias)[0]
        return at @ self._weights[-1] + self._biases[-1]

    def __str__(self) -> str:
        said = self._settings
        return (
            f"mlp {_WIDTH}x{_WIDTH} (activation={said.activation}, epochs={said.epochs}, "
            f"learning_rate={said.learning_rate:g}, dropout={said.dropout:g})"
        )

    def _slopes(self, dice: Any, points: Matrix, objectives: Matrix) -> list[Matrix]:
        """How the mean squared error grows with each weight, then with each bias."""
        inputs, passed = [_centred(points)], list[Matrix]()
        for weights, bias in zip(self._weights[:-1], self._biases, strict=False):
            value, slope = self._activation(inputs[-1] @ weights + bias)
            kept = self._kept(dice, value.shape)
            inputs.append(value * kept)
            passed.append(slope * kept)
        missed = inputs[-1] @ self._weights[-1] + self._biases[-1] - objectives
        blame = [missed * (2 / missed.size)]
        for weights, slope in zip(self._weights[:0:-1], passed[::-1], strict=True):
            blame.insert(0, blame[0] @ weights.T * slope)
        by_weight = [at.T @ one for at, one in zip(inputs, blame, strict=True)]
        return [*by_weight, *(one.sum(axis=0) for one in blame)]

    def _kept(self, dice: Any, shape: tuple[int, ...]) -> Matrix:
        """Which units are not dropped, each made as much stronger as others are missing."""
        dropout = self._settings.dropout
        return (dice.random(shape) >= dropout) / (1 - dropout) if dropout else 1.0


class _Adam:
    """Changes arrays, in place, down their slopes."""

    def __init__(self, arrays: list[Matrix], rate: float) -> None:
        self._arrays = arrays
        self._rate = rate
        self._means = [np.zeros_like(one) for one in arrays]
        self._squares = [np.zeros_like(one) for one in arrays]
        self._steps = 0

    def step(self, slopes: list[Matrix]) -> None:
        """One step against these slopes."""
        self._steps += 1
        rate = self._rate * np.sqrt(1 - 0.999**self._steps) / (1 - 0.9**self._steps)
        kept = zip(self._arrays, slopes, self._means, self._squares, strict=True)
        for array, slope, mean, square in kept:
            mean += 0.1 * (slope - mean)
            square += 0.001 * (slope**2 - square)
            array -= rate * mean / (np.sqrt(square) + 1e-8)


def _batches(dice: Any, size: int, epochs: int) -> Iterator[Matrix]:
    """Which points to learn from next: all of them once in each epoch."""
    for _ in range(epochs):
        order = dice.permutation(size)
        yield from (order[at : at + _BATCH] for at in range(0, size, _BATCH))


def _centred(points: Matrix) -> Matrix:
    return 2 * points - 1


def _relu(at: Matrix) -> tuple[Matrix, Matrix]:
    return np.maximum(at, 0), (at > 0).astype(float)


def _tanh(at: Matrix) -> tuple[Matrix, Matrix]:
    value = np.tanh(at)
    return value, 1 - value**2


def _silu(at: Matrix) -> tuple[Matrix, Matrix]:
    gate = (1 + np.tanh(at / 2)) / 2  # the logistic function, which does not overflow so
    return at * gate, gate * (1 + at * (1 - gate))


_ACTIVATIONS: dict[str, Callable[[Matrix], tuple[Matrix, Matrix]]] = {
    "relu": _relu,
    "tanh": _tanh,
    "silu": _silu,
}
"""Each gives the values and their slopes."""
