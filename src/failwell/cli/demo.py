"""`failwell demo`: the main jobs of the systems through a failing sandbox, and watch."""

from __future__ import annotations

import asyncio
from pathlib import Path

from failwell.cli import render
from failwell.sandbox.demo import Report, Weather
from failwell.sandbox.demo.lines import lines
from failwell.sandbox.demo.page import page
from failwell.sandbox.demo.run import run as work_through


def run(
    *, faults: Weather, only: tuple[str, ...], files: Path | None, seed: int, plain: bool
) -> Report:
    """The report of one run, watched while it goes on. Raises `ValueError` where there is nothing
    to do."""
    work = lines(only, files)
    with render.watching(plain=plain) as watch:
        return asyncio.run(work_through(work, weather=faults, seed=seed, watch=watch))


def write_page(report: Report, path: Path) -> None:
    """Leave the run as a page, in one file."""
    path.write_text(page(report), "utf-8")
