"""How a verb ends: its exit status, and one line on standard error where something went wrong."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, ParamSpec, TypeVar

from failwell.actions import StoreError
from failwell.cli import render
from failwell.errors import FailwellError

P = ParamSpec("P")
T = TypeVar("T")

FAILED = 1
MISTAKEN = 2
"""The exit status where what was asked for failed, and where it cannot be meant."""


class AbsentError(Exception):
    """What was asked for is not there."""


def in_one_line(verb: Callable[P, int | None]) -> Callable[P, int | None]:
    """The verb; what it raises of what can be expected is told in one line, without a traceback.

    The status is 2 for a `ValueError`: arguments or input that cannot be meant. It is 1 for all
    else that stands in the way. A library that is missing is told by `failwell.cli.main`.
    """

    @functools.wraps(verb)
    def run(*args: P.args, **kwargs: P.kwargs) -> int | None:
        try:
            status = verb(*args, **kwargs)
            sys.stdout.flush()  # here a reader that went away can still be told apart
        except BrokenPipeError:
            _write_no_more()
            return FAILED
        except ValueError as error:
            render.trouble(error)
            return MISTAKEN
        except (AbsentError, FailwellError, OSError, StoreError) as error:
            render.trouble(error)
            return FAILED
        return status

    return run


def run_to_the_first_interrupt(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """`asyncio.run`, where the first Ctrl-C, SIGTERM or SIGHUP does what Ctrl-C does, and no other
    one anything: what has begun to end is not torn, where it would leave processes and threads
    behind. What was ignored before stays so, as SIGHUP under `nohup` and Ctrl-C in the background
    of a script."""
    import asyncio  # slow, and for few verbs

    ends = [getattr(signal, name) for name in _ENDS if hasattr(signal, name)]
    heeded = [end for end in ends if signal.getsignal(end) is not signal.SIG_IGN]
    if signal.SIGINT not in heeded:  # asyncio has its handler in no other place than this one's
        signal.signal(signal.SIGINT, signal.default_int_handler)

    async def heeding() -> T:
        interrupt: Any = signal.getsignal(signal.SIGINT)

        def first(_: int, frame: FrameType | None) -> None:
            for end in heeded:
                signal.signal(end, signal.SIG_IGN)
            interrupt(signal.SIGINT, frame)

        for end in ends:
            signal.signal(end, first if end in heeded else signal.SIG_IGN)
        return await work()

    return asyncio.run(heeding())


_ENDS = ("SIGINT", "SIGTERM", "SIGHUP")


def _write_no_more() -> None:
    """Nobody reads on: what is still to be flushed at the exit goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
