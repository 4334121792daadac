"""What a noisy machine would count: so many shots, each with its own errors.

After every gate its qubits suffer, with the gate's error probability, one of the Pauli errors at
random (a depolarising channel); each bit may be misread. Shots without a new error go on together,
so that the cost grows with the errors that happen and not with the shots.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import msgspec
import numpy as np
from numpy.typing import NDArray

from failwell.apis.ionq.circuits import Circuit, Operation
from failwell.apis.ionq.simulator.gates import word
from failwell.apis.ionq.simulator.state import State


class Noise(msgspec.Struct, frozen=True):
    """Probabilities of an error: in a gate on one qubit, in one on two, in reading a bit."""

    one: float
    two: float
    readout: float


Apply = Callable[[State, Operation], None]

_KINDS = {n: ["".join(letters) for letters in product("IXYZ", repeat=n)][1:] for n in (1, 2)}
_TOUCHED = 2


def counts(
    circuit: Circuit, apply: Apply, noise: Noise, shots: int, seed: int | None
) -> dict[int, int]:
    """How often each state was read; the same seed gives the same counts."""
    rng = np.random.default_rng(seed)
    read: list[NDArray[np.int64]] = []
    waiting = [(State(), 0, shots)]
    while waiting:
        state, start, group = waiting.pop()
        for place in range(start, len(circuit.operations)):
            operation = circuit.operations[place]
            apply(state, operation)
            for error, hit in _errors(operation, noise, group, rng):
                struck = state.copy()
                struck.apply(word(error), _touched(operation))
                waiting.append((struck, place + 1, hit))
                group -= hit
            if not group:
                break
        read.append(_measured(state, group, rng))
    states = _misread(np.concatenate(read), circuit.qubits, noise.readout, rng)
    numbers, times = np.unique(states, return_counts=True)
    return dict(zip(numbers.tolist(), times.tolist(), strict=True))


def _errors(
    operation: Operation, noise: Noise, group: int, rng: np.random.Generator
) -> list[tuple[str, int]]:
    """The errors that happen in a group of shots, and to how many of them each."""
    width = len(_touched(operation))
    if not width or not group:
        return []
    hits = rng.binomial(group, noise.one if width == 1 else noise.two)
    kinds = _KINDS[width]
    each = rng.multinomial(hits, [1 / len(kinds)] * len(kinds))
    return [(kind, int(n)) for kind, n in zip(kinds, each, strict=True) if n]


def _touched(operation: Operation) -> tuple[int, ...]:
    return () if operation.name == "nop" else (operation.targets + operation.controls)[:_TOUCHED]


def _measured(state: State, shots: int, rng: np.random.Generator) -> NDArray[np.int64]:
    numbers, probabilities = state.probabilities()
    return np.repeat(numbers, rng.multinomial(shots, probabilities))


def _misread(
    states: NDArray[np.int64], qubits: int, chance: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    for qubit in range(qubits):
        states = states ^ ((rng.random(len(states)) < chance).astype(np.int64) << qubit)
    return states
