"""The lines of work of a run, one for each system."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from failwell.sandbox.demo.line import Line
from failwell.sandbox.demo.lines.toolpath import Parts

LINES = ("toolpath",)
"""The systems that a run works with."""


def lines(only: Sequence[str] = (), files: Path | None = None) -> list[Line]:
    """The lines of work of these systems, of all where none is named; `files` is a folder of STEP
    files for Toolpath. Raises `ValueError` for a system that is not known, or no file."""
    unknown = [name for name in only if name not in LINES]
    if unknown:
        raise ValueError(f"there is no work at {', '.join(unknown)}: it is at {', '.join(LINES)}")
    made: dict[str, Line] = {}
    for name in only or LINES:
        if name == "toolpath":
            made[name] = Parts(files)
    return list(made.values())
