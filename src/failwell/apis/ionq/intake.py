"""Taking a job in: a row for it, and one for each of its circuits where it has several."""

from __future__ import annotations

from typing import Any

import msgspec

from failwell.apis.ionq import preflight, prices
from failwell.apis.ionq.access import Key
from failwell.apis.ionq.backends import Backend
from failwell.apis.ionq.circuits import Circuit
from failwell.apis.ionq.database import Database
from failwell.apis.ionq.job_row import SPLIT
from failwell.apis.ionq.jobs import Jobs
from failwell.apis.ionq.preflight import JobFailure
from failwell.apis.ionq.sessions import Row as Session
from failwell.apis.ionq.sessions import Sessions
from failwell.apis.ionq.submissions import NewJob, Program

_CHILD = "ionq.circuit.v1"


class Intake:
    """Writes jobs down: all of one, or nothing."""

    def __init__(self, database: Database, jobs: Jobs, sessions: Sessions) -> None:
        self._database = database
        self._jobs = jobs
        self._sessions = sessions

    def take(
        self,
        job: NewJob,
        programs: list[Program],
        key: Key,
        backend: Backend,
        session: Session | None,
    ) -> str:
        """Write the job down; gives its id."""
        shared = _shared(job, key)
        with self._database.transaction():
            if session is not None:
                self._sessions.begin(session)
            if job.type != SPLIT:
                fields = shared | _program(programs[0], job, backend)
                return self._jobs.add(fields, programs[0].circuit)
            identifier = self._jobs.add(shared | _whole(programs, job, backend), None)
            for each in programs:
                fields = shared | _program(each, job, backend)
                fields |= {"type": _CHILD, "parent": identifier, "name": each.name}
                self._jobs.add(fields, each.circuit)
        return identifier


def _shared(job: NewJob, key: Key) -> dict[str, Any]:
    return {
        "session": job.session_id,
        "submitter": key.user,
        "project": key.project,
        "type": job.type,
        "backend": job.backend,
        "name": job.name,
        "metadata": _text(job.metadata),
        "settings": _text(job.settings) or "{}",
        "noise": _text(job.noise),
        "shots": job.shots,
        "dry_run": bool(job.dry_run),
    }


def _program(program: Program, job: NewJob, backend: Backend) -> dict[str, Any]:
    """What one circuit adds to its row."""
    circuit = program.circuit
    if circuit is None:
        refused = JobFailure(program.code or "InvalidInput", program.message)
        return _sizes([], job, backend) | {"flaw": _text(refused)}
    flaw = preflight.check(circuit, backend, job.shots)
    return _sizes([circuit], job, backend) | {"flaw": _text(flaw)}


def _whole(programs: list[Program], job: NewJob, backend: Backend) -> dict[str, Any]:
    circuits = [each.circuit for each in programs if each.circuit is not None]
    return _sizes(circuits, job, backend)


def _sizes(circuits: list[Circuit], job: NewJob, backend: Backend) -> dict[str, Any]:
    counts = [circuit.gate_counts for circuit in circuits]
    work = prices.Work(
        one_qubit=sum(count["1q"] for count in counts),
        two_qubit=sum(count["2q"] for count in counts),
        shots=job.shots,
        mitigated=_is_mitigated(job),
    )
    return {
        "qubits": max((circuit.qubits for circuit in circuits), default=0),
        "circuits": len(circuits),
        "one_qubit": work.one_qubit,
        "two_qubit": work.two_qubit,
        "price": prices.dollars(work, backend),
    }


def _is_mitigated(job: NewJob) -> bool:
    mitigation = job.settings.error_mitigation if job.settings else None
    return mitigation is not None and bool(mitigation.debiasing)


def _text(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
