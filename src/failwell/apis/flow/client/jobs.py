"""How Flow speaks of what goes on after it has answered: executions, and imports of samples."""

from __future__ import annotations

from typing import Any

from failwell.apis.flow.exceptions import ExecutionFailedError, ExecutionTimeoutError
from failwell.job import Job


def _reason(record: Any) -> str:
    """Which process failed, and why."""
    said = (record.get("failed_process"), record.get("error"))
    return ": ".join(str(part) for part in said if part)


def _code(record: Any) -> str | None:
    """The code that Flow gives where the outputs of such an execution are asked for."""
    return "EXECUTION_FAILED" if record.get("status") == "ERROR" else None


EXECUTION = Job(
    url="executions/{id}",
    succeeded=frozenset({"OK"}),
    failed=frozenset({"ERROR"}),
    cancelled=frozenset({"CANCELED"}),
    reason=_reason,
    code=_code,
    cancel=("POST", "executions/{id}/cancel"),
    first=0.25,
    cap=10.0,
    name="Execution",
    resume="client.wait({id})",
    failed_error=ExecutionFailedError,
    timeout_error=ExecutionTimeoutError,
)
IMPORT = Job(
    url="v2/sample-imports/{id}",
    succeeded=frozenset({"COMPLETED"}),
    failed=frozenset({"FAILED"}),
    name="Import",
    resume="client.wait_for_import({id})",
    failed_error=ExecutionFailedError,
    timeout_error=ExecutionTimeoutError,
)
