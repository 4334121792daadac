"""The demo: a live table of its works, and the report of the whole run."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import IO

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from failwell.cli.render.lines import json
from failwell.sandbox.demo import Report
from failwell.sandbox.demo.report import NAMES
from failwell.sandbox.demo.story import Item

_STYLE = {
    "waiting": "dim",
    "refused": "yellow",
    "gave up": "bold red",
}


@contextmanager
def watching(*, plain: bool, aside: bool) -> Generator[Callable[[list[Item]], None]]:
    """A live table of the work on a terminal; elsewhere a line for each change. `aside` keeps
    standard output free of it."""
    console = Console(stderr=aside)
    if plain or not console.is_terminal:
        yield _lines(console.file)
        return
    with Live(console=console, refresh_per_second=12, transient=True) as live:
        yield lambda items: live.update(_under_way(items))


def demo(report: Report, *, as_json: bool = False) -> int:
    """The table of cost and time and the summary line; the exit status."""
    if as_json:
        json(_facts(report))
    else:
        width = None if sys.stdout.isatty() else 120
        _report(Console(highlight=False, soft_wrap=True, width=width), report)
    if not report.is_clean:
        return 1
    return 2 if report.mistakes else 0


def picture(report: Report) -> str:
    """The same as a terminal picture, in SVG that loads nothing from elsewhere."""
    console = Console(
        highlight=False, record=True, width=112, file=io.StringIO(), force_terminal=True
    )
    console.print(Text("$ make demo", style="bold"))
    _report(console, report)
    form = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title="failwell", code_format=form)


def _lines(file: IO[str]) -> Callable[[list[Item]], None]:
    shown: dict[tuple[str, str], str] = {}

    def show(items: list[Item]) -> None:
        for item in items:
            which = (item.api, item.name)
            if item.state != shown.get(which) and item.state != "waiting":
                shown[which] = item.state
                where = f"{NAMES[item.api]:<10} {item.name:<22}"
                print(f"{where} {item.state:<22} retries {item.retries}", file=file, flush=True)

    return show


def _under_way(items: list[Item]) -> Table:
    """How far each system's work is, and what is being done: it fits on a screen."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for api in dict.fromkeys(item.api for item in items):
        own = [item for item in items if item.api == api]
        ended = sum(item.done or item.error is not None for item in own)
        retries = sum(item.retries for item in own)
        told = f"{ended} of {len(own)}"
        table.add_row(Text(NAMES[api], style="bold"), told, "", f"{retries} retries")
        for item in own:
            if item.calls and not (item.done or item.error):
                state = Text(item.state, style="cyan")
                table.add_row("", Text(item.name), state, f"{item.retries or ''}")
    return table


def _items(items: list[Item]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("api", "work", "state"):
        table.add_column(title, no_wrap=True)
    for title in ("retries", "replays"):
        table.add_column(title, justify="right")
    table.add_column("result")
    for item in items:
        ended = "green" if item.result is not None else _STYLE.get(item.state, "cyan")
        table.add_row(
            NAMES[item.api],
            Text(item.name),
            Text(item.state, style=ended),
            str(item.retries or ""),
            str(item.replays or ""),
            Text(item.result or ""),
        )
    return table


def _report(console: Console, report: Report) -> None:
    console.print(_items(list(report.items)))
    console.print()
    for item in report.items:
        if item.refused or item.error:
            console.print(Text(f"{item.name}: {item.refused or item.error}", style="yellow"))
    console.print(f"limits set for this run: {_limits(report)}")
    down = ", each system with a part stopped for a while" if report.weather != "none" else ""
    console.print(
        f"weather {report.weather}{down}; {report.took:.1f} s; "
        "counted from what the sandbox really created:"
    )
    summary = " ".join(f"{name} {count}" for name, count in report.figures.items())
    console.print(Text(summary, style="bold green" if report.is_clean else "bold red"))


def _limits(report: Report) -> str:
    told = (
        f"{NAMES[api]} {name.replace('_', ' ')} {value:,}"
        for api, limits in report.limits.items()
        for name, value in limits.items()
    )
    return ", ".join(told) or "none"


def _facts(report: Report) -> dict[str, object]:
    works = [
        {
            "api": item.api,
            "name": item.name,
            "state": item.state,
            "retries": item.retries,
            "replays": item.replays,
            "result": item.result,
            "trouble": item.refused or item.error,
        }
        for item in report.items
    ]
    figures = report.figures
    return {
        "weather": report.weather,
        "seconds": report.took,
        "limits": report.limits,
        "figures": figures,
        "works": works,
    }
