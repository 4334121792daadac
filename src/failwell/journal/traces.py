"""An exception as text: where it came from and what it said, without secrets, never locals."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from traceback import FrameSummary, TracebackException

from failwell.journal import redact

FRAMES = 64
"""Innermost frames that are told of one exception."""

CHAIN = 8
"""Exceptions that are told of one chain, and of one group."""

_SAID = 4 * 1024
_LINE = 400
"""Bytes of what one exception said, and characters of one line of source."""

_CAUSE = "\nThe above exception was the direct cause of the following exception:\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n"


def name_of(error: BaseException) -> str:
    """The class of the exception, with its module unless it is built in."""
    cls = type(error)
    return cls.__qualname__ if cls.__module__ == "builtins" else _full(cls)


def _full(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def tell(error: BaseException, limit: int, secrets: tuple[str, ...] = ()) -> str:
    """The traceback of the exception, its causes and the exceptions of a group, in at most
    `limit` bytes; never raises, whatever the exception does."""
    try:
        told = TracebackException.from_exception(error, limit=-FRAMES, compact=True)
        text = "\n".join(_chain(told, secrets))
    except Exception as trouble:
        text = f"(the traceback could not be told: {type(trouble).__name__})"
    return _middle_out(redact.storable(text), limit)


def _chain(told: TracebackException, secrets: tuple[str, ...]) -> Iterator[str]:
    links = [("", told)]
    while len(links) < CHAIN and (link := _before(links[-1][1])):
        links.append(link)
    for position in range(len(links) - 1, -1, -1):
        yield from _one(links[position][1], secrets)
        if position:
            yield links[position][0]


def _before(told: TracebackException) -> tuple[str, TracebackException] | None:
    if told.__cause__ is not None:
        return _CAUSE, told.__cause__
    if told.__context__ is not None and not told.__suppress_context__:
        return _CONTEXT, told.__context__
    return None


def _one(told: TracebackException, secrets: tuple[str, ...]) -> Iterator[str]:
    if told.stack:
        yield "Traceback (most recent call last):"
    for frame in told.stack:
        yield from _frame(frame, secrets)
    said = "".join(told.format_exception_only()).rstrip("\n")
    yield redact.bounded(said, _SAID, secrets)
    for number, inner in enumerate((told.exceptions or [])[:CHAIN], 1):
        yield f"  +-- {number} of {len(told.exceptions or [])}"
        yield textwrap.indent("\n".join(_chain(inner, secrets)), "  | ")


def _frame(frame: FrameSummary, secrets: tuple[str, ...]) -> Iterator[str]:
    yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
    if frame.line:
        yield "    " + redact.source(frame.line[:_LINE], secrets)


def _middle_out(text: str, limit: int) -> str:
    """The beginning and, three times as long, the end: there the failure is."""
    whole = text.encode()
    if len(whole) <= limit:
        return text
    room = limit - 64
    head, tail = whole[: room // 4], whole[-(room * 3 // 4) :]
    mark = f"\n[… {len(whole) - len(head) - len(tail)} bytes left out …]\n"
    return head.decode("utf-8", "ignore") + mark + tail.decode("utf-8", "ignore")
