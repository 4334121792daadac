"""Can this machine run this program? What an accepted job fails of, before anything is run.

Source: IonQ's list of failure codes (API description v0.4, schema Failure; page "v0.3 Error
Codes").
"""

from __future__ import annotations

import msgspec

from failwell.apis.ionq.backends import MOST_CONTROLS, Backend
from failwell.apis.ionq.circuits import Circuit


class JobFailure(msgspec.Struct, frozen=True):
    """Why a job failed, as IonQ says it."""

    code: str
    message: str


def check(circuit: Circuit, backend: Backend, shots: int) -> JobFailure | None:
    """What stands in the way of running this circuit there; None where nothing does."""
    gates, controls = len(circuit.operations), _most_controls(circuit)
    lacking = _lacking(circuit, backend)
    if circuit.qubits > backend.qubits:
        message = f"The circuit has {circuit.qubits} qubits, {backend.name} has {backend.qubits}"
        return JobFailure("NotEnoughQubits", message)
    if backend.max_shots is not None and shots > backend.max_shots:
        message = f"{shots} shots are more than the {backend.max_shots} of {backend.name}"
        return JobFailure("TooManyShots", message)
    if backend.max_gates is not None and gates > backend.max_gates:
        message = f"{gates} gates are more than the {backend.max_gates} of {backend.name}"
        return JobFailure("TooManyGates", message)
    if controls > MOST_CONTROLS:
        message = f"A gate has {controls} controls, more than {MOST_CONTROLS}"
        return JobFailure("TooManyControls", message)
    if lacking:
        message = f"{backend.name} lacks the native gate {', '.join(lacking)}"
        return JobFailure("UnsupportedGate", message)
    return None


def check_credit(price: float, spent: float, credit: float) -> JobFailure | None:
    """What stands in the way of paying for a job; all are US dollars."""
    if spent + price <= credit:
        return None
    message = f"The job costs {price:.2f} USD; {spent:.2f} of {credit:.2f} USD are spent already"
    return JobFailure("QuotaExhaustedError", message)


def _most_controls(circuit: Circuit) -> int:
    return max((len(operation.controls) for operation in circuit.operations), default=0)


def _lacking(circuit: Circuit, backend: Backend) -> list[str]:
    if circuit.gateset != "native":
        return []
    return sorted({operation.name for operation in circuit.operations} - backend.native)
