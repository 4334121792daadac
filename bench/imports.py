"""`import failwell` beside `import httpx2`, each in a fresh process, turn by turn.

What is timed is the import statement alone; the interpreter's own start is in neither time. Both
are compiled beforehand, as an installed package is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from tempfile import TemporaryDirectory

from bench.rounds import Row, Table, row

TARGET = 1.2
ROUNDS = 100

_TARGETS = {"httpx2": None, "failwell": TARGET}


def tables() -> Iterator[Table]:
    """One table of two rows."""
    with TemporaryDirectory() as cache:
        for name in _TARGETS:
            _import_time(name, cache)
        times: dict[str, list[float]] = {name: [] for name in _TARGETS}
        for turn in range(ROUNDS):
            for name in sorted(_TARGETS, reverse=turn % 2 == 0):
                times[name].append(_import_time(name, cache))
    rows: list[Row] = [
        row(f"import {name}", own, times["httpx2"], _TARGETS[name]) for name, own in times.items()
    ]
    yield Table("An import, in a fresh process", rows)


def _import_time(name: str, cache: str) -> float:
    code = f"import time; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"
    env = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
    told = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env
    )
    return float(told.stdout)
