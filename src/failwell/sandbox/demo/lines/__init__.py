"""The lines of work of a run, one for each system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from failwell.sandbox.demo.line import Line

LINES = ("toolpath", "ionq", "flow", "ionworks", "matcraft")
"""The systems that a run works with."""


def lines(only: Sequence[str] = (), files: Path | None = None) -> list[Line]:
    """The lines of work of these systems, of all where none is named; `files` is a folder of STEP
    files for Toolpath. Raises `ValueError` for a system that is not known, or no file."""
    unknown = [name for name in only if name not in LINES]
    if unknown:
        raise ValueError(f"there is no work at {', '.join(unknown)}: it is at {', '.join(LINES)}")
    made = _made(files)
    return [made[name]() for name in dict.fromkeys(only or LINES)]


def _made(files: Path | None) -> dict[str, Callable[[], Line]]:
    # Five clients take their time to load; no other verb of the command line needs them.
    from failwell.sandbox.demo.lines.flow import Samples
    from failwell.sandbox.demo.lines.ionq import Circuits
    from failwell.sandbox.demo.lines.ionworks import Cells
    from failwell.sandbox.demo.lines.matcraft import Materials
    from failwell.sandbox.demo.lines.toolpath import Parts

    return {
        "toolpath": lambda: Parts(files),
        "ionq": Circuits,
        "flow": Samples,
        "ionworks": Cells,
        "matcraft": Materials,
    }
