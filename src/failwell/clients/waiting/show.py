"""What a wait shows of itself: a line for each change, or bars."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from failwell.events import Event, Hook, JobSeen
from failwell.flows.sight import Watch

if TYPE_CHECKING:
    from rich.progress import Progress

Write = Callable[[str], object]
HookFor = Callable[[Watch], tuple[Hook, ...]]


def to_stderr(line: str) -> None:
    """Write the line to standard error, where it spoils no pipe."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def showing(*, verbose: bool, progress: bool, write: Write | None) -> Generator[HookFor]:
    """The hook that shows one job, for each job; bars where they can be drawn."""
    bars = _bars() if progress and write is None else None
    if bars is not None:
        with bars:
            yield lambda watch: (Bar(bars, watch),)
    elif verbose or progress:
        yield lambda watch: (Lines(watch.named, write or to_stderr, percent=progress),)
    else:
        yield lambda watch: ()


class Lines:
    """A line whenever the state changes, or a look fails; with `percent`, for the progress too."""

    def __init__(self, name: str, write: Write, *, percent: bool = False) -> None:
        self._name = name
        self._write = write
        self._percent = percent
        self._told = ""

    def __call__(self, event: Event) -> None:
        """Tell what is new in this event."""
        if isinstance(event, JobSeen):
            told = _told(event, percent=self._percent)
            if told != self._told:
                self._told = told
                self._write(harmless(f"{self._name}: {told}"))


def _told(event: JobSeen, *, percent: bool) -> str:
    if event.error is not None:
        return f"not seen, looking again: {event.error}"
    state = event.state or "under way"
    if not percent or event.progress is None:
        return state
    return f"{state} {event.progress:.0%}"


class Bar:
    """A bar of rich's for one job; it only moves to and fro where no progress is known."""

    def __init__(self, bars: Progress, watch: Watch) -> None:
        self._bars = bars
        self._name = watch.named
        self._task = bars.add_task(harmless(self._name), total=None)

    def __call__(self, event: Event) -> None:
        """Show this event."""
        if isinstance(event, JobSeen):
            told = harmless(f"{self._name}: {_told(event, percent=False)}")
            total = None if event.progress is None else 1.0
            self._bars.update(
                self._task, description=told, total=total, completed=event.progress or 0.0
            )


def _bars() -> Progress | None:
    """rich's bars, where rich is installed and there is a terminal to draw them on."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    except ModuleNotFoundError:
        return None
    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        return None
    told = TextColumn("{task.description}", markup=False)
    return Progress(told, BarColumn(), TimeElapsedColumn(), console=console, transient=True)


def harmless(text: str) -> str:
    """One line without what a terminal would take for an order."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
