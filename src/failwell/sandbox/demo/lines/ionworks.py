"""Cells to be understood: a measured one is described, uploaded and fitted; a protocol is put to a
model; what cannot be calculated fails with the solver's own traceback.

Each piece of work is an order in JSON: with a time series (CSV) or a protocol (YAML) beside it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from failwell.apis.ionworks import AsyncIonworks
from failwell.errors import JobFailedError
from failwell.sandbox.demo.line import POLICY, Worker, data
from failwell.sandbox.demo.story import Item, Stage, heard
from failwell.sandbox.demo.task import Task

_WAIT: dict[str, Any] = {"timeout": 60.0, "poll_interval": 0.3, "verbose": False}


class Cells:
    """The orders that come with failwell."""

    api = "ionworks"
    at_once = 5
    component = "solver"
    away = 2.0

    def __init__(self) -> None:
        self.limits: dict[str, Any] = {}
        self._orders = {path.stem: path for path in data(self.api) if path.suffix == ".json"}

    def items(self) -> Sequence[Item]:
        """A piece of work for each order."""
        return [Item(self.api, name) for name in self._orders]

    @asynccontextmanager
    async def open(self, about: dict[str, Any], stage: Stage) -> AsyncGenerator[Worker]:
        """A worker that carries orders out."""
        async with AsyncIonworks(
            about["credentials"]["key"],
            about["base_url"],
            about["project_id"],
            print_correlation_id=False,
            policy=POLICY,
            hooks=[heard],
            limits=httpx2.Limits(max_connections=64),
        ) as client:

            async def work(item: Item) -> None:
                await _carry_out(_Task(client, item, stage), self._orders[item.name])

            yield work


_Task = Task[AsyncIonworks]


async def _carry_out(task: _Task, path: Path) -> None:
    order: dict[str, Any] = json.loads(path.read_text("utf-8"))
    protocol = path.with_suffix(".yaml")
    try:
        if protocol.exists():
            result = await _simulated(task, order, protocol)
        else:
            measured = await _measured(task, order, path.with_suffix(".csv"))
            result = await _fitted(task, order["elements"], measured)
    except JobFailedError as error:
        task.item.refused, task.item.state = error.message.rstrip().splitlines()[-1], "refused"
    else:
        task.item.result, task.item.state = result, "done"


async def _measured(task: _Task, order: dict[str, Any], table: Path) -> str:
    """The id of the measurement of an order; empty where it has none."""
    if not table.exists():
        return ""
    client, item = task.client, task.item
    spec = await task.named(
        "describing the cell", lambda: client.cell_spec.create_or_get(order["spec"])
    )
    item.told("cell_specs", spec.id)
    cell = await task.named(
        "naming the cell", lambda: client.cell_instance.create_or_get(spec.id, order["cell"])
    )
    item.told("cell_instances", cell.id)
    detail = {"measurement": order["measurement"], "time_series": _columns(table)}
    measurement = await task.named(
        "uploading", lambda: client.cell_measurement.create_or_get(cell.id, detail)
    )
    item.told("measurements", measurement.id)
    return measurement.id


async def _fitted(task: _Task, elements: dict[str, Any], measurement: str) -> str:
    """What a pipeline finds out about a measurement."""
    client, name = task.client, task.item.name
    text = json.dumps(elements).replace("db:measurement", f"db:{measurement}")
    config = {"elements": json.loads(text)}

    async def there() -> Any:
        return next(iter(await client.pipeline.list(name_exact=name)), None)

    pipeline = await task.unnamed(
        "ordering the fit", lambda: client.pipeline.create(config, name=name), there
    )
    task.item.told("pipelines", pipeline.id)
    with task.calling("fitting"):
        await client.pipeline.wait_for_completion(pipeline.id, **_WAIT)
    with task.calling("reading"):
        result = await client.pipeline.result(pipeline.id)
    found = result.result["parameter_values"]
    error = result.element_results["check"]["summary_stats"]["pulses"]["RMSE"]
    ohms = " and ".join(f"{1000 * found[f'R{n} [Ohm]']:.1f}" for n in (0, 1))
    return f"{ohms} mΩ, within {1000 * error:.1f} mV"


async def _simulated(task: _Task, order: dict[str, Any], protocol: Path) -> str:
    """What a cell gives or takes under a protocol."""
    client, item = task.client, task.item
    experiment = {"name": item.name, "protocol": protocol.read_text("utf-8")}
    config = {**order, "protocol_experiment": experiment}

    async def there() -> str | None:
        inputs = order["experiment_parameters"]
        made = await client.simulation.list()
        return next((one.id for one in made if one.experiment_parameters == inputs), None)

    async def submitted() -> str | None:
        return (await client.simulation.protocol(config)).simulation_id

    simulation = await task.unnamed("submitting", submitted, there)
    assert simulation is not None
    item.told("simulations", simulation)
    with task.calling("simulating"):
        done = await client.simulation.wait_for_completion(simulation, **_WAIT)
    metrics = done.metrics or {}
    out, into = metrics["Discharge capacity [A.h]"], metrics["Charge capacity [A.h]"]
    return f"{max(out, into):.2f} A.h {'out' if out > into else 'in'}"


def _columns(table: Path) -> dict[str, list[float]]:
    """The columns of a CSV file; a count is a whole number."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    read = {name: int if "count" in name else float for name in rows[0]}
    return {name: [kind(row[name]) for row in rows] for name, kind in read.items()}
