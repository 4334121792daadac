"""The run as a page in one file, that loads nothing from elsewhere: what happened when, and what
failed and what saved it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from string import Template

from failwell.sandbox.demo.causes import call_by_call, failures, rescues
from failwell.sandbox.demo.report import NAMES, Report
from failwell.sandbox.demo.story import Item
from failwell.sandbox.demo.timeline import by_api, timeline


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
        books="".join(_book(api, items, report) for api, items in by_api(report.items)),
        timeline=timeline(report),
        failures=failures(report.items),
        rescues=rescues(report.items),
        calls=call_by_call(report.items),
        surfaced="".join(_surfaced(report.items)) or _NONE_SURFACED,
    )


_NONE_SURFACED = "<p>None: whatever failed was brought to a good end without a person.</p>"


def _count_of_apis(items: Sequence[Item]) -> str:
    count = len({item.api for item in items})
    return f"{_WORDS.get(count, count)} API{'' if count == 1 else 's'}"


_WORDS = {1: "an", 2: "two", 3: "three", 4: "four", 5: "five"}


def _figure(figure: tuple[str, int]) -> str:
    name, count = figure
    mark = ' class="good"' if name in ("duplicates", "lost") and count == 0 else ""
    return f"<div{mark}><dd>{count:,}</dd><dt>{escape(name)}</dt></div>"


def _book(api: str, items: Sequence[Item], report: Report) -> str:
    """What was made for whom: the kinds that were created, against what was told."""
    created = report.created.get(api, {})
    kinds = (
        f"<li><strong>{count}</strong> {escape(kind.replace('_', ' '))}</li>"
        for kind, count in created.items()
        if count
    )
    refused = sum(item.refused is not None for item in items)
    done = sum(item.result is not None for item in items)
    said = f"{done} done" + (f", {refused} rightly refused" if refused else "")
    return (
        f'<section class="{escape(api)}"><h3>{escape(NAMES[api])}</h3>'
        f"<p>{said}</p><ul>{''.join(kinds)}</ul></section>"
    )


def _surfaced(items: Sequence[Item]) -> Iterable[str]:
    for item in items:
        for explanation in item.surfaced:
            said = escape(str(explanation))
            title = f"<em>{escape(NAMES[item.api])}</em> {escape(item.name)}"
            first = escape(explanation.happened.splitlines()[0][:110])
            yield (
                f'<details class="{escape(item.api)}"><summary>{title} '
                f"<span>{first}</span></summary><pre>{said}</pre></details>"
            )
