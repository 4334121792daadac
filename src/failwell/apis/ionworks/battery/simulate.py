"""Puts a circuit through a protocol, step after step."""

from __future__ import annotations

from typing import Any

import numpy as np

from failwell.apis.ionworks.battery import tables
from failwell.apis.ionworks.battery.cell import MOST_ROWS, Cell, SimulationError
from failwell.apis.ionworks.battery.circuit import Circuit
from failwell.apis.ionworks.battery.protocol import Protocol
from failwell.apis.ionworks.battery.tables import Array, Table


def simulate(circuit: Circuit, protocol: Protocol) -> tuple[Table, dict[str, Any]]:
    """The time series of a bound protocol, and its metrics. Raises `SimulationError`."""
    cell = Cell(circuit)
    state = cell.initial(protocol)
    parts: list[Table] = []
    clock, safety = 0.0, None
    for number, step in enumerate(protocol.steps):
        trace = cell.run(f"step {number} ({step.direction})", step, state, protocol)
        parts.append(cell.table(number, step, trace, clock))
        state, clock = trace.last, clock + float(trace.times[-1])
        if trace.stopped_by in ("voltage_min", "voltage_max"):
            safety = trace.stopped_by
            break
        if sum(len(part[tables.TIME]) for part in parts) > MOST_ROWS:
            raise SimulationError(f"more than {MOST_ROWS} rows: choose a coarser resolution")
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    table[tables.TEMPERATURE] = np.full(len(table[tables.TIME]), float(protocol.temperature))
    return table, _metrics(parts, state, safety)


def _metrics(parts: list[Table], state: Array, safety: str | None) -> dict[str, Any]:
    sums = (
        tables.DISCHARGED,
        tables.CHARGED,
        tables.DISCHARGED_ENERGY,
        tables.CHARGED_ENERGY,
    )
    totals = {name: float(sum(part[name][-1] for part in parts)) for name in sums}
    volts = np.concatenate([part[tables.VOLTAGE] for part in parts])
    return {
        **totals,
        "Minimum voltage [V]": float(volts.min()),
        "Maximum voltage [V]": float(volts.max()),
        "Final SOC": float(state[0]),
        "Steps run": len(parts),
        "Stopped by safety limit": safety,
    }
