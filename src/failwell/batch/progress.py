"""A progress bar, for people who sit before a terminal with rich installed; else nothing."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol


class Bar(Protocol):
    """Where progress is told."""

    def advance(self, count: int) -> None:
        """So many more are done."""
        ...

    def restart(self, done: int, total: int | None) -> None:
        """So many are done now, of so many (None where nobody knows)."""
        ...


class Silent:
    """Nobody looks."""

    def advance(self, count: int) -> None:
        """Say nothing."""

    def restart(self, done: int, total: int | None) -> None:
        """Say nothing."""


class _Rich:
    def __init__(self, progress: Any, task: Any) -> None:
        self._progress = progress
        self._task = task

    def advance(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def restart(self, done: int, total: int | None) -> None:
        self._progress.update(self._task, completed=done, total=total)


@contextmanager
def bar(total: int | None, label: str, *, shown: bool, in_bytes: bool = False) -> Generator[Bar]:
    """A bar on standard error, from 0 to `total`."""
    if not shown or not sys.stderr.isatty():
        yield Silent()
        return
    try:
        from rich import progress as rich
        from rich.console import Console
    except ModuleNotFoundError:
        yield Silent()
        return
    count = rich.DownloadColumn() if in_bytes else rich.MofNCompleteColumn()
    columns = (rich.TextColumn("{task.description}"), rich.BarColumn(), count)
    drawn = rich.Progress(*columns, rich.TimeRemainingColumn(), console=Console(stderr=True))
    with drawn:
        yield _Rich(drawn, drawn.add_task(label, total=total))
