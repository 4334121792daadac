"""The sandbox with Ionworks in it, on a real port, and a bare client to speak to it."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from typing import Any

import httpx2
import polars as pl
import pytest

from apis.serving import Served, serving

DISCHARGE = """
global: {initial_state_type: soc_percentage, initial_state_value: 90, resolution: {time: 60}}
steps:
  - Rest: {duration: 120}
  - Discharge: {mode: C-rate, value: 1, ends: [Voltage < 3.2]}
"""


class Lab(Served):
    """One sandbox with Ionworks."""

    api = "ionworks"
    field = ("X-API-Key", "{}")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.project: str = self.about["project_id"]
        self._names = (f"thing {number}" for number in itertools.count(1))

    def name(self) -> str:
        """A name that nothing has yet."""
        return next(self._names)

    def made(self, path: str, **body: Any) -> dict[str, Any]:
        """What a POST that must go well makes."""
        response = self.call("POST", path, json=body)
        assert response.status_code in (200, 201), response.text
        data: dict[str, Any] = response.json()
        return data

    def spec(self) -> dict[str, Any]:
        """A new specification."""
        return self.made("/cell_specifications", name=self.name())

    def cell(self) -> dict[str, Any]:
        """A new cell of a new specification."""
        path = f"/cell_specifications/{self.spec()['id']}/cell_instances"
        return self.made(path, name=self.name())

    def begun(self, cell: dict[str, Any], name: str, **more: Any) -> dict[str, Any]:
        """An upload that is begun."""
        path = f"/cell_instances/{cell['id']}/cell_measurements/initiate-upload"
        return self.made(path, measurement={"name": name}, **more)

    def uploaded(self, cell: dict[str, Any], series: dict[str, Any] | bytes) -> dict[str, Any]:
        """A measurement of this time series, confirmed."""
        name, body = self.name(), series if isinstance(series, bytes) else parquet(series)
        begun = self.begun(cell, name)
        put = self.http.put(begun["uploads"][0]["signed_url"], content=body)
        assert put.status_code == 200, put.text
        return self.made(
            f"/cell_measurements/{begun['measurement_id']}/confirm-upload",
            cell_instance_id=cell["id"],
            measurement={"name": name},
            measurement_type="time_series",
        )

    def processed(self, measurement: dict[str, Any]) -> dict[str, Any]:
        """The measurement when its processing is over."""
        path = f"/cell_measurements/{measurement['id']}"
        return self.when(path, lambda m: m["processing_status"] in ("ready", "failed"))

    def template(self, protocol: str) -> str:
        """The template of a protocol."""
        experiment = {"protocol": protocol, "name": "a protocol"}
        found: str = self.made("/protocols/parse-to-template", protocol_experiment=experiment)[
            "template_id"
        ]
        return found

    def simulated(self, protocol: str = DISCHARGE, **more: Any) -> list[dict[str, Any]]:
        """Simulations of a quick model, submitted."""
        body = {
            "parameterized_model": {
                "quick_model": {"capacity": 2.0, "chemistry": "NMC/Graphite"},
            },
            "experiment_template_id": self.template(protocol),
            "experiment_parameter_sets": [{}],
        } | more
        response = self.call("POST", "/simulations/with-template/batch", json=body)
        assert response.status_code == 201, response.text
        found: list[dict[str, Any]] = response.json()
        return found

    def job(self, identifier: str) -> dict[str, Any]:
        """The job when it is over."""
        return self.when(f"/jobs/{identifier}", lambda job: job["is_terminal"])

    def ran(self, **elements: Any) -> dict[str, Any]:
        """A pipeline of these elements, when it is over."""
        created = self.made("/pipelines", elements=elements, project_id=self.project)
        return self.when(f"/pipelines/{created['id']}", lambda record: record["is_terminal"])


def parquet(columns: dict[str, Any]) -> bytes:
    """These columns as a Parquet file."""
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file)
    return file.getvalue()


def error_of(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The body of an error, whose every part is checked: envelope, id, media type."""
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    assert set(body) == {"error_code", "message", "detail"}
    assert body["error_code"] == code
    assert body["message"]
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-correlation-id"]
    return body


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A sandbox with Ionworks alone."""
    with serving(Lab, {}) as lab:
        yield lab
