"""What failed: explained, told as the story of one request, or listed."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.text import Text

from failwell.cli.render.lines import harmless, json
from failwell.explanation import Explanation
from failwell.journal import Entry
from failwell.model import read_json


def explanation(told: Explanation, *, as_json: bool) -> None:
    """An explanation, in words or as JSON."""
    if as_json:
        json(told)
        return
    console = Console(highlight=False, soft_wrap=True)
    for title, text in told.rows().items():
        lines = harmless(text).replace("\n", "\n" + " " * 15)
        console.print(Text(f"{title:<15}", style="bold"), Text(lines), sep="")


def story(request_id: str, entries: list[Entry], *, as_json: bool) -> None:
    """What became of one request, in time order; tracebacks at the end."""
    if as_json:
        json({"request_id": request_id, "entries": [_facts(entry) for entry in entries]})
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(harmless(f"request {request_id}"), style="bold"))
    for entry in entries:
        console.print()
        console.print(Text(harmless(_line(entry)), style="cyan"))
        for fact in _details(entry):
            console.print(Text(harmless(_indented(fact))))
    for entry in entries:
        if entry.traceback:
            console.print(Text(f"\ntraceback of {_time(entry.at)}", style="bold"))
            console.print(Text(harmless(_indented(entry.traceback))))


def journal(entries: list[Entry], *, as_json: bool) -> None:
    """A line for each entry, the newest last."""
    if as_json:
        json([_facts(entry) for entry in entries])
        return
    for entry in entries:
        print(harmless(f"{_line(entry)}  {entry.request_id or '-'}").replace("\n", " "))
    if not entries:
        print("nothing failed")


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
