"""What each operation gives when it goes well, and the error of all of them.

Source: IonQ's API description v0.4.
"""

from __future__ import annotations

from failwell.apis.ionq.contract import IONQ
from failwell.apis.ionq.schemas.parts import (
    BOOLEAN,
    NUMBER,
    OBJECT,
    STATUS,
    STRING,
    Schema,
    nullable,
    object_of,
)

ERROR: Schema = {
    **object_of(
        {
            "error": {"enum": sorted({entry.code for entry in IONQ.codes})},
            "message": STRING,
            "statusCode": {"type": "integer"},
        },
        {
            "validation": object_of(
                {
                    "keys": {"type": "array", "items": STRING},
                    "source": {"enum": ["body", "query", "params"]},
                }
            )
        },
    ),
    "additionalProperties": False,
}

_TEXT_OR_NULL = nullable(STRING)
_COUNT_OR_NULL = nullable({"type": "integer"})
_FAILURE = object_of({"code": STRING, "message": STRING})
_JOB = object_of(
    {
        "id": STRING,
        "status": STATUS,
        "type": STRING,
        "backend": STRING,
        "dry_run": BOOLEAN,
        "submitter_id": STRING,
        "project_id": _TEXT_OR_NULL,
        "parent_job_id": _TEXT_OR_NULL,
        "child_job_ids": nullable({"type": "array", "items": STRING}),
        "session_id": _TEXT_OR_NULL,
        "metadata": nullable(OBJECT),
        "name": _TEXT_OR_NULL,
        "submitted_at": STRING,
        "started_at": _TEXT_OR_NULL,
        "completed_at": _TEXT_OR_NULL,
        "predicted_wait_time_ms": _COUNT_OR_NULL,
        "predicted_execution_duration_ms": _COUNT_OR_NULL,
        "execution_duration_ms": _COUNT_OR_NULL,
        "failure": nullable(_FAILURE),
        "output": OBJECT,
        "settings": OBJECT,
        "stats": OBJECT,
        "results": nullable(OBJECT),
    },
    {"shots": {"type": "integer"}, "noise": OBJECT},
)
_PAGE = object_of({"jobs": {"type": "array", "items": _JOB}, "next": _TEXT_OR_NULL})
_ENDED: Schema = {"enum": ["created", "started", "ended"]}
_SESSION = object_of(
    {
        "id": STRING,
        "created_at": STRING,
        "organization_id": STRING,
        "backend": _TEXT_OR_NULL,
        "project_id": _TEXT_OR_NULL,
        "creator_id": _TEXT_OR_NULL,
        "ended_at": _TEXT_OR_NULL,
        "ender_id": _TEXT_OR_NULL,
        "active": BOOLEAN,
        "status": _ENDED,
        "started_at": _TEXT_OR_NULL,
    },
    {"settings": OBJECT},
)
_BACKEND = object_of(
    {
        "backend": STRING,
        "status": {"enum": ["available", "unavailable", "retired"]},
        "qubits": {"type": "integer"},
        "average_queue_time": NUMBER,
        "last_updated": STRING,
    }
)
_SEVERAL = object_of({"ids": {"type": "array", "items": STRING}, "status": STRING})
_ONE = object_of({"id": STRING, "status": STRING})

SUCCESSES: dict[str, Schema] = {
    "get_backends": {"type": "array", "items": _BACKEND},
    "get_backend": _BACKEND,
    "get_characterizations": object_of({"characterizations": {"type": "array"}}),
    "get_characterization": object_of({"id": STRING}),
    "get_whoami": object_of({"key_id": STRING, "key_name": STRING}, {"project_id": STRING}),
    "create_job": object_of({"id": STRING, "status": STATUS, "session_id": _TEXT_OR_NULL}),
    "get_jobs": _PAGE,
    "delete_jobs": _SEVERAL,
    "estimate_job_cost": object_of({"estimated_total_cost": NUMBER, "estimated_unit": STRING}),
    "cancel_jobs": _SEVERAL,
    "get_job": _JOB,
    "delete_job": _ONE,
    "get_job_cost": object_of({"dry_run": BOOLEAN}),
    "get_job_probabilities": {"type": "object", "additionalProperties": NUMBER},
    "cancel_job": _ONE,
    "create_session": _SESSION,
    "get_sessions": object_of(
        {"organization_id": STRING, "sessions": {"type": "array", "items": _SESSION}}
    ),
    "get_session": _SESSION,
    "end_session": _SESSION,
    "get_session_jobs": _PAGE,
    "get_usages": object_of({"group_type": STRING, "modality": STRING}),
}
"""What each operation gives when it goes well."""
