"""The run as a page in one file, that loads nothing from elsewhere: what happened when, and what
failed and what saved it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from string import Template

from failwell.sandbox.demo.report import NAMES, Report
from failwell.sandbox.demo.story import Call, Item

_TICKS = 6
_LEAST = 0.25


def page(report: Report) -> str:
    """The page's HTML."""
    template = Template(files("failwell.sandbox.demo").joinpath("page.html").read_text("utf-8"))
    return template.substitute(
        verdict="Nothing was lost, nothing was done twice."
        if report.is_clean
        else f"{report.duplicates} duplicates, {report.lost} lost.",
        mood="clean" if report.is_clean else "broken",
        weather=escape(report.weather),
        apis=_count_of_apis(report.items),
        took=f"{report.took:.0f}",
        figures="".join(map(_figure, report.figures.items())),
        axis=_axis(report.took),
        lanes="".join(_lane(api, items, report.took) for api, items in _by_api(report.items)),
        rows="".join(_rows(report.items)) or _NONE,
        surfaced="".join(_surfaced(report.items)) or _NONE_SURFACED,
    )


_NONE = '<tr><td colspan="6">Nothing failed.</td></tr>'
_NONE_SURFACED = "<p>None: whatever failed was brought to a good end without a person.</p>"


def _count_of_apis(items: Sequence[Item]) -> str:
    count = len({item.api for item in items})
    return f"{_WORDS.get(count, count)} API{'' if count == 1 else 's'}"


_WORDS = {1: "an", 2: "two", 3: "three", 4: "four", 5: "five"}


def _figure(figure: tuple[str, int]) -> str:
    name, count = figure
    mark = ' class="good"' if name in ("duplicates", "lost") and count == 0 else ""
    return f"<div{mark}><dd>{count:,}</dd><dt>{escape(name)}</dt></div>"


def _axis(took: float) -> str:
    return "".join(
        f'<span style="left:{100 * n / _TICKS:.2f}%">{took * n / _TICKS:.1f} s</span>'
        for n in range(_TICKS + 1)
    )


def _by_api(items: Sequence[Item]) -> Iterable[tuple[str, list[Item]]]:
    for api in NAMES:
        found = [item for item in items if item.api == api]
        if found:
            yield api, found


def _lane(api: str, items: Sequence[Item], took: float) -> str:
    rows = "".join(_track(item, took) for item in items)
    return f"<section><h3>{escape(NAMES[api])}</h3>{rows}</section>"


def _track(item: Item, took: float) -> str:
    calls = "".join(_bar(call, took) for call in item.calls)
    tries = "".join(
        f'<b style="left:{_share(one.at, took)}%" title="{escape(_told(call, one.ended))}"></b>'
        for call in item.calls
        for one in call.tries
    )
    state = "refused" if item.refused is not None else "done" if item.done else "lost"
    end = item.result or item.refused or item.error or item.state
    return (
        f'<div class="row {state}"><span class="name" title="{escape(item.name)}">'
        f'{escape(item.name)}</span><div class="track">{calls}{tries}</div>'
        f'<span class="end" title="{escape(end)}">{escape(end)}</span></div>'
    )


def _bar(call: Call, took: float) -> str:
    width = max(float(_share(call.took, took)), _LEAST)
    kind = "saved" if call.tries and not call.failed else "failed" if call.failed else "well"
    title = f"{call.name}: {call.took:.2f} s, {len(call.tries)} failed attempts"
    left = _share(call.began, took)
    return f'<i class="{kind}" style="left:{left}%;width:{width:.2f}%" title="{escape(title)}"></i>'


def _share(seconds: float, took: float) -> str:
    return f"{100 * min(max(seconds / took, 0.0), 1.0):.2f}" if took > 0 else "0"


def _told(call: Call, ended: str) -> str:
    return f"{call.name}: {ended}"


def _rows(items: Sequence[Item]) -> Iterable[str]:
    for item in items:
        for call in item.calls:
            if call.tries:
                yield _row(item, call)


def _row(item: Item, call: Call) -> str:
    failed = ", ".join(one.ended for one in call.tries)
    effects = ", ".join(dict.fromkeys(one.effect for one in call.tries if one.effect)) or "a read"
    waited = sum(one.wait for one in call.tries) + call.held
    saved = call.saved or ("nothing" if call.failed else "another look")
    cells = (NAMES[item.api], item.name, call.name, failed, effects, f"{saved}, {waited:.1f} s")
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _surfaced(items: Sequence[Item]) -> Iterable[str]:
    for item in items:
        for explanation in item.surfaced:
            said = escape(str(explanation))
            title = escape(f"{NAMES[item.api]}, {item.name}")
            yield f"<details><summary>{title}</summary><pre>{said}</pre></details>"
