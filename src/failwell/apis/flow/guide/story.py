"""Calls and pauses, told once for functions that return and for functions that are awaited.

A story is a generator. It yields a function to have it called, and gets what it returned, or what
it raised, thrown in; it yields a number of seconds to sleep. If the first thing that is called
returns a coroutine, the rest of the story is awaited.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Coroutine, Generator
from types import CoroutineType
from typing import Any, TypeVar, cast

T = TypeVar("T")

Step = Callable[[], Any] | float
Story = Generator[Step, Any, T]
Sleep = Callable[[float], Any]


def tell(story: Story[T], sleep: Sleep | None = None) -> T:
    """What the story ends with; to be awaited where its first call is.

    `sleep` takes seconds; it is `time.sleep`, or anyio's where the story is awaited.
    """
    try:
        step = next(story)
        while True:
            try:
                answer = _done(step, sleep or time.sleep)
            except Exception as error:
                step = story.throw(error)
                continue
            if type(answer) is CoroutineType and callable(step):
                return cast("T", _awaited(story, cast("Coroutine[Any, Any, Any]", answer), sleep))
            step = story.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


async def _awaited(story: Story[T], first: Coroutine[Any, Any, Any], sleep: Sleep | None) -> T:
    step: Step = lambda: first  # noqa: E731
    try:
        while True:
            try:
                answer = _done(step, sleep or _sleep)
                if inspect.isawaitable(answer):
                    answer = await answer
            except Exception as error:
                step = story.throw(error)
            else:
                step = story.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


def _done(step: Step, sleep: Sleep) -> Any:
    return step() if callable(step) else sleep(step)


async def _sleep(seconds: float) -> None:
    import anyio

    await anyio.sleep(seconds)
