"""The simulator against what is known: textbook circuits, matrices, and another way to compute."""

from __future__ import annotations

import asyncio
import math
import os
import signal
from functools import reduce
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy.linalg import expm

from failwell.apis.ionq.circuits import Circuit, Gate, GateError, GateSet, operations
from failwell.apis.ionq.simulator import Result, Simulator, SimulatorUnavailableError, Task
from failwell.apis.ionq.simulator.gates import PAULI, matrix
from failwell.apis.ionq.simulator.run import run


def circuit(gates: list[Any], qubits: int, gateset: GateSet = "qis") -> Circuit:
    """The circuit of these gates, as they are sent."""
    read = [msgspec.convert(gate, Gate) for gate in gates]
    each = [op for gate in read for op in operations(gate, gateset, qubits)]
    return Circuit(qubits, gateset, tuple(each))


def states(gates: list[Any], qubits: int, gateset: GateSet = "qis") -> dict[str, float]:
    """The probabilities of a circuit."""
    result = run(Task(circuit=circuit(gates, qubits, gateset), seconds=20))
    assert result.code is None
    return result.probabilities


def test_a_bell_pair() -> None:
    """The contract's own example: states 0 and 3 at one half each."""
    bell = [{"gate": "h", "target": 0}, {"gate": "cnot", "target": 1, "control": 0}]
    assert states(bell, 2) == {"0": 0.5, "3": 0.5}


@pytest.mark.parametrize("qubits", [3, 10, 29])
def test_a_ghz_state(qubits: int) -> None:
    """All zeros or all ones, as wide as the backend goes."""
    chain = [{"gate": "cnot", "control": a, "target": b} for a, b in pairwise(range(qubits))]
    found = states([{"gate": "h", "target": 0}, *chain], qubits)
    assert found == {"0": 0.5, str(2**qubits - 1): 0.5}


@pytest.mark.parametrize("turns", [1e308, -1e308, 2.0**1023])
def test_turns_without_end(turns: float) -> None:
    """Numbers as large as JSON holds are angles like others: whole double turns are none."""
    gates = [
        {"gate": "gpi", "target": 0, "phase": turns},
        {"gate": "gpi2", "target": 1, "phase": turns},
        {"gate": "ms", "targets": [0, 1], "phases": [turns, turns], "angle": turns},
    ]
    assert sum(states(gates, 2, "native").values()) == pytest.approx(1.0)
    zz = {"gate": "zz", "targets": [0, 1], "angle": turns}
    assert states([zz], 2, "native") == {"0": 1.0}


def test_qubit_0_is_the_least_significant_bit() -> None:
    """A flip of qubit n alone is the state 2^n."""
    for qubit in range(5):
        assert states([{"gate": "x", "target": qubit}], 5) == {str(2**qubit): 1.0}


def test_several_targets_and_controls() -> None:
    """One gate on many targets, and a flip under three controls."""
    flips = [{"gate": "not", "targets": [0, 1, 2]}]
    assert states(flips, 4) == {"7": 1.0}
    toffoli = {"gate": "x", "target": 3, "controls": [0, 1, 2]}
    assert states([*flips, toffoli], 4) == {"15": 1.0}
    assert states([{"gate": "x", "target": 0}, toffoli], 4) == {"1": 1.0}


@pytest.mark.parametrize(
    ("there", "back"), [("s", "si"), ("t", "ti"), ("v", "vi"), ("h", "h"), ("x", "not")]
)
def test_inverses(there: str, back: str) -> None:
    """A gate and its inverse leave every state as it was, the phase too."""
    around = [{"gate": "h", "target": 0}]
    both = [{"gate": there, "target": 0}, {"gate": back, "target": 0}]
    assert states(around + both + around, 1) == {"0": 1.0}


def test_powers() -> None:
    """v² = x, s² = z, t² = s, seen through Hadamards where they are phases."""
    assert states([{"gate": "v", "target": 0}] * 2, 1) == {"1": 1.0}
    h = [{"gate": "h", "target": 0}]
    assert states(h + [{"gate": "s", "target": 0}] * 2 + h, 1) == {"1": 1.0}
    assert states(h + [{"gate": "t", "target": 0}] * 4 + h, 1) == {"1": 1.0}


@pytest.mark.parametrize("angle", [0.3, math.pi / 2, -2.0, 7.0])
def test_rotations_are_in_radians(angle: float) -> None:
    """rx and ry by θ flip with probability sin²(θ/2); rz does it between Hadamards."""
    h, flips = [{"gate": "h", "target": 0}], pytest.approx(math.sin(angle / 2) ** 2, abs=1e-9)
    for gate in ("rx", "ry"):
        assert states([{"gate": gate, "target": 0, "rotation": angle}], 1)["1"] == flips
    turned = [{"gate": "rz", "target": 0, "rotation": angle}]
    assert states(h + turned + h, 1)["1"] == flips


def dense(each: Circuit) -> Any:
    """The probabilities by another way: whole matrices on a whole vector (few qubits)."""
    vector = np.zeros(2**each.qubits, complex)
    vector[0] = 1
    for op in each.operations:
        vector = _whole(op, each) @ vector
    return abs(vector) ** 2


def _whole(op: Any, each: Circuit) -> Any:
    unitary = _exponential(op) if op.name == "pauliexp" else matrix(op, each.gateset)
    size = 2**each.qubits
    whole = np.zeros((size, size), complex)
    for column in range(size):
        if not all(column >> control & 1 for control in op.controls):
            whole[column, column] = 1
            continue
        inner = sum((column >> t & 1) << n for n, t in enumerate(reversed(op.targets)))
        rest = column & ~sum(1 << t for t in op.targets)
        for row in range(len(unitary)):
            spread = sum((row >> n & 1) << t for n, t in enumerate(reversed(op.targets)))
            whole[rest | spread, column] += unitary[row, inner]
    return whole


def _exponential(op: Any) -> Any:
    words = [reduce(np.kron, [PAULI[letter] for letter in term]) for term in op.terms]
    return expm(-1j * sum(s * w for s, w in zip(op.numbers, words, strict=True)))


RANDOM: list[Any] = [
    {"gate": "h", "targets": [0, 1, 2, 3]},
    {"gate": "rx", "target": 2, "rotation": 0.7, "control": 0},
    {"gate": "zz", "targets": [1, 3], "rotation": 1.1},
    {"gate": "t", "target": 1, "controls": [0, 3]},
    {"gate": "xx", "targets": [3, 0], "rotation": -0.4},
    {"gate": "yy", "targets": [2, 1], "rotation": 2.2},
    {"gate": "swap", "targets": [0, 2]},
    {"gate": "v", "target": 3},
    {"gate": "y", "target": 1},
    {"gate": "h", "target": 0},
    {"gate": "pauliexp", "targets": [2, 0], "terms": ["XY"], "coefficients": [0.9], "time": 1.5},
    {
        "gate": "pauliexp",
        "targets": [3, 1, 0],
        "terms": ["XZI", "ZYX", "IIY"],
        "coefficients": [0.8, -1.3, 2.0],
        "time": 1.7,
    },
]
NATIVE: list[Any] = [
    {"gate": "gpi2", "target": 0, "phase": 0.1},
    {"gate": "gpi2", "target": 1, "phase": 0.3},
    {"gate": "ms", "targets": [0, 1], "phases": [0.05, 0.4], "angle": 0.2},
    {"gate": "gpi", "target": 1, "phase": 0.7},
    {"gate": "nop", "target": 0},
    {"gate": "zz", "targets": [1, 2], "angle": 0.15},
    {"gate": "gpi2", "targets": [0, 2], "phase": 0.9},
]


@pytest.mark.parametrize(("gates", "gateset"), [(RANDOM, "qis"), (NATIVE, "native")])
def test_every_gate_against_whole_matrices(gates: list[Any], gateset: GateSet) -> None:
    """After each gate of a long circuit the probabilities are those of the other way."""
    for length in range(1, len(gates) + 1):
        known = dense(circuit(gates[:length], 4, gateset))
        found = states(gates[:length], 4, gateset)
        assert [found.get(str(n), 0.0) for n in range(16)] == pytest.approx(known, abs=1e-9)


def test_a_search_finds_what_it_searches() -> None:
    """Grover's search among four finds the marked state for certain."""
    h = {"gate": "h", "targets": [0, 1]}
    flip = {"gate": "x", "targets": [0, 1]}
    mark = {"gate": "z", "target": 1, "control": 0}
    assert states([h, mark, h, flip, mark, flip, h], 2) == {"3": 1.0}


# --- Bounds ---------------------------------------------------------------------------------------


def test_time_is_bounded() -> None:
    """A job that takes too long ends as IonQ's `SimulationTimeout`."""
    wide = [{"gate": "h", "targets": list(range(14))}] * 500
    result = run(Task(circuit=circuit(wide, 14), seconds=0.05))
    assert (result.code, result.probabilities) == ("SimulationTimeout", {})
    endless = {"gate": "pauliexp", "targets": [0], "terms": ["X", "Z"], "coefficients": [1e9, 1e9]}
    result = run(Task(circuit=circuit([endless | {"time": 1e9}], 1), seconds=0.05))
    assert result.code == "SimulationTimeout"


def test_memory_is_bounded() -> None:
    """More states in superposition than are held: `SimulationError`, which says how many."""
    result = run(Task(circuit=circuit([{"gate": "h", "targets": list(range(22))}], 22), seconds=60))
    assert result.code == "SimulationError"
    assert str(2**20) in result.message


# --- Noise ----------------------------------------------------------------------------------------

BELL = [{"gate": "h", "target": 0}, {"gate": "cnot", "target": 1, "control": 0}]


def counted(noise: tuple[float, float, float], shots: int, seed: int | None) -> dict[str, float]:
    task = Task(circuit=circuit(BELL, 2), seconds=20, shots=shots, noise=noise, seed=seed)
    return run(task).probabilities


def test_noise_repeats_by_its_seed() -> None:
    """The same seed counts the same; another one does not."""
    noise = (0.01, 0.05, 0.01)
    assert counted(noise, 5000, 1) == counted(noise, 5000, 1) != counted(noise, 5000, 2)


def test_noise_is_as_strong_as_it_says() -> None:
    """Of the 15 two-qubit Pauli errors 8 break a Bell pair's parity; a misread bit does too."""
    shots = 200_000
    broken = 1 - sum(counted((0.0, 0.3, 0.0), shots, 5).get(n, 0.0) for n in ("0", "3"))
    assert broken == pytest.approx(0.3 * 8 / 15, abs=0.005)
    misread = 1 - sum(counted((0.0, 0.0, 0.1), shots, 5).get(n, 0.0) for n in ("0", "3"))
    assert misread == pytest.approx(2 * 0.1 * 0.9, abs=0.005)


def test_counts_are_whole() -> None:
    """Each frequency is a number of shots, and together they are all of them."""
    found = counted((0.01, 0.02, 0.01), 123, 4)
    assert sum(round(value * 123) for value in found.values()) == 123
    assert sum(found.values()) == pytest.approx(1.0)


# --- What cannot be -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gate", "gateset", "member"),
    [
        ({"gate": "warp", "target": 0}, "qis", "gate"),
        ({"gate": "gpi", "target": 0, "phase": 0}, "qis", "gate"),
        ({"gate": "h", "target": 0}, "native", "gate"),
        ({"gate": "h", "target": -1}, "qis", "target"),
        ({"gate": "h", "target": 2}, "qis", "target"),
        ({"gate": "h", "targets": [0.5]}, "qis", "targets"),
        ({"gate": "h", "targets": [0, 0]}, "qis", "targets"),
        ({"gate": "h", "target": 0, "targets": [1]}, "qis", "target"),
        ({"gate": "h"}, "qis", "target"),
        ({"gate": "cnot", "target": 0}, "qis", "control"),
        ({"gate": "cnot", "target": 0, "control": 0}, "qis", "targets"),
        ({"gate": "cnot", "target": 0, "control": 5}, "qis", "control"),
        ({"gate": "swap", "targets": [0]}, "qis", "targets"),
        ({"gate": "swap", "targets": [0, 1], "control": 2}, "qis", "control"),
        ({"gate": "rx", "target": 0}, "qis", "rotation"),
        ({"gate": "zz", "targets": [0, 1]}, "qis", "rotation"),
        ({"gate": "gpi", "target": 0}, "native", "phase"),
        ({"gate": "gpi", "target": 0, "phase": 0, "control": 1}, "native", "controls"),
        ({"gate": "ms", "targets": [0, 1], "phases": [0]}, "native", "phases"),
        ({"gate": "pauliexp", "targets": [0], "terms": ["XX"], "coefficients": [1], "time": 1},
         "qis", "terms"),
        ({"gate": "pauliexp", "targets": [0], "terms": ["Q"], "coefficients": [1], "time": 1},
         "qis", "terms"),
        ({"gate": "pauliexp", "targets": [0], "terms": ["X"], "coefficients": [1], "time": 0},
         "qis", "time"),
        ({"gate": "pauliexp", "targets": [0], "terms": ["X"], "coefficients": [], "time": 1},
         "qis", "terms"),
        ({"gate": "pauliexp", "targets": [0], "terms": ["X"], "coefficients": [1e300],
          "time": 1e300}, "qis", "coefficients"),
        ({"gate": "pauliexp", "targets": [0], "terms": ["X", "Z"],
          "coefficients": [1e308, 1e308], "time": 1}, "qis", "coefficients"),
    ],
)  # fmt: skip
def test_a_gate_that_cannot_be(gate: Any, gateset: GateSet, member: str) -> None:
    """What is wrong about a gate is named."""
    with pytest.raises(GateError) as caught:
        circuit([gate], 2, gateset)
    assert caught.value.member == member


# --- The process ----------------------------------------------------------------------------------


def test_the_process_begins_with_the_first_task_and_can_be_killed() -> None:
    """Nothing runs before it is needed; after a kill the next task gets a new process; stopped, it
    runs nothing."""
    bell = Task(circuit=circuit(BELL, 2), seconds=20)
    slow = Task(circuit=circuit([{"gate": "h", "targets": list(range(16))}] * 400, 16), seconds=60)

    async def scenario() -> None:
        simulator = Simulator()
        assert (simulator.running, simulator.pid) == (True, None)
        assert await simulator.run(bell) == Result({"0": 0.5, "3": 0.5})
        first = simulator.pid
        assert first is not None
        running = asyncio.ensure_future(simulator.run(slow))
        await asyncio.sleep(0.1)
        os.kill(first, signal.SIGKILL)
        with pytest.raises(SimulatorUnavailableError):
            await running
        assert (await simulator.run(bell)).probabilities
        assert simulator.pid not in (None, first)
        running = asyncio.ensure_future(simulator.run(slow))
        await asyncio.sleep(0.1)
        await simulator.stop()
        with pytest.raises(SimulatorUnavailableError):
            await running
        assert (simulator.running, simulator.pid) == (False, None)
        with pytest.raises(SimulatorUnavailableError):
            await simulator.run(bell)

    asyncio.run(scenario())


def test_a_stop_at_the_beginning() -> None:
    """A process that is only being started when the simulator is stopped does not live on."""
    bell = Task(circuit=circuit(BELL, 2), seconds=20)

    async def scenario() -> None:
        simulator = Simulator()
        running = asyncio.ensure_future(simulator.run(bell))
        await asyncio.sleep(0)
        await simulator.stop()
        with pytest.raises(SimulatorUnavailableError):
            await running
        assert simulator.pid is None

    asyncio.run(scenario())
