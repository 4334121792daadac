"""Circuits as IonQ's JSON spells them, and as they are run: checked, one operation a line.

Sources: IonQ's API description v0.4 (gates and their members) and its pages "Writing Quantum
Programs" (several targets, up to seven controls, radians) and "Native gates" (turns).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

GateSet = Literal["qis", "native"]

PAULIS = frozenset("IXYZ")
MOST_TERMS = 200
"""Pauli strings of one `pauliexp`; decided here."""

_ROTATED = ("rx", "ry", "rz")
_FIXED = ("h", "not", "s", "si", "t", "ti", "v", "vi", "x", "y", "z")

QIS = frozenset({*_ROTATED, *_FIXED, "cnot", "pauliexp", "swap", "xx", "yy", "zz"})
NATIVE = frozenset({"gpi", "gpi2", "ms", "nop", "zz"})
GATES: dict[GateSet, frozenset[str]] = {"qis": QIS, "native": NATIVE}

_CONTROLLABLE = frozenset({*_ROTATED, *_FIXED, "cnot"})
_PAIRED = frozenset({"swap", "xx", "yy", "zz", "ms"})
_QUARTER_TURN = 0.25


Index = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]


class Gate(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A gate as it was sent: qubits by index; `rotation` in radians, `phase`, `phases` and `angle`
    in turns; `pauliexp` is exp(-i time Σ coefficient·term)."""

    gate: str
    target: Index | None = None
    targets: list[float] | None = None
    control: Index | None = None
    controls: list[float] | None = None
    rotation: float | None = None
    phase: float | None = None
    phases: list[float] | None = None
    angle: float | None = None
    terms: list[str] | None = None
    coefficients: list[float] | None = None
    time: float | None = None


class Operation(msgspec.Struct, frozen=True, array_like=True):
    """A gate that can be run: what its name needs is there, and its qubits are different ones.

    `numbers` are the angles (radians or turns, as the gate has it); for a `pauliexp` the
    coefficients of its `terms`, each multiplied by the time.
    """

    name: str
    targets: tuple[int, ...]
    controls: tuple[int, ...] = ()
    numbers: tuple[float, ...] = ()
    terms: tuple[str, ...] = ()


class Circuit(msgspec.Struct, frozen=True):
    """A circuit that can be run."""

    qubits: int
    gateset: GateSet
    operations: tuple[Operation, ...]

    @property
    def gate_counts(self) -> dict[str, int]:
        """Gates on one qubit and on more, controls counted along; a `nop` is none."""
        wide = [len(op.targets) + len(op.controls) > 1 for op in self.operations if op.targets]
        return {"1q": len(wide) - sum(wide), "2q": sum(wide)}


class GateError(ValueError):
    """A gate that cannot be: `member` is what is wrong about it."""

    def __init__(self, member: str, message: str) -> None:
        super().__init__(message)
        self.member = member


def operations(gate: Gate, gateset: GateSet, qubits: int | None) -> Iterator[Operation]:
    """What a gate does, one operation for each target of a gate on one qubit; `qubits` is the
    width of the circuit, None where it takes the width it needs. Raises `GateError`."""
    name = gate.gate
    if name not in GATES[gateset]:
        known = ", ".join(sorted(GATES[gateset]))
        raise GateError("gate", f"{name[:40]!r} is not in the {gateset} gate set: {known}")
    targets = _qubits("target", gate.target, gate.targets, qubits)
    controls = _qubits("control", gate.control, gate.controls, qubits)
    _check_places(gate, gateset, targets, controls)
    numbers = _numbers(gate, gateset, len(targets))
    if name in _PAIRED or name == "pauliexp":
        yield Operation(name, targets, (), numbers, tuple(gate.terms or ()))
        return
    for target in targets:
        yield Operation(name, (target,), controls, numbers)


def _qubits(
    member: str, one: int | None, several: list[float] | None, width: int | None
) -> tuple[int, ...]:
    """The qubits under `target` or `targets`, `control` or `controls`."""
    if one is not None and several is not None:
        raise GateError(member, f"give {member} or {member}s, not both")
    if several is not None:
        member += "s"
    given = [one] if one is not None else several or []
    for qubit in given:
        if qubit != int(qubit) or not 0 <= qubit < (width or MOST_QUBITS):
            room = f"0 to {(width or MOST_QUBITS) - 1}"
            raise GateError(member, f"there is no qubit {qubit:g}: they are {room}")
    return tuple(int(qubit) for qubit in given)


MOST_QUBITS = 63
"""Qubits that a circuit may name; decided here: more than any backend has."""


def _check_places(
    gate: Gate, gateset: GateSet, targets: tuple[int, ...], controls: tuple[int, ...]
) -> None:
    name = gate.gate
    if len({*targets, *controls}) < len(targets) + len(controls):
        raise GateError("targets", f"{name} names a qubit twice")
    if controls and (gateset == "native" or name not in _CONTROLLABLE):
        raise GateError("controls", f"{name} takes no controls")
    if name == "cnot" and not controls:
        raise GateError("control", "cnot needs a control")
    if name in _PAIRED and len(targets) != 2:
        raise GateError("targets", f"{name} needs two targets, not {len(targets)}")
    if name != "nop" and not targets:
        raise GateError("target", f"{name} needs a target")


def _numbers(gate: Gate, gateset: GateSet, width: int) -> tuple[float, ...]:
    match gate.gate:
        case "rx" | "ry" | "rz" | "xx" | "yy":
            return (_needed(gate, "rotation"),)
        case "zz" if gateset == "qis":
            return (_needed(gate, "rotation"),)
        case "zz":
            return (_QUARTER_TURN if gate.angle is None else gate.angle,)
        case "gpi" | "gpi2":
            return (_needed(gate, "phase"),)
        case "ms":
            return _ms_turns(gate)
        case "pauliexp":
            return _strengths(gate, width)
        case _:
            return ()


def _needed(gate: Gate, member: str) -> float:
    value: float | None = getattr(gate, member)
    if value is None:
        raise GateError(member, f"{gate.gate} needs {member}")
    return value


def _ms_turns(gate: Gate) -> tuple[float, ...]:
    phases = gate.phases or []
    if len(phases) != 2:
        raise GateError("phases", "ms needs two phases")
    return (*phases, _QUARTER_TURN if gate.angle is None else gate.angle)


def _strengths(gate: Gate, width: int) -> tuple[float, ...]:
    terms, coefficients, time = gate.terms or [], gate.coefficients or [], gate.time or 0.0
    if not 0 < len(terms) <= MOST_TERMS or len(terms) != len(coefficients):
        raise GateError("terms", f"pauliexp needs 1 to {MOST_TERMS} terms, each with a coefficient")
    if any(len(term) != width or not PAULIS.issuperset(term) for term in terms):
        raise GateError("terms", f"each term is a string of {width} letters out of I, X, Y and Z")
    if time <= 0:
        raise GateError("time", "pauliexp needs a time above 0")
    strengths = tuple(time * coefficient for coefficient in coefficients)
    if not math.isfinite(sum(map(abs, strengths))):
        raise GateError("coefficients", "time and coefficient are too large together")
    return strengths
