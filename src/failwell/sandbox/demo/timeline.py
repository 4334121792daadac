"""What happened when: a lane for each API, a row for each piece of work, a bar for each call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from failwell.sandbox.demo.report import NAMES, Report, totals
from failwell.sandbox.demo.story import Call, Item, Outage

_TICKS = 6
_LEAST = 0.25


def timeline(report: Report) -> str:
    """The axis and the lanes, in HTML."""
    lanes = (_lane(api, items, report) for api, items in by_api(report.items))
    return _axis(report.took) + "".join(lanes)


def by_api(items: Sequence[Item]) -> Iterable[tuple[str, list[Item]]]:
    """The pieces of work of each API, in the order in which they are shown."""
    for api in NAMES:
        found = [item for item in items if item.api == api]
        if found:
            yield api, found


def _axis(took: float) -> str:
    ticks = "".join(
        f'<span style="left:{100 * n / _TICKS:.2f}%">{took * n / _TICKS:.1f} s</span>'
        for n in range(_TICKS + 1)
    )
    return f'<div class="axis">{ticks}</div>'


def _lane(api: str, items: Sequence[Item], report: Report) -> str:
    away = [outage for outage in report.outages if outage.api == api]
    bands = "".join(_band(outage, report.took) for outage in away)
    rows = "".join(_row(item, bands, report.took) for item in items)
    said = ", ".join(f"the {outage.component} was stopped for a while" for outage in away)
    return (
        f'<details open class="{escape(api)}"><summary><h3>{escape(NAMES[api])}</h3>'
        f"<span>{escape(_summary(items))}</span><span>{escape(said)}</span></summary>"
        f"{rows}</details>"
    )


def _summary(items: Sequence[Item]) -> str:
    """The counts of a lane that are not 0."""
    counted = {"files": len(items), **totals(items)}
    return ", ".join(f"{count} {name}" for name, count in counted.items() if count)


def _band(outage: Outage, took: float) -> str:
    left, width = share(outage.began, took), share(outage.ended - outage.began, took)
    title = f"the {outage.component} was stopped"
    return f'<u style="left:{left}%;width:{width}%" title="{escape(title)}"></u>'


def _row(item: Item, bands: str, took: float) -> str:
    calls = "".join(_bar(call, took) for call in item.calls)
    tries = "".join(
        f'<b style="left:{share(one.at, took)}%" title="{escape(f"{call.name}: {one.ended}")}"></b>'
        for call in item.calls
        for one in call.tries
    )
    state = "refused" if item.refused is not None else "done" if item.done else "lost"
    end = item.result or item.refused or item.error or item.state
    return (
        f'<div class="row {state}"><span class="name" title="{escape(item.name)}">'
        f'{escape(item.name)}</span><div class="track">{bands}{calls}{tries}</div>'
        f'<span class="end" title="{escape(end)}">{escape(end)}</span></div>'
    )


def _bar(call: Call, took: float) -> str:
    width = max(float(share(call.took, took)), _LEAST)
    kind = "failed" if call.failed else "saved" if call.tries else "well"
    title = f"{call.name}: {call.took:.2f} s, {len(call.tries)} failed attempts"
    left = share(call.began, took)
    return f'<i class="{kind}" style="left:{left}%;width:{width:.2f}%" title="{escape(title)}"></i>'


def share(seconds: float, took: float) -> str:
    """The part of the whole, in percent."""
    return f"{100 * min(max(seconds / took, 0.0), 1.0):.2f}" if took > 0 else "0"
