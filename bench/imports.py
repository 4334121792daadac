"""`import failwell` beside `import httpx2`, each in a fresh process, turn by turn.

What is timed is the import statement alone, and then the same with a client made, so that nothing
is won by putting off; the interpreter's own start is in neither time. All is compiled beforehand,
as an installed package is.
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

_PAIRS = (
    (("import httpx2", None), ("import failwell", TARGET)),
    (("import httpx2; httpx2.Client()", None), ("import failwell; failwell.Client()", None)),
)


def tables() -> Iterator[Table]:
    """One table of two pairs of rows."""
    with TemporaryDirectory() as cache:
        rows = [found for pair in _PAIRS for found in _compared(dict(pair), cache)]
    yield Table("An import, in a fresh process", rows)


def _compared(cases: dict[str, float | None], cache: str) -> Iterator[Row]:
    for code in cases:
        _timed(code, cache)
    times: dict[str, list[float]] = {code: [] for code in cases}
    for turn in range(ROUNDS):
        for code in sorted(cases, reverse=turn % 2 == 0):
            times[code].append(_timed(code, cache))
    bare = next(iter(times.values()))
    for code, own in times.items():
        yield row(code, own, bare, cases[code])


def _timed(code: str, cache: str) -> float:
    timed = f"import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
    env = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
    told = subprocess.run(
        [sys.executable, "-c", timed], check=True, capture_output=True, text=True, env=env
    )
    return float(told.stdout)
