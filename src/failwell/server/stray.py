"""A cancellation that is not the request's own: its handler awaited what somebody else cancelled.

A server cancels a request by its task, and then nobody waits for an answer. This one is the
handler's failure, and its caller does wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class StrayCancellationError(RuntimeError):
    """What was awaited was cancelled, and the request was not."""


async def unless_cancelled(work: Awaitable[T]) -> T:
    """What the work gives.

    Raises `StrayCancellationError` for a cancellation that nobody asked of this task: then its
    `cancelling()` is 0.
    """
    try:
        return await work
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise StrayCancellationError("the handler awaited what was cancelled") from error
