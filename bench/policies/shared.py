"""The quota met by four processes that know of one another by a store alone."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from typing import Any

from bench.policies import ours, workers
from bench.quota_server import serving, told

PROCESSES = 4
START = 60.0
"""Seconds for the slowest of them to begin, and then to end."""


def measure(store: str, calls: int, tasks: int, seconds: float) -> tuple[float, int]:
    """Seconds that all the calls took from a barrier after the imports, and the refusals.

    Raises `threading.BrokenBarrierError` where a call fails or a process does not get on.
    """
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(PROCESSES + 1)
    share = (calls // PROCESSES, tasks // PROCESSES, seconds)
    with serving("quota") as url:
        processes = [
            spawn.Process(target=_share, args=(url, store, barrier, *share))
            for _ in range(PROCESSES)
        ]
        for process in processes:
            process.start()
        barrier.wait(START)
        began = time.monotonic()
        barrier.wait(START)
        took = time.monotonic() - began
        for process in processes:
            process.join(START)
        return took, told(url)["refused"]


def _share(url: str, store: str, barrier: Any, calls: int, tasks: int, seconds: float) -> None:
    async def main() -> None:
        async with ours.patient(url, seconds, store) as read:
            barrier.wait(START)
            if await workers.work(read, calls, tasks):
                barrier.abort()  # a failed call is none of those that count
            barrier.wait(START)

    asyncio.run(main())
