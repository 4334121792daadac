"""What the service and the simulator say to each other: a task there, a result back."""

from __future__ import annotations

import msgspec

from failwell.apis.ionq.circuits import Circuit


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Simulate a circuit within `seconds`: exactly, or as a machine with these error
    probabilities (`noise`: one-qubit gate, two-qubit gate, readout) would count `shots`."""

    circuit: Circuit
    seconds: float
    shots: int = 1
    noise: tuple[float, float, float] | None = None
    seed: int | None = None


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """The probability of each state by its decimal number, or why there is none: `code` is one of
    IonQ's."""

    probabilities: dict[str, float] = {}
    code: str | None = None
    message: str = ""
