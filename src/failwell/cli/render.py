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
from failwell.flows.ending import Finished
from failwell.flows.runs import Summary
from failwell.journal import Entry
from failwell.model import read_json
from failwell.sandbox.demo import Report
from failwell.sandbox.demo.report import NAMES
from failwell.sandbox.demo.story import Item
from failwell.transactions.recovery import Recovery

_STYLE = {
    "waiting": "dim",
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
    for title, text in told.rows().items():
        lines = _harmless(text).replace("\n", "\n" + " " * 15)
        console.print(Text(f"{title:<15}", style="bold"), Text(lines), sep="")


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


def job(ended: Finished) -> None:
    """The record of a job that has succeeded, as JSON."""
    _json(ended.record)


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
def watching(*, plain: bool) -> Generator[Callable[[list[Item]], None]]:
    """A live table of the work on a terminal; elsewhere a line for each change."""
    console = Console()
    if plain or not console.is_terminal:
        yield _lines()
        return
    with Live(console=console, refresh_per_second=12, transient=True) as live:
        yield lambda items: live.update(_under_way(items))


def _lines() -> Callable[[list[Item]], None]:
    shown: dict[tuple[str, str], str] = {}

    def show(items: list[Item]) -> None:
        for item in items:
            which = (item.api, item.name)
            if item.state != shown.get(which) and item.state != "waiting":
                shown[which] = item.state
                where = f"{NAMES[item.api]:<10} {item.name:<22}"
                print(f"{where} {item.state:<22} retries {item.retries}", flush=True)

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
                table.add_row("", item.name, state, f"{item.retries or ''}")
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
            item.name,
            Text(item.state, style=ended),
            str(item.retries or ""),
            str(item.replays or ""),
            item.result or "",
        )
    return table


def recoveries(found: list[Recovery], *, as_json: bool) -> int:
    """What became of each transaction; the exit status, 1 where something is left to do."""
    if as_json:
        _json([_recovery(one) for one in found])
    else:
        for one in found:
            print(_harmless(f"{one.name}: {_ENDS[one.end]}"))
            for said in (*map(str, one.todo), *([one.why] if one.why and not one.todo else [])):
                print(_harmless(f"  - {said}"))
        if not found:
            print("no transaction is unfinished")
    return int(any(one.end not in ("committed", "rolled_back") for one in found))


_ENDS = {
    "committed": "committed",
    "rolled_back": "rolled back, nothing is left of it",
    "left": "rolled back as far as it could be; to do:",
    "held": "a process is still on it",
    "open": "could not be brought to its end",
}


def _recovery(one: Recovery) -> dict[str, object]:
    facts: dict[str, object] = msgspec.to_builtins(one)
    facts["sentences"] = [str(item) for item in one.todo]
    return facts


def runs(found: list[Summary], *, as_json: bool) -> None:
    """Each run: since when, how many writes, and those of which the end is not known."""
    if as_json:
        _json([msgspec.to_builtins(run) for run in found])
        return
    for run in found:
        print(_harmless(f"{run.name}: {_writes(run)}, begun {_moment(run.at)}"))
        for write in run.unfinished:
            print(_harmless(f"  - unfinished since {_moment(write.at)}: {write.what}"))
    if not found:
        print("no run is open")


def ended(run: Summary) -> None:
    """The run that is over."""
    print(_harmless(f"{run.name}: ended, {_writes(run)} forgotten"))


def _writes(run: Summary) -> str:
    return f"{run.writes} write{'' if run.writes == 1 else 's'}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def demo(report: Report) -> int:
    """The table of cost and time and the summary line; the exit status."""
    width = None if sys.stdout.isatty() else 120
    _report(Console(highlight=False, soft_wrap=True, width=width), report)
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
    console.print(_items(list(report.items)))
    console.print()
    for item in report.items:
        if item.refused or item.error:
            console.print(Text(f"{item.name}: {item.refused or item.error}", style="yellow"))
    down = ", each system with a part stopped for a while" if report.weather != "none" else ""
    console.print(
        f"weather {report.weather}{down}; {report.took:.1f} s; "
        "counted from what the sandbox really created:"
    )
    summary = " ".join(f"{name} {count}" for name, count in report.figures.items())
    console.print(Text(summary, style="bold green" if report.is_clean else "bold red"))
