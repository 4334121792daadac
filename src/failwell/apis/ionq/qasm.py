"""A small part of OpenQASM 3, read into a circuit: declarations, the gates of `stdgates.inc` that
IonQ's gate set has, `barrier`, and measurements, which come last.

Source: the OpenQASM 3 specification, "Types and Casting", "Gates" and "Built-in instructions".
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterator

from failwell.apis.ionq.circuits import Circuit, Gate, GateError, Operation, operations

_MOST_QUBITS = 63
_LONGEST_ANGLE = 200

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_HEADER = re.compile(r"OPENQASM 3(\.\d+)?")
_INCLUDE = re.compile(r'include "stdgates\.inc"')
_QUBITS = re.compile(r"qubit(?:\s*\[\s*(?P<size>\d{1,4})\s*\])?\s+(?P<name>[A-Za-z_]\w*)")
_BITS = re.compile(r"bit(?:\s*\[\s*\d{1,4}\s*\])?\s+[A-Za-z_]\w*(?P<measure>\s*=\s*measure\b.*)?")
_MEASURE = re.compile(r"(?:[A-Za-z_]\w*(?:\s*\[\s*\d+\s*\])?\s*=\s*)?measure\s+.+")
_CALL = re.compile(
    r"(?P<name>[A-Za-z_]\w*)\s*(?:\((?P<angles>.*)\))?\s*(?P<qubits>[A-Za-z_][^()]*)?"
)
_PLACE = re.compile(r"(?P<name>[A-Za-z_]\w*)(?:\s*\[\s*(?P<index>\d{1,4})\s*\])?")

_GATES: dict[str, tuple[str, int, int, int]] = {
    **{name: (name, 0, 1, 0) for name in ("x", "y", "z", "h", "s", "t")},
    **{name: (name, 0, 1, 1) for name in ("rx", "ry", "rz")},
    **{f"c{name}": (name, 1, 1, 0) for name in ("x", "y", "z", "h")},
    **{f"c{name}": (name, 1, 1, 1) for name in ("rx", "ry", "rz")},
    "sdg": ("si", 0, 1, 0),
    "tdg": ("ti", 0, 1, 0),
    "sx": ("v", 0, 1, 0),
    "p": ("rz", 0, 1, 1),  # the same but for a global phase, which nothing here can see
    "swap": ("swap", 0, 2, 0),
    "ccx": ("x", 2, 1, 0),
}
"""IonQ's gate for each of OpenQASM's, and how many controls, targets and angles it has."""


class QasmError(ValueError):
    """The program is not OpenQASM 3, or uses what is not read here: it says where."""


class _Reader:
    """Reads statement after statement; qubits are numbered as they are declared."""

    def __init__(self) -> None:
        self._registers: dict[str, range] = {}
        self._measured = False
        self.operations: list[Operation] = []

    @property
    def qubits(self) -> int:
        return sum(len(register) for register in self._registers.values())

    def read(self, statement: str) -> None:
        if _HEADER.fullmatch(statement) or _INCLUDE.fullmatch(statement):
            return
        if (declared := _QUBITS.fullmatch(statement)) is not None:
            self._declare(declared["name"], int(declared["size"] or 1))
        elif (bits := _BITS.fullmatch(statement)) is not None:
            self._measured |= bits["measure"] is not None
        elif _MEASURE.fullmatch(statement):
            self._measured = True
        elif (call := _CALL.fullmatch(statement)) is not None:
            self._call(call["name"], call["angles"], call["qubits"] or "")
        else:
            raise QasmError(f"this is not read: {statement[:60]!r}")

    def _declare(self, name: str, size: int) -> None:
        if name in self._registers or not 0 < size <= _MOST_QUBITS - self.qubits:
            raise QasmError(f"qubit[{size}] {name} cannot be declared")
        self._registers[name] = range(self.qubits, self.qubits + size)

    def _call(self, name: str, angles: str | None, qubits: str) -> None:
        if name in ("barrier", "id"):
            return
        if name not in _GATES:
            raise QasmError(f"there is no gate {name[:40]!r} here")
        if self._measured:
            raise QasmError(f"{name} comes after a measurement")
        numbers = [] if angles is None else [_number(each) for each in angles.split(",")]
        for places in self._broadcast(qubits):
            try:
                self.operations += operations(_gate(name, numbers, places), "qis", self.qubits)
            except GateError as error:
                raise QasmError(f"{name}: {error}") from None

    def _broadcast(self, qubits: str) -> Iterator[list[int]]:
        """The qubits of each call: a whole register stands for one call with each of its own."""
        named = [self._place(each.strip()) for each in qubits.split(",")]
        times = max(map(len, named))
        if any(len(each) not in (1, times) for each in named):
            raise QasmError(f"registers of different sizes: {qubits[:60]}")
        for n in range(times):
            yield [each[n if len(each) > 1 else 0] for each in named]

    def _place(self, text: str) -> range:
        found = _PLACE.fullmatch(text)
        register = self._registers.get(found["name"]) if found else None
        if found is None or register is None:
            raise QasmError(f"there is no qubit {text[:40]!r}")
        if found["index"] is None:
            return register
        index = int(found["index"])
        if index >= len(register):
            raise QasmError(f"there is no qubit {text[:40]!r}")
        return register[index : index + 1]


def circuit(source: str) -> Circuit:
    """The circuit that a program describes. Raises `QasmError`."""
    statements = [each.strip() for each in _COMMENT.sub(" ", source).split(";")]
    if not _HEADER.fullmatch(statements[0]):
        raise QasmError("the program does not begin with OPENQASM 3")
    if statements[-1]:
        raise QasmError(f"a semicolon is missing after {statements[-1][-40:]!r}")
    reader = _Reader()
    for statement in statements:
        if statement:
            reader.read(" ".join(statement.split()))
    if not reader.qubits:
        raise QasmError("the program declares no qubits")
    return Circuit(reader.qubits, "qis", tuple(reader.operations))


def _gate(name: str, numbers: list[float], qubits: list[int]) -> Gate:
    gate, controls, targets, angles = _GATES[name]
    if len(qubits) != controls + targets or len(numbers) != angles:
        raise QasmError(f"{name} takes {controls + targets} qubits and {angles} angles")
    places = [float(qubit) for qubit in qubits]
    return Gate(
        gate=gate,
        targets=places[controls:],
        controls=places[:controls],
        rotation=numbers[0] if numbers else None,
    )


_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
_NAMES = {"pi": math.pi, "π": math.pi, "tau": math.tau, "τ": math.tau, "euler": math.e}


def _number(text: str) -> float:
    """The value of an angle: numbers, pi, + - * / and brackets."""
    if len(text) > _LONGEST_ANGLE:
        raise QasmError(f"this angle is too long: {text[:40]!r}")
    try:
        value = _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        raise QasmError(f"this is no angle: {text[:40]!r}") from None
    if not math.isfinite(value):
        raise QasmError(f"this angle is not finite: {text[:40]!r}")
    return value


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in _NAMES:
            return _NAMES[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left), _value(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case _:
            raise ValueError(ast.dump(node)[:40])
