"""Everything that the command line prints."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from failwell.explanation import Explanation
from failwell.journal import Entry
from failwell.model import read_json
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


def text(said: str) -> None:
    """A text as it is, for a file or a pipe."""
    sys.stdout.write(said)


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
        console.print(Text(f"{title:<15}", style="bold"), Text(_harmless(text)), sep="")


def _harmless(text: str) -> str:
    """The text without what a terminal would take for an order."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def story(request_id: str, entries: list[Entry], *, as_json: bool) -> None:
    """What became of one request, in time order; tracebacks at the end."""
    if as_json:
        _json({"request_id": request_id, "entries": [_facts(entry) for entry in entries]})
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(_harmless(f"request {request_id}"), style="bold"))
    for entry in entries:
        console.print()
        console.print(Text(_harmless(_line(entry)), style="cyan"))
        for fact in _details(entry):
            console.print(Text(_harmless(_indented(fact))))
    for entry in entries:
        if entry.traceback:
            console.print(Text(f"\ntraceback of {_time(entry.at)}", style="bold"))
            console.print(Text(_harmless(_indented(entry.traceback))))


def journal(entries: list[Entry], *, as_json: bool) -> None:
    """A line for each entry, the newest last."""
    if as_json:
        _json([_facts(entry) for entry in entries])
        return
    for entry in entries:
        print(_harmless(f"{_line(entry)}  {entry.request_id or '-'}").replace("\n", " "))
    if not entries:
        print("nothing failed")


def _json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def _facts(entry: Entry) -> dict[str, object]:
    facts: dict[str, object] = msgspec.to_builtins(entry)
    if facts.pop("details_json", None):
        facts["details"] = read_json(entry.details_json)
    return facts


def _line(entry: Entry) -> str:
    """When and where it failed, with what, and whether it took effect."""
    who: str = entry.side
    if entry.attempt is not None:
        who += f" attempt {entry.attempt}"
    elif entry.attempts is not None:
        who += f" gave up after {entry.attempts}"
    ended = str(entry.status or entry.kind or entry.exception or "failed")
    words = (
        _time(entry.at),
        f"{who:<24}",
        f"{entry.method} {entry.route or entry.url}".strip() or "-",
        f"{ended} {entry.code or ''}".strip(),
        entry.outcome or "",
        "" if entry.elapsed is None else f"{entry.elapsed:.3f} s",
    )
    return "  ".join(word for word in words if word)


def _details(entry: Entry) -> list[str]:
    facts = {
        "api": entry.api,
        "url": entry.url if entry.route else "",
        "idempotency key": entry.idempotency_key,
        "caller": entry.caller,
        "trace id": entry.trace_id,
        "exception": entry.exception,
        "details": entry.details_json.decode("utf-8", "replace"),
    }
    said = [f"{name}: {fact}" for name, fact in facts.items() if fact]
    return [entry.message, *said] if entry.message else said


def _time(at: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return moment.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00") + "Z"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


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
    _report(Console(highlight=False, soft_wrap=True), report)
    return 0 if report.is_clean else 1


def picture(report: Report) -> str:
    """The same as a terminal picture, in SVG that loads nothing from elsewhere."""
    console = Console(
        highlight=False, record=True, width=112, file=io.StringIO(), force_terminal=True
    )
    console.print(Text("$ make demo", style="bold"))
    _report(console, report)
    form = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title="failwell", code_format=form)


def _report(console: Console, report: Report) -> None:
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
