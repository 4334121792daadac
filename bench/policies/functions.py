"""The function that the policies are put around, and what calls it many times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from bench.rounds import Repeat


def one() -> int:
    return 1


async def async_one() -> int:
    return 1


def many(function: Callable[[], object]) -> Repeat:
    def repeat(count: int) -> None:
        for _ in range(count):
            function()

    return repeat


def many_async(runner: asyncio.Runner, function: Any) -> Repeat:
    async def repeat(count: int) -> None:
        for _ in range(count):
            await function()

    return lambda count: runner.run(repeat(count))
