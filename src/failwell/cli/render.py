"""Everything that the command line prints."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

import msgspec
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from failwell.explanation import Explanation
from failwell.sandbox.demo import ENGINE_AWAY, REQUESTS_PER_MINUTE, Job, Report

_STYLE = {
    "waiting": "dim",
    "priced": "green",
    "refused": "yellow",
    "gave up": "bold red",
}


def ready(url: str) -> None:
    """The one line that says that the sandbox serves."""
    print(f"ready {url}", flush=True)


def trouble(error: Exception) -> str:
    """What stood in the way, for standard error."""
    return f"failwell: {error}"


def explanation(told: Explanation, *, as_json: bool) -> None:
    """An explanation, in words or as JSON."""
    if as_json:
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        return
    console = Console(highlight=False, soft_wrap=True)
    rows = {
        "What happened": told.happened,
        "Took effect?": told.effect,
        "Try again?": told.when,
        "What to do": told.advice,
    }
    if told.issues:
        rows["What is wrong"] = "\n".join(told.issues)
    if told.request_id:
        rows["Request id"] = f"{told.request_id} (quote it to whoever runs the API)"
    for title, text in rows.items():
        console.print(Text(f"{title:<15}", style="bold"), Text(text), sep="")


@contextmanager
def watching(*, plain: bool) -> Generator[Callable[[list[Job]], None]]:
    """A live table of the jobs on a terminal; elsewhere a line for each change."""
    console = Console()
    if plain or not console.is_terminal:
        yield _lines()
        return
    with Live(console=console, refresh_per_second=12, transient=True) as live:
        yield lambda jobs: live.update(_jobs(jobs))


def _lines() -> Callable[[list[Job]], None]:
    shown: dict[str, str] = {}

    def show(jobs: list[Job]) -> None:
        for job in jobs:
            if job.state != shown.get(job.name) and job.state != "waiting":
                shown[job.name] = job.state
                print(f"{job.name:<20} {job.state:<12} retries {job.retries}", flush=True)

    return show


def _jobs(jobs: list[Job]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("file", "state", "part", "program"):
        table.add_column(title)
    for title in ("retries", "replays", "cost", "time"):
        table.add_column(title, justify="right")
    for job in jobs:
        table.add_row(
            job.name,
            Text(job.state, style=_STYLE.get(job.state, "cyan")),
            job.part or "",
            job.program or "",
            str(job.retries or ""),
            str(job.replays or ""),
            "" if job.cents is None else f"${job.cents / 100:,.2f}",
            "" if job.seconds is None else _minutes(job.seconds),
        )
    return table


def _minutes(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}"


def demo(report: Report) -> int:
    """The table of cost and time and the summary line; the exit status."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(_jobs(list(report.jobs)))
    console.print()
    for job in report.jobs:
        if job.refused or job.error:
            console.print(Text(f"{job.name}: {job.refused or job.error}", style="yellow"))
    away = f", the Engine dead for {ENGINE_AWAY:g} s" if report.weather != "none" else ""
    console.print(
        f"weather {report.weather}{away}; quota {REQUESTS_PER_MINUTE} a minute; "
        f"{report.took:.1f} s; counted from what the sandbox really created:"
    )
    style = "bold green" if report.is_clean else "bold red"
    summary = (
        f"files {len(report.jobs)} faults {report.faults} retries {report.retries} "
        f"replays {report.replays} duplicates {report.duplicates} lost {report.lost}"
    )
    console.print(Text(summary, style=style))
    return 0 if report.is_clean else 1
