"""`python -m bench faults`: the heavier faults, of which the tests run a lighter dose.

Nothing here is timed: what counts are the counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

KILLS = "200"
ROOT = Path(__file__).parents[1]


def run() -> None:
    """200 times `kill -9` under twenty clients on each database, and what the counts then are.

    `FAILWELL_KILLS` makes it another number. Raises `SystemExit` where a test fails.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "tests/faults/test_kills.py"],
        cwd=ROOT,
        env={"FAILWELL_KILLS": KILLS, **os.environ},
    )
    if done.returncode:
        raise SystemExit(done.returncode)
