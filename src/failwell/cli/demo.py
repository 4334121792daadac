"""`failwell demo`: price STEP files through a failing sandbox, and watch."""

from __future__ import annotations

import asyncio
from pathlib import Path

from failwell.cli import render
from failwell.sandbox import demo
from failwell.sandbox.demo import Report, Weather


def run(*, faults: Weather, files: Path | None, seed: int, at_once: int, plain: bool) -> Report:
    """The report of one run, watched while it goes on."""
    with render.watching(plain=plain) as watch:
        return asyncio.run(
            demo.run(faults=faults, files=files, seed=seed, at_once=at_once, watch=watch)
        )
