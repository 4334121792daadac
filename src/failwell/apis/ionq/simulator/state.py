"""A state vector that holds only the states whose amplitude is not zero.

What a gate costs grows with the states that are in superposition, and not with the qubits: a GHZ
state of 29 qubits is two amplitudes. Qubit 0 is the least significant bit of a state's number.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from failwell.apis.ionq.simulator.gates import PAULI, Matrix

Numbers = NDArray[np.int64]
Amplitudes = NDArray[np.complex128]

LARGEST = 1 << 20
"""States in superposition that are held; 24 MiB."""

_NOTHING = 1e-12
"""An amplitude below it is what rounding left of one that is gone."""


class TooLargeError(Exception):
    """More states are in superposition than are held."""


class State:
    """A pure state; it begins with every qubit at 0."""

    def __init__(self, numbers: Numbers | None = None, amplitudes: Amplitudes | None = None):
        self._numbers = np.zeros(1, np.int64) if numbers is None else numbers
        self._amplitudes = np.ones(1, np.complex128) if amplitudes is None else amplitudes

    def copy(self) -> State:
        """The same state, to go another way; the arrays are never changed in place."""
        return State(self._numbers, self._amplitudes)

    def apply(
        self, matrix: Matrix, targets: tuple[int, ...], controls: tuple[int, ...] = ()
    ) -> None:
        """Apply a unitary to the targets, where all controls are 1. Raises `TooLargeError`."""
        column = self._bits(targets)
        rest = self._numbers & ~_mask(targets)
        on = (self._numbers & _mask(controls)) == _mask(controls)
        numbers, amplitudes = [self._numbers[~on]], [self._amplitudes[~on]]
        for row, entries in enumerate(matrix):
            factor = entries[column]
            hit = on & (factor != 0)
            numbers.append(rest[hit] | _spread(row, targets))
            amplitudes.append(factor[hit] * self._amplitudes[hit])
        self._numbers, self._amplitudes = _summed(numbers, amplitudes)

    def evolve(
        self,
        terms: tuple[str, ...],
        strengths: tuple[float, ...],
        targets: tuple[int, ...],
        tick: Callable[[], None],
    ) -> None:
        """Apply exp(-i Σ strength·term); letter n of a term acts on target n. `tick` is called
        before each step of a long sum. Raises `TooLargeError`."""
        if _commute(terms):
            for term, strength in zip(terms, strengths, strict=True):
                tick()
                turned = self._times(term, targets, -1j * math.sin(strength))
                self._add([self._scaled(math.cos(strength)), turned])
            return
        steps = math.ceil(sum(map(abs, strengths)))
        for _ in range(steps):
            self._step(terms, [strength / steps for strength in strengths], targets, tick)

    def probabilities(self) -> tuple[Numbers, NDArray[np.float64]]:
        """The states that can be measured, in order, and the probability of each."""
        weights = np.abs(self._amplitudes) ** 2
        return self._numbers, weights / weights.sum()

    def _step(
        self,
        terms: tuple[str, ...],
        strengths: list[float],
        targets: tuple[int, ...],
        tick: Callable[[], None],
    ) -> None:
        """A step of at most one radian, by its Taylor series, which then converges quickly."""
        series, power = [self._scaled(1.0)], self
        order = 0
        while power._weight() > _NOTHING:
            tick()
            order += 1
            parts = [
                power._times(term, targets, -1j * strength / order)
                for term, strength in zip(terms, strengths, strict=True)
            ]
            power = State(*_summed([n for n, _ in parts], [a for _, a in parts]))
            series.append(power._scaled(1.0))
        self._add(series)

    def _times(
        self, term: str, targets: tuple[int, ...], factor: complex
    ) -> tuple[Numbers, Amplitudes]:
        """The state after a Pauli string, times a factor."""
        numbers, amplitudes = self._numbers, self._amplitudes * factor
        for letter, target in zip(term, targets, strict=True):
            bit = (self._numbers >> target) & 1
            if letter in "XY":
                numbers = numbers ^ (1 << target)
            if letter in "YZ":
                column: Amplitudes = PAULI[letter].sum(axis=0)
                amplitudes = amplitudes * column[bit]
        return numbers, amplitudes

    def _scaled(self, factor: float) -> tuple[Numbers, Amplitudes]:
        return self._numbers, self._amplitudes * factor

    def _add(self, parts: list[tuple[Numbers, Amplitudes]]) -> None:
        self._numbers, self._amplitudes = _summed([n for n, _ in parts], [a for _, a in parts])

    def _weight(self) -> float:
        return float(np.sqrt((np.abs(self._amplitudes) ** 2).sum()))

    def _bits(self, targets: tuple[int, ...]) -> Numbers:
        """Each state's number as far as the targets go, the first one most significant."""
        column = np.zeros_like(self._numbers)
        for target in targets:
            column = (column << 1) | ((self._numbers >> target) & 1)
        return column


def _mask(qubits: tuple[int, ...]) -> int:
    return sum(1 << qubit for qubit in qubits)


def _spread(row: int, targets: tuple[int, ...]) -> int:
    """The bits of a row's number at the places of the targets."""
    last = len(targets) - 1
    return sum(((row >> (last - n)) & 1) << target for n, target in enumerate(targets))


def _summed(numbers: list[Numbers], amplitudes: list[Amplitudes]) -> tuple[Numbers, Amplitudes]:
    """One amplitude for each state, in the order of their numbers, and none that is zero."""
    states, places = np.unique(np.concatenate(numbers), return_inverse=True)
    parts = np.concatenate(amplitudes)
    real = np.bincount(places, parts.real, len(states))
    imaginary = np.bincount(places, parts.imag, len(states))
    total = real + 1j * imaginary
    kept = np.abs(total) > _NOTHING
    if np.count_nonzero(kept) > LARGEST:
        raise TooLargeError(f"more than {LARGEST} states are in superposition")
    return states[kept], total[kept]


def _commute(terms: tuple[str, ...]) -> bool:
    """Whether every two Pauli strings differ, where both are not I, at an even number of places."""
    return all(
        sum(a != b and "I" not in (a, b) for a, b in zip(one, other, strict=True)) % 2 == 0
        for n, one in enumerate(terms)
        for other in terms[:n]
    )
