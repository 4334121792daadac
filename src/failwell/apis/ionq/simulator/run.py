"""Running one task: from a circuit to the probabilities of its states."""

from __future__ import annotations

import time

from failwell.apis.ionq.circuits import Operation
from failwell.apis.ionq.simulator.gates import matrix
from failwell.apis.ionq.simulator.messages import Result, Task
from failwell.apis.ionq.simulator.noise import Apply, Noise, counts
from failwell.apis.ionq.simulator.state import State, TooLargeError

_DIGITS = 12
"""Decimals of a probability; what lies beyond is rounding."""


class _TimeoutError(Exception):
    """The task's seconds are over."""


def run(task: Task) -> Result:
    """The result of a task; never raises for a circuit that is well-formed."""
    ends = time.monotonic() + task.seconds

    def tick() -> None:
        if time.monotonic() > ends:
            raise _TimeoutError

    def apply(state: State, operation: Operation) -> None:
        tick()
        if operation.name == "pauliexp":
            state.evolve(operation.terms, operation.numbers, operation.targets, tick)
        elif operation.targets:
            unitary = matrix(operation, task.circuit.gateset)
            state.apply(unitary, operation.targets, operation.controls)

    try:
        return Result(_exact(task, apply) if task.noise is None else _counted(task, apply))
    except _TimeoutError:
        return Result(
            code="SimulationTimeout", message=f"The simulation took more than {task.seconds:g} s"
        )
    except TooLargeError as error:
        return Result(code="SimulationError", message=f"The state vector is too large: {error}")


def _exact(task: Task, apply: Apply) -> dict[str, float]:
    state = State()
    for operation in task.circuit.operations:
        apply(state, operation)
    numbers, probabilities = state.probabilities()
    rounded = probabilities.round(_DIGITS)
    pairs = zip(numbers.tolist(), rounded.tolist(), strict=True)
    return {str(number): value for number, value in pairs if value}


def _counted(task: Task, apply: Apply) -> dict[str, float]:
    assert task.noise is not None
    read = counts(task.circuit, apply, Noise(*task.noise), task.shots, task.seed)
    return {str(number): times / task.shots for number, times in read.items()}
