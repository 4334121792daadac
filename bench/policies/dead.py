"""Calls one after another to a server that answers 503 for ever: how often it is asked for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import failwell
from bench.peers import Read, Reading, botocore, httpware, httpx_retries, nopanic
from bench.policies.workers import CUT, LIMIT
from bench.quota_server import serving, told
from bench.rounds import Row
from failwell.clients import origin

TARGETS = {100: 1.25, 1000: 1.12}
ALONE = failwell.Policy(breaker=None, retry=failwell.Retry(base=0.001, cap=0.002))
"""The budget without the breaker, which would refuse most of the calls; with waits cut short."""
PEERS: dict[str, Reading] = {
    "botocore": botocore.budgeted,
    "nopanic": nopanic.budgeted,
    "httpware": httpware.budgeted,
    "httpx-retries": httpx_retries.insistent,
}


def rows() -> Iterator[Row]:
    """Ours with everything on and with the budget alone, peers with one, and one without."""
    for calls, target in TARGETS.items():
        yield _row(f"failwell, {calls}", calls, _ours(failwell.Policy()), target)
        yield _row(f"its budget alone, {calls}", calls, _ours(ALONE), target)
        for name, reading in PEERS.items():
            yield _row(f"{name}, {calls}", calls, reading, None)


def _ours(policy: failwell.Policy) -> Callable[[str], AbstractContextManager[Read]]:
    @contextmanager
    def reading(url: str) -> Iterator[Read]:
        origin.forget()
        with failwell.Client(base_url=url, policy=policy, trust_env=False, verify=False) as client:
            yield lambda: client.get("/")

    return reading


def _row(name: str, calls: int, reading: Reading, target: float | None) -> Row:
    with serving("dead") as url:
        with reading(url) as read:
            began = time.monotonic()
            for _ in range(calls):
                _fail(read)
                if time.monotonic() - began > LIMIT:
                    return Row(name, note=CUT)
            took = time.monotonic() - began
        return Row(name, told(url)["down"] / calls, took * 1e6 / calls, target)


def _fail(read: Read) -> None:
    try:
        read()
    except Exception:
        return
    raise AssertionError("a dead service cannot answer")
