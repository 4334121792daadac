"""The matrices of the gates; the first target is the most significant bit of a row's number.

Sources: Nielsen and Chuang, chapter 4 (abstract gates); IonQ's page "Getting started with native
gates" (gpi, gpi2, ms, zz; turns).
"""

from __future__ import annotations

import cmath
import math
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from failwell.apis.ionq.circuits import Operation

Matrix = NDArray[np.complex128]

PAULI: dict[str, Matrix] = {
    "I": np.eye(2, dtype=np.complex128),
    "X": np.array([[0, 1], [1, 0]], dtype=np.complex128),
    "Y": np.array([[0, -1j], [1j, 0]], dtype=np.complex128),
    "Z": np.array([[1, 0], [0, -1]], dtype=np.complex128),
}

_TURN = 2 * math.pi


def _phase(angle: float) -> Matrix:
    return np.array([[1, 0], [0, cmath.exp(1j * angle)]], dtype=np.complex128)


_V: Matrix = np.array([[0.5 + 0.5j, 0.5 - 0.5j], [0.5 - 0.5j, 0.5 + 0.5j]], dtype=np.complex128)

_FIXED: dict[str, Matrix] = {
    "x": PAULI["X"],
    "not": PAULI["X"],
    "cnot": PAULI["X"],
    "y": PAULI["Y"],
    "z": PAULI["Z"],
    "h": (PAULI["X"] + PAULI["Z"]) / math.sqrt(2),
    "s": _phase(math.pi / 2),
    "si": _phase(-math.pi / 2),
    "t": _phase(math.pi / 4),
    "ti": _phase(-math.pi / 4),
    "v": _V,
    "vi": _V.conj().T,
    "nop": PAULI["I"],
    "swap": np.eye(4, dtype=np.complex128)[[0, 2, 1, 3]],
}


def matrix(operation: Operation, gateset: str) -> Matrix:
    """The unitary of an operation on its targets, without its controls; not of a `pauliexp`."""
    name, numbers = operation.name, operation.numbers
    match name:
        case "rx" | "ry" | "rz" | "xx" | "yy":
            return _rotation(name[1:] if name[0] == "r" else name, numbers[0])
        case "zz":
            return _rotation(name, numbers[0] if gateset == "qis" else _radians(numbers[0]))
        case "gpi":
            return _equator(numbers[0])
        case "gpi2":
            return (PAULI["I"] - 1j * _equator(numbers[0])) / math.sqrt(2)
        case "ms":
            axes = _tensor(_equator(numbers[0]), _equator(numbers[1]))
            return _turned(axes, _radians(numbers[2]))
        case _:
            return _FIXED[name]


def word(paulis: str) -> Matrix:
    """The tensor product of these Paulis."""
    return reduce(_tensor, [PAULI[letter] for letter in paulis])


def _tensor(one: Matrix, other: Matrix) -> Matrix:
    return np.kron(one, other).astype(np.complex128)


def _rotation(letters: str, angle: float) -> Matrix:
    return _turned(word(letters.upper()), angle)


def _turned(axis: Matrix, angle: float) -> Matrix:
    """exp(-i angle/2 axis), for an axis that is its own inverse."""
    identity = np.eye(len(axis), dtype=np.complex128)
    return math.cos(angle / 2) * identity - 1j * math.sin(angle / 2) * axis


def _radians(turns: float) -> float:
    """The angle, without whole double turns, which bring any spin back: it is finite."""
    return math.fmod(turns, 2.0) * _TURN


def _equator(turns: float) -> Matrix:
    """The half turn about an axis in the equator of the Bloch sphere."""
    e = cmath.exp(1j * _radians(turns))
    return np.array([[0, 1 / e], [e, 0]])
