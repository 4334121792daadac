"""What a store keeps: runs that are open, transactions that were brought to their end."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from failwell.cli.render.lines import harmless, json
from failwell.flows.runs import Summary
from failwell.transactions.recovery import Recovery

_ENDS = {
    "committed": "committed",
    "rolled_back": "rolled back, nothing is left of it",
    "left": "rolled back as far as it could be; to do:",
    "held": "a process is still on it",
    "open": "could not be brought to its end",
}


def recoveries(found: list[Recovery], *, as_json: bool) -> None:
    """What became of each transaction, and what is left to do."""
    if as_json:
        json([_recovery(one) for one in found])
        return
    for one in found:
        print(harmless(f"{one.name}: {_ENDS[one.end]}"))
        for said in one.todo or ([one.why] if one.why else []):
            print(harmless(f"  - {said}"))
    if not found:
        print("no transaction is unfinished")


def _recovery(one: Recovery) -> dict[str, object]:
    facts: dict[str, object] = msgspec.to_builtins(one)
    facts["sentences"] = [str(item) for item in one.todo]
    return facts


def runs(found: list[Summary], *, as_json: bool) -> None:
    """Each run: since when, how many writes, and those of which the end is not known."""
    if as_json:
        json([msgspec.to_builtins(run) for run in found])
        return
    for run in found:
        print(harmless(f"{run.name}: {_writes(run)}, begun {_moment(run.at)}"))
        for write in run.unfinished:
            print(harmless(f"  - unfinished since {_moment(write.at)}: {write.what}"))
    if not found:
        print("no run is open")


def ended(run: Summary, *, as_json: bool) -> None:
    """The run that is over."""
    if as_json:
        json(msgspec.to_builtins(run))
        return
    print(harmless(f"{run.name}: ended, {_writes(run)} forgotten"))


def _writes(run: Summary) -> str:
    return f"{run.writes} write{'' if run.writes == 1 else 's'}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
