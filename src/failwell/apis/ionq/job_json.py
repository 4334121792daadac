"""Jobs, as they are given: every member is there, null where there is nothing to say.

Source: IonQ's API description v0.4, schema SingleCircuitJob.
"""

from __future__ import annotations

from typing import Any

import msgspec

from failwell.apis.ionq.database import iso
from failwell.apis.ionq.job_row import Row


def job_json(job: Row, children: list[str] | None) -> dict[str, Any]:
    """The job; `children` are the ids of the jobs that it was split into."""
    body: dict[str, Any] = {
        "id": job.id,
        "status": job.status,
        "type": job.type,
        "backend": job.backend,
        "dry_run": bool(job.dry_run),
        "submitter_id": job.submitter,
        "project_id": job.project,
        "parent_job_id": job.parent,
        "child_job_ids": children,
        "session_id": job.session,
        "metadata": _read(job.metadata),
        "name": job.name,
        "submitted_at": iso(job.submitted),
        "started_at": iso(job.started),
        "completed_at": iso(job.completed),
        "predicted_wait_time_ms": None,
        "predicted_execution_duration_ms": None,
        "execution_duration_ms": _duration(job),
        "shots": job.shots,
        "failure": _read(job.failure),
        "output": {},
        "settings": _read(job.settings),
        "stats": _stats(job),
        "results": {} if job.status == "completed" and not job.dry_run else None,
    }
    if job.backend == "simulator":
        body["noise"] = _read(job.noise) or {"model": "ideal"}
    return body


def _stats(job: Row) -> dict[str, Any]:
    if not job.circuits:
        return {}
    counts = {"1q": job.one_qubit, "2q": job.two_qubit}
    return {"qubits": job.qubits, "circuits": job.circuits, "gate_counts": counts}


def _duration(job: Row) -> int | None:
    if job.started is None or job.completed is None:
        return None
    return round(1000 * (job.completed - job.started))


def _read(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)
