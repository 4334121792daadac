"""The worker's side: a process that computes one task after another."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from failwell.apis.ionworks.battery import pipeline, steps, tables
from failwell.apis.ionworks.battery.cell import SimulationError
from failwell.apis.ionworks.battery.circuit import circuit_of
from failwell.apis.ionworks.battery.simulate import simulate
from failwell.apis.ionworks.battery.tables import Table, TableError
from failwell.apis.ionworks.solver.messages import (
    Derived,
    DeriveTask,
    Failed,
    PipelineTask,
    Ran,
    Simulated,
    SimulateTask,
    Task,
    Value,
)


def compute(task: Task) -> Value:
    """The value of a task; a failure is a value too."""
    try:
        match task:
            case DeriveTask():
                return _derived(task)
            case SimulateTask():
                return _simulated(task)
            case PipelineTask():
                return _ran(task)
    except (TableError, SimulationError) as error:
        return Failed(str(error))
    except Exception:
        return Failed(traceback.format_exc())


def _derived(task: DeriveTask) -> Derived:
    found, cycles = steps.derive(tables.read(Path(task.series), tables.STEP))
    tables.write(Path(task.steps), found)
    return Derived(found, cycles)


def _simulated(task: SimulateTask) -> Simulated:
    series, metrics = simulate(circuit_of(task.parameters), task.protocol)
    found, _ = steps.derive(series)
    tables.write(Path(task.steps), found)
    tables.write(Path(task.series), series)
    return Simulated(metrics)


def _ran(task: PipelineTask) -> Ran:
    def load(measurement: str) -> Table:
        return tables.read(Path(task.measurements[measurement]), *steps.ELECTRIC)

    done: dict[str, dict[str, Any]] = {}
    found: dict[str, Any] = {}
    try:
        for name, result in pipeline.run(task.elements, load):
            done[name] = result
            found |= result["parameter_values"]
    except Exception:
        return Ran(done, found, traceback.format_exc(), _next(task.elements, done))
    return Ran(done, found)


def _next(elements: Mapping[str, Any], done: Mapping[str, Any]) -> str | None:
    return next((name for name in elements if name not in done), None)


def _compute_all(tasks: queue.SimpleQueue[Task], sink: BinaryIO) -> None:
    while True:
        sink.write(msgspec.json.encode(compute(tasks.get())) + b"\n")
        sink.flush()


def main() -> None:
    """Run on standard input and output until the input closes, even in the middle of a task."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # so that a library that prints does not speak in between
    tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
    threading.Thread(target=_compute_all, args=(tasks, sink), daemon=True).start()
    decoder = msgspec.json.Decoder[Task](DeriveTask | SimulateTask | PipelineTask)
    for line in sys.stdin.buffer:
        tasks.put(decoder.decode(line))
    os._exit(0)
