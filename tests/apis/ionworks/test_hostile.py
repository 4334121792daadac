"""Wrong, hostile and huge input on every route: Ionworks' own envelope, and never a 5xx."""

from __future__ import annotations

import gzip
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from apis.ionworks.conftest import Lab
from failwell.apis.ionworks.endpoints import ENDPOINTS, Endpoint

BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 50_000,
    b'{"a":' * 50_000,
    b'{"name": 1e999}',
    b'{"name": "a\\u0000b"}',
    b'{"name": "%s"}' % (b"x" * 100_000),
    b'{"limit": 99999999999999999999999999, "simulation_ids": ["\\u0000"]}',
    b'{"name": "n", "measurement": [], "elements": {"a": {"element_type": []}}}',
    b'{"elements": {"a": {"element_type": "data_fit", "objectives": {"x": 5}, "parameters": {}}}}',
    b'{"elements": {"a": {"element_type": "entry", "values": {}, "objectives": [1]}}}',
    b'{"protocol_experiment": {"name": "x", "protocol": "%s"}}' % (b"[" * 2000),
    b'{"protocol_experiment": {"name": "x", "protocol": "a: &a [1]\\nb: [*a, *a]"}}',
    b'{"protocol_experiment": {"name": "x", "protocol": "steps: [{Rest: {duration: .inf}}]"}}',
    b'{"parameterized_model": {"quick_model": []}, "experiment_template_id": "x"}',
]
QUERIES = [
    "limit=-1",
    "limit=%D9%A3",
    "offset=9999999999999",
    "order_by=number;--",
    "name=%00",
    "name=ilike.%25%25",
    "created_at_gt=9999-12-31T23:59:59-23:59",
    "project_id=%27",
    "token=1-%ff",
    "status=in.(",
]


def checked(response: httpx2.Response) -> None:
    """An answer that is no success is in the envelope, and is nobody's fault but the caller's."""
    assert response.status_code < 500, (response.request.url, response.text)
    if response.status_code >= 400:
        assert set(response.json()) == {"error_code", "message", "detail"}
        assert response.headers["content-type"] == "application/json"
        assert response.headers["x-correlation-id"]


@pytest.fixture(scope="module")
def records(lab: Lab) -> dict[str, str]:
    """A record of each kind that a path may name."""
    cell = lab.cell()
    spec = cell["cell_specification_id"]
    lot = lab.made(f"/cell_specifications/{spec}/cell_batches", name="lot")
    measured = lab.made(
        f"/cell_instances/{cell['id']}/cell_measurements/create",
        name="m",
        measurement_type="properties",
        properties={},
    )
    (simulation,) = lab.simulated()
    elements = {"a": {"element_type": "entry", "values": {}}}
    pipeline = lab.made("/pipelines", elements=elements, project_id=lab.project)
    return {
        "cell_specifications": spec,
        "cell_batches": lot["id"],
        "cell_instances": cell["id"],
        "cell_measurements": measured["id"],
        "simulations": simulation["simulation_id"],
        "pipelines": pipeline["id"],
        "jobs": simulation["job_id"],
    }


def paths(endpoint: Endpoint, records: dict[str, str]) -> list[str]:
    """The endpoint's path with a real id, and with such as there are not."""
    if "{" not in endpoint.path:
        return [endpoint.path]
    real = records.get(endpoint.path.split("/")[1], "x")
    odd = ["x", "%00", "%ff%fe", "a" * 3000, quote("'; DROP TABLE jobs; --")]
    ids = [real, *odd] if endpoint.method != "DELETE" else odd
    return [
        endpoint.path.replace("{id}", one).replace("{filename}", odd[4]).replace("{path}", one)
        for one in ids
    ]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.operation)
def test_whatever_comes(lab: Lab, records: dict[str, str], endpoint: Endpoint) -> None:
    """Odd ids, odd queries, odd bodies, a bomb of zeros."""
    for path in paths(endpoint, records):
        checked(lab.call(endpoint.method, path))
    path = paths(endpoint, records)[0]
    if endpoint.method == "GET":
        for query in QUERIES:
            checked(lab.call("GET", f"{path}?{query}"))
    if endpoint.body is not None:
        for body in BODIES:
            checked(lab.call(endpoint.method, path, content=body))
        bomb: dict[str, Any] = {
            "content": gzip.compress(b" " * 40_000_000),
            "headers": {"Content-Encoding": "gzip"},
        }
        assert lab.call(endpoint.method, path, **bomb).status_code == 413


def test_the_service_is_still_there(lab: Lab) -> None:
    """After all that, a simulation runs."""
    (made,) = lab.simulated()
    assert lab.job(made["job_id"])["status"] == "completed"
