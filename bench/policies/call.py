"""A call over a mock transport with a deadline and everything else on, beside bare httpx2."""

from __future__ import annotations

import httpx2

import failwell
from bench.policies.functions import many
from bench.rounds import Case, Row, compare

ROUNDS = 100
TARGET = 1.25
URL = "https://api.example.org/parts/1"


def rows() -> list[Row]:
    """Sync alone: `calls` has the rest."""
    mock = httpx2.MockTransport(lambda _: httpx2.Response(200, json={"id": 1}))
    bare = httpx2.Client(transport=mock)
    ours = failwell.Client(transport=mock, policy=failwell.Policy(deadline=30.0))
    return compare(
        Case("bare httpx2", many(lambda: bare.get(URL))),
        [Case("failwell", many(lambda: ours.get(URL)), TARGET)],
        ROUNDS,
    )
