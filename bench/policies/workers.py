"""Tasks that make calls side by side, and how long they may."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from bench.peers import AsyncRead
from bench.rounds import Row

LIMIT = 60.0
"""Seconds that one row may take: then it is cut off, and says so."""
CUT = f"cut off after {LIMIT:.0f} s"


async def work(read: AsyncRead, calls: int, workers: int) -> int:
    """So many calls by so many workers; how many of the calls failed."""
    left, errors = calls, 0

    async def worker() -> None:
        nonlocal left, errors
        while left > 0:
            left -= 1
            try:
                await read()
            except Exception:
                errors += 1

    await asyncio.gather(*(worker() for _ in range(workers)))
    return errors


async def bounded(name: str, measuring: Awaitable[Row]) -> Row:
    """The row that is measured, or where that takes too long one that says so."""
    try:
        async with asyncio.timeout(LIMIT):
            return await measuring
    except TimeoutError:
        return Row(name, note=CUT)
