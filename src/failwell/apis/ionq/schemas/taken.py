"""What each operation takes: its body, its query, and what stands in its path.

Source: IonQ's API description v0.4.
"""

from __future__ import annotations

from failwell.apis.ionq.backends import BACKENDS, NOISE
from failwell.apis.ionq.circuits import NATIVE, QIS
from failwell.apis.ionq.schemas.parts import (
    BOOLEAN,
    NUMBER,
    OBJECT,
    STATUS,
    STRING,
    Schema,
    integer,
    object_of,
)

_RUNNABLE: Schema = {"enum": [b.name for b in BACKENDS.values() if b.status == "available"]}
_NUMBERS: Schema = {"type": "array", "items": NUMBER}
_QUBITS: Schema = {"type": "array", "items": integer(0, 62)}
_GATE: Schema = {
    **object_of(
        {"gate": {"enum": sorted(QIS | NATIVE)}},
        {
            "target": integer(0, 62),
            "targets": _QUBITS,
            "control": integer(0, 62),
            "controls": _QUBITS,
            "rotation": NUMBER,
            "phase": NUMBER,
            "phases": _NUMBERS,
            "angle": NUMBER,
            "terms": {"type": "array", "items": {"type": "string", "pattern": "^[IXYZ]+$"}},
            "coefficients": _NUMBERS,
            "time": {"type": "number", "exclusiveMinimum": 0},
        },
    ),
    "additionalProperties": False,
}
_GATES: Schema = {"type": "array", "items": _GATE}
_GATESET: Schema = {"enum": ["qis", "native"]}
_WIDTH = integer(1, 63)
_CIRCUIT = object_of({"circuit": _GATES}, {"gateset": _GATESET, "qubits": _WIDTH})
_CIRCUITS = object_of(
    {
        "circuits": {"type": "array", "items": _CIRCUIT, "minItems": 1, "maxItems": 5000},
        "gateset": _GATESET,
    },
    {"qubits": _WIDTH},
)
_METADATA: Schema = {
    "type": "object",
    "maxProperties": 10,
    "propertyNames": {"maxLength": 40},
    "additionalProperties": {"type": "string", "maxLength": 40000},
}
_SETTINGS = object_of(
    {},
    {
        "error_mitigation": object_of({}, {"debiasing": BOOLEAN, "symmetry_verification": BOOLEAN}),
        "compilation": object_of({}, {"precision": STRING, "opt": NUMBER, "gate_basis": STRING}),
    },
)
_NOISE = object_of({"model": {"enum": list(NOISE)}}, {"seed": integer(-(2**31), 2**31 - 1)})


def _job(kind: str, content: Schema) -> Schema:
    required = {"type": {"const": kind}, "backend": _RUNNABLE, "input": content}
    optional = {
        "shots": {**integer(1, 1_000_000), "default": 100},
        "name": STRING,
        "metadata": _METADATA,
        "session_id": STRING,
        "settings": _SETTINGS,
        "dry_run": BOOLEAN,
        "noise": _NOISE,
    }
    return object_of(required, optional)


_IDS = object_of({"ids": {"type": "array", "items": STRING, "minItems": 1, "maxItems": 500}})
_COUNT = integer(1, 2**31 - 1)
_COST = object_of({"value": {"type": "number", "exclusiveMinimum": 0}}, {"unit": STRING})

BODIES: dict[str, Schema] = {
    "create_job": {
        "anyOf": [
            _job("ionq.circuit.v1", _CIRCUIT),
            _job("ionq.multi-circuit.v1", _CIRCUITS),
            _job("ionq.qasm3.v1", object_of({"data": STRING})),
            _job("quantum-function", OBJECT),
            _job("qctrl.qaoa.v1", OBJECT),
        ]
    },
    "delete_jobs": _IDS,
    "cancel_jobs": _IDS,
    "create_session": object_of(
        {"backend": _RUNNABLE},
        {
            "settings": object_of(
                {},
                {"job_count_limit": _COUNT, "duration_limit_min": _COUNT, "cost_limit": _COST},
            )
        },
    ),
}
"""What each operation takes."""


def _query(name: str, schema: Schema, *, required: bool = False) -> Schema:
    return {"name": name, "in": "query", "required": required, "schema": schema}


_LIST = [
    _query("ids", {"type": "array", "items": STRING, "maxItems": 500}),
    _query("parent_job_id", STRING),
    _query("status", STATUS),
    _query("target", STRING),
    _query("session_id", STRING),
    _query("submitter_id", STRING),
    _query("limit", integer(1, 25)),
    _query("next", STRING),
]
_DAY: Schema = {"type": "string", "format": "date"}
_BIG = integer(0, 2**31 - 1)

QUERIES: dict[str, list[Schema]] = {
    "get_characterizations": [
        _query("start", _DAY),
        _query("end", _DAY),
        _query("limit", integer(1, 10)),
        _query("page", _COUNT),
    ],
    "get_jobs": _LIST,
    "get_session_jobs": _LIST,
    "get_job_probabilities": [_query("sharpen", BOOLEAN)],
    "get_sessions": [_query("active", BOOLEAN)],
    "estimate_job_cost": [
        _query("backend", {"enum": list(BACKENDS)}, required=True),
        _query("type", STRING),
        _query("qubits", _COUNT),
        _query("shots", integer(1, 1_000_000)),
        _query("1q_gates", _BIG),
        _query("2q_gates", _BIG),
        _query("error_mitigation", BOOLEAN),
    ],
    "get_usages": [
        _query("start_date", _DAY, required=True),
        _query("end_date", _DAY, required=True),
        _query("group_by", {"enum": ["job", "project", "user"]}, required=True),
        _query("modality", {"enum": ["daily", "weekly", "monthly"]}, required=True),
    ],
}
"""What each operation takes in its query."""

PARAMETERS: dict[str, Schema] = {
    name: {"name": name, "in": "path", "required": True, "schema": STRING}
    for name in ("id", "uuid", "backend", "session_id", "organization_id")
}
"""What stands in the paths."""
