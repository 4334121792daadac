"""The bodies of `POST /jobs`: what may be said in one, and the circuits that come out of it.

Sources: IonQ's API description v0.4 (members, caps) and its pages "API Core Concepts" (metadata)
and "Error mitigation" (500 shots).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from failwell.apis.ionq import qasm
from failwell.apis.ionq.backends import BACKENDS, NOISE, Backend
from failwell.apis.ionq.circuits import Circuit, Gate, GateError, GateSet, Operation, operations
from failwell.apis.ionq.refusals import bad_request, decoded, too_large

JobType = Literal[
    "ionq.circuit.v1",
    "ionq.qasm3.v1",
    "ionq.multi-circuit.v1",
    "quantum-function",
    "qctrl.qaoa.v1",
]

MOST_CIRCUITS = 5_000
DEBIASED_SHOTS = 500

Shots = Annotated[int, Meta(ge=1, le=1_000_000)]
Seed = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Width = Annotated[int, Meta(ge=1, le=2**31 - 1)]
_Key = Annotated[str, Meta(max_length=40)]
_Value = Annotated[str, Meta(max_length=40_000)]
Metadata = Annotated[dict[_Key, _Value], Meta(max_length=10)]


class ErrorMitigation(msgspec.Struct, omit_defaults=True):
    """What to do against errors; IonQ wants 500 shots for debiasing."""

    debiasing: bool | None = None
    symmetry_verification: bool | None = None


class Compilation(msgspec.Struct, omit_defaults=True):
    """How to compile."""

    precision: str | None = None
    opt: float | None = None
    gate_basis: str | None = None


class Settings(msgspec.Struct, omit_defaults=True):
    """A job's settings."""

    error_mitigation: ErrorMitigation | None = None
    compilation: Compilation | None = None


class NoiseModel(msgspec.Struct, omit_defaults=True):
    """Which machine's errors to simulate."""

    model: str
    seed: Seed | None = None


class NewJob(msgspec.Struct):
    """The body of `POST /jobs`; what `input` holds depends on `type`."""

    type: JobType
    backend: str
    input: msgspec.Raw
    shots: Shots = 100
    name: str | None = None
    metadata: Metadata | None = None
    session_id: str | None = None
    settings: Settings | None = None
    dry_run: bool | None = None
    noise: NoiseModel | None = None


class _One(msgspec.Struct):
    circuit: list[Gate] | None = None
    circuits: msgspec.Raw | None = None
    gateset: GateSet = "qis"
    qubits: Width | None = None


class _Each(msgspec.Struct):
    circuit: list[Gate]
    name: str | None = None
    gateset: GateSet | None = None
    qubits: Width | None = None


class _Many(msgspec.Struct):
    circuits: list[_Each]
    gateset: GateSet
    circuit: msgspec.Raw | None = None
    qubits: Width | None = None


class _Program(msgspec.Struct):
    data: str


class Program(msgspec.Struct, frozen=True):
    """One thing to run: a circuit, or why there is none (one of IonQ's codes for a job)."""

    circuit: Circuit | None = None
    name: str | None = None
    code: str | None = None
    message: str = ""


def new_job(body: bytes) -> tuple[NewJob, Backend]:
    """The job that the body asks for, and its machine. Raises a 400 that names the key."""
    job = decoded(body, NewJob)
    backend = BACKENDS.get(job.backend)
    if backend is None:
        known = ", ".join(BACKENDS)
        raise bad_request(f'"backend" is {job.backend[:40]!r}: it is one of {known}', "backend")
    if backend.status == "retired":
        raise bad_request(f'"backend": {backend.name} is retired', "backend")
    _check_noise(job.noise)
    _check_debiasing(job)
    return job, backend


def programs(job: NewJob, max_gates: int) -> list[Program]:
    """What the job runs, one program for each circuit.

    Raises a 400 that names the key, and a 413 for more than 5 000 circuits or `max_gates` gates.
    """
    match job.type:
        case "ionq.circuit.v1":
            found = [Program(_single(decoded(job.input, _One, "input")))]
        case "ionq.multi-circuit.v1":
            found = _several(decoded(job.input, _Many, "input"), max_gates)
        case "ionq.qasm3.v1":
            found = [_compiled(decoded(job.input, _Program, "input").data)]
        case other:
            decoded(job.input, dict[str, Any], "input")
            return [Program(code="CompilationError", message=f"Nothing here compiles {other} jobs")]
    gates = sum(len(each.circuit.operations) for each in found if each.circuit is not None)
    _check_gates(gates, max_gates)
    return found


def _check_noise(noise: NoiseModel | None) -> None:
    if noise is not None and noise.model not in NOISE:
        known = ", ".join(NOISE)
        message = f'"noise.model" is {noise.model[:40]!r}: it is one of {known}'
        raise bad_request(message, "noise.model")


def _check_debiasing(job: NewJob) -> None:
    mitigation = job.settings.error_mitigation if job.settings else None
    if mitigation is not None and mitigation.debiasing and job.shots < DEBIASED_SHOTS:
        message = f'"shots" must be at least {DEBIASED_SHOTS} for debiasing'
        raise bad_request(message, "shots")


def _check_gates(gates: int, most: int) -> None:
    if gates > most:
        raise too_large(f"The job has {gates} gates, more than {most}: split it")


def _single(given: _One) -> Circuit:
    if given.circuits is not None:
        message = 'Give one "circuit"; several "circuits" are a job of type ionq.multi-circuit.v1'
        raise bad_request(message, "input.circuits")
    if given.circuit is None:
        raise bad_request('"input.circuit" is missing', "input.circuit")
    return _circuit(given.circuit, given.gateset, given.qubits, "input.circuit")


def _several(given: _Many, max_gates: int) -> list[Program]:
    if given.circuit is not None:
        raise bad_request('Give "circuits" or "circuit", not both', "input.circuit")
    if not given.circuits:
        raise bad_request('"input.circuits" is empty', "input.circuits")
    if len(given.circuits) > MOST_CIRCUITS:
        message = f"The job has {len(given.circuits)} circuits, more than {MOST_CIRCUITS}: split it"
        raise too_large(message)
    _check_gates(sum(len(each.circuit) for each in given.circuits), max_gates)
    return [
        Program(
            _circuit(
                each.circuit,
                each.gateset or given.gateset,
                each.qubits or given.qubits,
                f"input.circuits[{place}].circuit",
            ),
            each.name,
        )
        for place, each in enumerate(given.circuits)
    ]


def _circuit(gates: list[Gate], gateset: GateSet, qubits: int | None, key: str) -> Circuit:
    checked: list[Operation] = []
    for place, gate in enumerate(gates):
        try:
            checked.extend(operations(gate, gateset, qubits))
        except GateError as error:
            where = f"{key}[{place}].{error.member}"
            raise bad_request(f'"{where}": {error}', where) from None
    used = [1 + max(op.targets + op.controls) for op in checked if op.targets]
    return Circuit(qubits or max(used, default=1), gateset, tuple(checked))


def _compiled(source: str) -> Program:
    """A program in OpenQASM; IonQ reads it after it has taken the job."""
    try:
        return Program(qasm.circuit(source))
    except qasm.QasmError as error:
        return Program(code="PreflightError", message=str(error))
