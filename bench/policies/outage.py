"""50 workers with one call each while the server answers 503 for four seconds.

Counted are the requests that it gets in that time and the errors that are shown; and when the
last of the workers is back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from bench.peers import Patient, clientwright, interlock
from bench.policies import ours, quota, workers
from bench.quota_server import DOWN_FOR, serving, told
from bench.rounds import Row

WORKERS = 50
SECONDS = 30.0
MOST = 57
"""Requests during the outage."""
PEERS = {**quota.PEERS, "interlock-cb": interlock.patient}


def rows() -> Iterator[Row]:
    """Ours, and the peers."""
    yield _row("failwell", ours.patient, 1.0)
    for name, patient in PEERS.items():
        yield _row(name, patient, None)
    if clientwright.HERE:
        yield _row("clientwright", clientwright.patient, None)
    else:
        yield Row("clientwright", note=clientwright.ABSENT)


def _row(name: str, patient: Patient, target: float | None) -> Row:
    return asyncio.run(workers.bounded(name, _measure(name, patient, target)))


async def _measure(name: str, patient: Patient, target: float | None) -> Row:
    with serving("outage") as url:
        async with patient(url, SECONDS) as read:
            began = time.monotonic()
            errors = await workers.work(read, WORKERS, WORKERS)
            took = time.monotonic() - began
        down = told(url)["down"]
    detail = f"{down} requests, {errors} errors, back in {took - DOWN_FOR:.1f} s"
    return Row(name, down / MOST, took * 1e6, target, "", detail)
