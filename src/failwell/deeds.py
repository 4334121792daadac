"""A generator of deeds, carried out one after another: in the sync world and in the async one.

What a deed gives is sent back into the generator, what it raises is thrown in. Flows of a call are
driven by `failwell.drive`, which counts microseconds; these are for stories that sleep and send.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

D = TypeVar("D")
T = TypeVar("T")


def carry_out(story: Generator[D, Any, T], do: Callable[[D], Any]) -> T:
    """Do each deed of the story; what it returns.

    Interruptions, such as Ctrl-C, are not thrown in: the story is closed, as it is at any end.
    """
    try:
        deed = next(story)
        while True:
            try:
                answer = do(deed)
            except Exception as error:
                deed = story.throw(error)
            else:
                deed = story.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        story.close()


async def acarry_out(story: Generator[D, Any, T], do: Callable[[D], Awaitable[Any]]) -> T:
    """Do each deed of the story; what it returns. A cancellation is not thrown in."""
    try:
        deed = next(story)
        while True:
            try:
                answer = await do(deed)
            except Exception as error:
                deed = story.throw(error)
            else:
                deed = story.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        story.close()
