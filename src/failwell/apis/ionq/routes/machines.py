"""The routes of what is there before any job: backends, their measurements, keys and prices."""

from __future__ import annotations

import time
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from failwell.apis.ionq import prices
from failwell.apis.ionq.access import Key, key_of
from failwell.apis.ionq.backends import BACKENDS, Backend
from failwell.apis.ionq.database import iso
from failwell.apis.ionq.openapi import Handler
from failwell.apis.ionq.refusals import bad_request, not_found
from failwell.apis.ionq.routes.queries import Characterizations, EstimateOf, read


class MachineRoutes:
    """Answers for backends, characterizations, `whoami` and estimates."""

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Each operation and who answers it."""
        return {
            "get_backends": _list,
            "get_backend": _get,
            "get_characterizations": _characterizations,
            "get_characterization": _characterization,
            "get_whoami": _whoami,
            "estimate_job_cost": _estimate,
        }


async def _list(request: Request) -> Response:
    return JSONResponse([backend.json() for backend in BACKENDS.values()])


async def _get(request: Request) -> Response:
    return JSONResponse(_backend(request).json())


async def _characterizations(request: Request) -> Response:
    backend, asked = _backend(request), read(request, Characterizations)
    found = [
        one
        for one in backend.characterizations()
        if (asked.start or "") <= one["date"] and (asked.end is None or one["date"] < asked.end)
    ]
    first = (asked.page - 1) * asked.limit
    left = max(0, len(found) - first - asked.limit)
    page = found[first : first + asked.limit]
    return JSONResponse({"characterizations": page, "pages": -(-left // asked.limit)})


async def _characterization(request: Request) -> Response:
    identifier = request.path_params["uuid"]
    for one in _backend(request).characterizations():
        if one["id"] == identifier.lower():
            return JSONResponse(one)
    raise not_found(f"Characterization {identifier[:40]}")


async def _whoami(request: Request) -> Response:
    key = key_of(request)
    return JSONResponse({"key_id": key.id, "key_name": key.name, "project_id": key.project})


async def _estimate(request: Request) -> Response:
    key, asked = key_of(request), read(request, EstimateOf)
    backend = BACKENDS.get(asked.backend)
    if backend is None:
        raise bad_request(f'"backend": there is no {asked.backend[:40]!r}', "backend", "query")
    work = prices.Work(
        one_qubit=asked.one_qubit,
        two_qubit=asked.two_qubit,
        shots=asked.shots,
        mitigated=asked.error_mitigation,
    )
    return JSONResponse(
        {
            "estimate_context": _context(key, asked),
            "estimated_at": iso(time.time()),
            "estimated_unit": prices.UNIT,
            "rate_card": {"id": prices.RATE_CARD, "rates": [prices.rate_json(backend)]},
            "estimated_total_cost": prices.dollars(work, backend) or 0.0,
            "estimated_execution_time": prices.machine_us(work) // 1000,
            "current_predicted_queue_time": 0,
        }
    )


def _context(key: Key, asked: EstimateOf) -> dict[str, object]:
    return {
        "backend": asked.backend,
        "type": asked.type,
        "qubits": asked.qubits,
        "shots": asked.shots,
        "1q_gates": asked.one_qubit,
        "2q_gates": asked.two_qubit,
        "error_mitigation": asked.error_mitigation,
        "organization": key.organization,
        "project": key.project,
    }


def _backend(request: Request) -> Backend:
    name = request.path_params["backend"]
    if name not in BACKENDS:
        raise not_found(f"Backend {name[:40]}")
    return BACKENDS[name]
