"""The machines: what each one is, what it takes, and how well it was measured.

Names, members and statuses are IonQ's (API description v0.4); the figures are decided here. A noise
model is a set of error probabilities, and a characterization states those of its machine.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from failwell.apis.ionq.circuits import NATIVE, QIS

LAST_UPDATED = "2026-05-15T00:00:00Z"

NOISE: dict[str, tuple[float, float, float] | None] = {
    "ideal": None,
    "harmony": (0.0042, 0.0251, 0.0035),
    "harmony-1": (0.0042, 0.0251, 0.0035),
    "harmony-2": (0.0036, 0.0212, 0.0035),
    "aria-1": (0.0006, 0.0060, 0.0039),
    "aria-2": (0.0006, 0.0085, 0.0044),
    "forte-1": (0.0003, 0.0060, 0.0038),
    "forte-enterprise-1": (0.0003, 0.0055, 0.0036),
}
"""Error probability of a gate on one qubit, of a gate on two, and of reading a bit."""

MOST_CONTROLS = 7
"""Controls of one gate that the compiler takes."""


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """A machine and its caps; None is no cap. `free` machines have no price."""

    name: str
    qubits: int
    status: str = "available"
    native: frozenset[str] = NATIVE
    max_shots: int | None = None
    max_gates: int | None = None
    location: str | None = None
    free: bool = False
    measured: tuple[str, ...] = ()

    @property
    def is_qpu(self) -> bool:
        """Whether it is hardware, which a simulator-only plan does not reach."""
        return self.name.startswith("qpu.")

    def json(self) -> dict[str, Any]:
        """The machine, as it is given."""
        body: dict[str, Any] = {
            "backend": self.name,
            "status": self.status,
            "qubits": self.qubits,
            "average_queue_time": 0,
            "last_updated": LAST_UPDATED,
            "degraded": False,
            "supported_gates": sorted(QIS),
            "supported_native_gates": sorted(self.native),
            "supported_error_mitigations": ["debiasing"] if self.is_qpu else [],
        }
        if self.location is not None:
            body["location"] = self.location
        if self.measured:
            body["characterization_id"] = characterization_id(self.name, self.measured[0])
        return body

    def characterizations(self) -> list[dict[str, Any]]:
        """Its measurements, the newest first."""
        return [_characterization(self, date) for date in self.measured]


_DATES = ("2026-05-01T00:00:00Z", "2026-04-01T00:00:00Z", "2026-03-01T00:00:00Z")
_FORTE = frozenset({"gpi", "gpi2", "zz", "nop"})
_ARIA = frozenset({"gpi", "gpi2", "ms", "nop"})

BACKENDS = {
    backend.name: backend
    for backend in (
        Backend(name="simulator", qubits=29, free=True),
        Backend(
            name="qpu.forte-1",
            qubits=36,
            native=_FORTE,
            max_shots=100_000,
            max_gates=10_000,
            location="College Park, MD, USA",
            measured=_DATES,
        ),
        Backend(
            name="qpu.forte-enterprise-1",
            qubits=36,
            native=_FORTE,
            max_shots=100_000,
            max_gates=10_000,
            location="Basel, Switzerland",
            measured=_DATES,
        ),
        Backend(name="qpu.aria-1", qubits=25, status="retired", native=_ARIA),
        Backend(name="qpu.aria-2", qubits=25, status="retired", native=_ARIA),
    )
}


def characterization_id(backend: str, date: str) -> str:
    """The id of a measurement: always the same one."""
    return str(uuid5(NAMESPACE_URL, f"ionq:{backend}:{date}"))


def _characterization(backend: Backend, date: str) -> dict[str, Any]:
    one, two, readout = NOISE[backend.name.removeprefix("qpu.")] or (0.0, 0.0, 0.0)
    return {
        "id": characterization_id(backend.name, date),
        "backend": backend.name,
        "date": date,
        "qubits": backend.qubits,
        "connectivity": [list(pair) for pair in combinations(range(backend.qubits), 2)],
        "fidelity": {
            "1q": {"median": 1 - one},
            "2q": {"median": 1 - two},
            "spam": {"median": 1 - readout},
        },
        "timing": {
            "readout": 0.00025,
            "reset": 0.00005,
            "1q": 0.00013,
            "2q": 0.00097,
            "t1": 100,
            "t2": 1,
        },
    }
