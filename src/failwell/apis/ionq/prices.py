"""What a job costs: so much for each gate and shot on hardware, and nothing on the simulator.

The kinds of price are IonQ's (API description v0.4, schema RateCardEntry); the figures are decided
here.
"""

from __future__ import annotations

from typing import Any

import msgspec

from failwell.apis.ionq.backends import Backend

UNIT = "usd"
RATE_CARD = "failwell-sandbox"
_MITIGATED = 1.3
_ONE_QUBIT_US = 130
_TWO_QUBIT_US = 970
_READING_US = 250


class Rate(msgspec.Struct, frozen=True):
    """Prices in US dollars: of a gate in one shot, and the least that a job costs."""

    one_qubit: float = 0.0001645
    two_qubit: float = 0.0011213
    least: float = 12.42


RATE = Rate()


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """How much a job is: gates on one qubit and on two in each of its shots."""

    one_qubit: int
    two_qubit: int
    shots: int
    mitigated: bool = False


def dollars(work: Work, backend: Backend) -> float | None:
    """The price of a job; None on a machine that is free."""
    if backend.free:
        return None
    gates = work.one_qubit * RATE.one_qubit + work.two_qubit * RATE.two_qubit
    price = gates * work.shots * (_MITIGATED if work.mitigated else 1.0)
    return round(max(price, RATE.least), 2)


def machine_us(work: Work) -> int:
    """The microseconds that the machine takes over a job."""
    gates = work.one_qubit * _ONE_QUBIT_US + work.two_qubit * _TWO_QUBIT_US
    return work.shots * (gates + _READING_US)


def rate_json(backend: Backend) -> dict[str, Any]:
    """The prices of a backend, as a rate card has them."""
    rate = Rate(0.0, 0.0, 0.0) if backend.free else RATE
    return {
        "sku": backend.name,
        "unit": "gates",
        "cost_1q_gate": rate.one_qubit,
        "cost_2q_gate": rate.two_qubit,
        "job_cost_minimum": rate.least,
    }
