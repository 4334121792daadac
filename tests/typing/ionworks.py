"""How Ionworks' client is typed. Never executed: mypy and pyright read it, both strict."""

# pyright: reportUnusedFunction=false

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_type

from failwell.apis.ionworks import AsyncIonworks, Ionworks, IonworksError
from failwell.apis.ionworks.client.records import (
    CellInstance,
    CellMeasurement,
    CellSpecification,
    Page,
    Pipeline,
    Simulation,
)


def calls() -> None:
    """Each room knows its records."""
    with Ionworks(timeout=30, max_retries=3) as client:
        assert_type(client, Ionworks)
        spec = client.cell_spec.create_or_get({"name": "s"})
        assert_type(spec, CellSpecification)
        assert_type(client.cell_spec.list(limit=1, name_exact="s"), Page[CellSpecification])
        assert_type(client.cell_instance.create_or_get(spec.id, {"name": "c"}), CellInstance)
        assert_type(client.cell_measurement.get("m"), CellMeasurement)
        assert_type(client.simulation.wait_for_completion("s", verbose=True), Simulation)
        assert_type(client.simulation.wait_for_completion(["a", "b"]), Sequence[Simulation])
        assert_type(client.pipeline.wait_for_completion("p"), Pipeline)
        assert_type(client.pipeline.get("p").error, str | None)
        client.cell_spec.get(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        client.cell_spec.list(colour="red")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def async_calls() -> None:
    """The async client gives the same."""
    async with AsyncIonworks() as client:
        assert_type(await client.cell_spec.create_or_get({"name": "s"}), CellSpecification)
        assert_type(await client.simulation.wait_for_completion("s"), Simulation)
        assert_type(await client.simulation.wait_for_completion(["a"]), Sequence[Simulation])


def errors(error: IonworksError) -> None:
    """The exception's own attributes."""
    assert_type(error.status_code, int | None)
    assert_type(error.error_code, str | None)
    assert_type(error.correlation_id, str | None)
