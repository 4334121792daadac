"""Protocols and simulations: a cell is put through a protocol, as a job."""

from __future__ import annotations

import sqlite3
from typing import Any

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from failwell.apis.ionworks import orders, queries
from failwell.apis.ionworks.access import key_of
from failwell.apis.ionworks.battery.protocol import Protocol, ProtocolError, bind, parse
from failwell.apis.ionworks.bodies import answer, checked, invalid, nothing
from failwell.apis.ionworks.contract import IONWORKS
from failwell.apis.ionworks.designs import Run, planned
from failwell.apis.ionworks.house import Handlers, House, origin
from failwell.apis.ionworks.models import Model, Models
from failwell.apis.ionworks.records import minted, timestamp
from failwell.apis.ionworks.routes.cells import among
from failwell.apis.ionworks.solver import SimulateTask
from failwell.apis.ionworks.storage import SERIES, STEPS

VARIABLES = ("Open-circuit voltage [V]", "SOC", "Power [W]")
"""What a simulation's time series holds beside time, current and voltage."""

_STATES = {
    "queued": ("pending",),
    "running": ("processing",),
    "completed": ("completed",),
    "failed": ("failed", "canceled"),
}


class Simulations:
    """The routes of protocols and simulations."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._models = Models(house.records)

    def handlers(self) -> Handlers:
        """Its routes, by operation."""
        return {
            "parse_protocol": self.parse,
            "create_simulations": self.create,
            "list_simulations": self.page,
            "get_simulation": self.get,
            "delete_simulation": self.delete,
            "get_statuses": self.statuses,
            "download_simulation_series": self.series,
            "download_simulation_steps": self.steps,
        }

    async def parse(self, request: Request) -> Response:
        """A template of a protocol that can be run; the same text is one template a project."""
        new = await self._house.body(request, orders.NewTemplate)
        where = ("body", "protocol_experiment")
        experiment = checked(new.protocol_experiment, orders.ProtocolExperiment, where)
        project = key_of(request).project_for(new.project_id)
        try:
            # YAML takes its time: nobody else is to wait for it.
            protocol = await anyio.to_thread.run_sync(parse, experiment.protocol)
        except ProtocolError as error:
            raise invalid((*where, "protocol"), str(error), "protocol_error") from None
        return answer({"template_id": self._kept(project, experiment, protocol)}, 201)

    def _kept(self, project: str, new: orders.ProtocolExperiment, protocol: Protocol) -> str:
        records = self._house.records
        records.write(
            "INSERT OR IGNORE INTO templates VALUES (?, ?, ?, ?, ?, ?)",
            *(minted(), project, new.name, new.protocol),
            *(msgspec.json.encode(protocol).decode(), timestamp()),
        )
        row = records.row(
            "SELECT id FROM templates WHERE project = ? AND source = ?", project, new.protocol
        )
        assert row is not None
        identifier: str = row["id"]
        return identifier

    async def create(self, request: Request) -> Response:
        """A simulation for each run, pending."""
        new = await self._house.body(request, orders.NewSimulations)
        key = key_of(request)
        template, protocol = self._template(new.experiment_template_id, key.projects)
        project = template["project"] if new.project_id is None else key.project_for(new.project_id)
        unknown = [name for name in new.extra_variables or () if name not in VARIABLES]
        if unknown:
            raise invalid(("body", "extra_variables"), f"The model has no {unknown[0][:80]!r}")
        self._house.dispatch.require_solver()
        with self._house.records.transaction():
            model = self._models.of(new.parameterized_model, project, key.projects)
            made = [
                self._add(project, template["id"], protocol, model, run) for run in planned(new)
            ]
        self._house.dispatch.nudge()
        return answer(made, 201)

    def _template(self, identifier: str, projects: frozenset[str]) -> tuple[sqlite3.Row, Protocol]:
        row = self._house.records.row("SELECT * FROM templates WHERE id = ?", identifier)
        if row is None or row["project"] not in projects:
            message = f"There is no experiment template {identifier[:80]}"
            raise IONWORKS.fail("NOT_FOUND", message=message)
        return row, msgspec.json.decode(row["protocol"], type=Protocol)

    def _add(
        self, project: str, template: str, protocol: Protocol, model: Model, run: Run
    ) -> dict[str, str]:
        identifier, now = minted(), timestamp()
        parameters = model.varied(run.design)
        try:
            bound = bind(protocol, run.inputs)
        except ProtocolError as error:
            raise invalid(("body", "experiment_parameter_sets"), str(error)) from None
        series, steps = (
            str(self._house.storage.file(f"simulations/{identifier}/{name}"))
            for name in (SERIES, STEPS)
        )
        task = SimulateTask(parameters, bound, series, steps)
        job = self._house.jobs.add(project, "simulation", identifier, task)
        self._house.records.insert(
            "simulations",
            id=identifier,
            project=project,
            created=now,
            updated=now,
            fields=msgspec.json.encode(run).decode(),
            job=job,
            model=model.id,
            template=template,
        )
        return {"simulation_id": identifier, "job_id": job}

    async def page(self, request: Request) -> Response:
        """A page of the caller's simulations."""
        given, projects = request.query_params, key_of(request).projects
        query = queries.read(given, named=False).where(*among("project", projects))
        for name, column in (
            ("parameterized_model_id", "model"),
            ("experiment_template_id", "template"),
        ):
            if name in given:
                query.where(f"{column} = ?", given[name])
        if "state" in given:
            statuses = frozenset(_STATES.get(given["state"], ()))
            condition, *values = among("status", statuses)
            query.where(f"job IN (SELECT id FROM jobs WHERE {condition})", *values)
        found, total = query.run(self._house.records, "simulations")
        return answer(queries.whole([_shown(row) for row in found], total, "simulations"))

    async def get(self, request: Request) -> Response:
        """One simulation; `storage_folder` is there as soon as it is finished."""
        return answer(_shown(self._simulation(request)))

    async def delete(self, request: Request) -> Response:
        """Delete the simulation, its job and its files."""
        row = self._simulation(request)
        job = self._house.jobs.get(row["job"])
        with self._house.records.transaction():
            self._house.records.write("DELETE FROM simulations WHERE id = ?", row["id"])
            self._house.jobs.remove(job.id)
        await self._house.dispatch.let_go(job)
        self._house.storage.remove(f"simulations/{row['id']}")
        return nothing()

    async def statuses(self, request: Request) -> Response:
        """How far each of many simulations is; one that is not known is left out."""
        asked = await self._house.body(request, orders.StatusesAsked)
        wanted = frozenset(asked.simulation_ids)
        ids, *id_values = among("simulations.id", wanted)
        projects, *project_values = among("simulations.project", key_of(request).projects)
        found = self._house.records.rows(
            "SELECT simulations.id, jobs.status, jobs.error, jobs.updated FROM simulations"
            f" JOIN jobs ON jobs.id = simulations.job WHERE {ids} AND {projects} LIMIT ?",
            [*id_values, *project_values, asked.limit],
        )
        return answer(
            [
                {
                    "simulation_id": row["id"],
                    "status": row["status"],
                    "error": row["error"],
                    "error_code": "JOB_FAILED" if row["status"] == "failed" else None,
                    "updated_at": row["updated"],
                }
                for row in found
            ]
        )

    async def series(self, request: Request) -> Response:
        """The way to the time series' file."""
        return self._to(request, SERIES)

    async def steps(self, request: Request) -> Response:
        """The way to the steps' file."""
        return self._to(request, STEPS)

    def _to(self, request: Request, filename: str) -> Response:
        row = self._simulation(request)
        if row["folder"] is None:
            raise IONWORKS.fail("NOT_FOUND", message="This simulation has no result yet")
        link, _ = self._house.storage.link(origin(request), "GET", f"{row['folder']}/{filename}")
        return RedirectResponse(link, 307)

    def _simulation(self, request: Request) -> sqlite3.Row:
        identifier = request.path_params["id"]
        row = self._house.records.row("SELECT * FROM simulations WHERE id = ?", identifier)
        if row is None or row["project"] not in key_of(request).projects:
            raise IONWORKS.fail("NOT_FOUND", message=f"There is no simulation {identifier[:80]}")
        return row


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    run = msgspec.json.decode(row["fields"], type=Run)
    data: dict[str, Any] = {
        "id": row["id"],
        "job_id": row["job"],
        "project_id": row["project"],
        "parameterized_model_id": row["model"],
        "experiment_template_id": row["template"],
        "experiment_parameters": run.inputs,
        "design_parameters": run.design,
        "created_at": row["created"],
        "updated_at": row["updated"],
    }
    if row["folder"] is not None:
        metrics = msgspec.json.decode(row["metrics"])
        data |= {"storage_folder": row["folder"], "metrics": metrics}
    return data
