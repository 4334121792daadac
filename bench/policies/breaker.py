"""`CircuitBreaker.call` of a function that returns 1, while the circuit is closed."""

from __future__ import annotations

import nopanic
import purgatory
import pybreaker

import failwell
from bench.peers import interlock
from bench.policies.functions import many, one
from bench.rounds import Case, Row, compare

ROUNDS = 100
TARGET = 1.0


def rows() -> list[Row]:
    """Each as it comes; interlock-cb is spared finding out that the function is sync."""
    ours, theirs = failwell.CircuitBreaker(), nopanic.circuit_breaker()
    listening, dual = pybreaker.CircuitBreaker(), interlock.breaker()
    guarded = purgatory.SyncCircuitBreakerFactory()("bench")(one)
    return compare(
        Case("nopanic", many(lambda: theirs.call(one))),
        [
            Case("failwell", many(lambda: ours.call(one)), TARGET),
            Case("purgatory", many(guarded)),
            Case("pybreaker", many(lambda: listening.call(one))),
            Case("interlock-cb", many(lambda: dual.call_sync(one))),
        ],
        ROUNDS,
    )
