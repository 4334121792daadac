"""What failed, and what saved it: counted by API, and call by call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from failwell.sandbox.demo.report import NAMES
from failwell.sandbox.demo.story import Call, Item
from failwell.sandbox.demo.timeline import by_api

_MOST = 9
"""Kinds of failure that are counted by name."""


def failures(items: Sequence[Item]) -> str:
    """How attempts ended that failed, by API: a table in HTML."""
    ended = Counter((one.ended, item.api) for item, call in _failed(items) for one in call.tries)
    return _counted("attempts that failed", ended)


def rescues(items: Sequence[Item]) -> str:
    """What brought calls to their end that had failed on the way, by API: a table in HTML."""
    return _counted("saved by", Counter((saved_by(c), item.api) for item, c in _failed(items)))


def call_by_call(items: Sequence[Item]) -> str:
    """Each call that failed on the way, by API, folded: HTML."""
    return "".join(_folded(api, found) for api, found in by_api(items))


def saved_by(call: Call) -> str:
    """What brought the call to its end."""
    return call.saved or ("nothing" if call.failed else "another look")


def _failed(items: Sequence[Item]) -> Iterable[tuple[Item, Call]]:
    return ((item, call) for item in items for call in item.calls if call.tries)


def _counted(title: str, counted: Counter[tuple[str, str]]) -> str:
    apis = [api for api in NAMES if any(found == api for _, found in counted)]
    names = Counter[str]()
    for (name, _), count in counted.items():
        names[name] += count
    if not names:
        return f"<p>{escape(title)}: none</p>"
    most = max(counted.values())
    head = "".join(f'<th class="{api}">{escape(NAMES[api])}</th>' for api in apis)
    rows = "".join(
        f"<tr><th>{escape(name)}</th>"
        + "".join(_cell(counted[name, api], most, api) for api in apis)
        + f"<td>{total}</td></tr>"
        for name, total in names.most_common(_MOST)
    )
    return (
        f'<table class="counted"><thead><tr><th>{escape(title)}</th>{head}<th>all</th></tr>'
        f"</thead><tbody>{rows}</tbody></table>"
    )


def _cell(count: int, most: int, api: str) -> str:
    if not count:
        return "<td></td>"
    strength = 12 + round(48 * count / most)
    return f'<td class="{api} heat" style="--heat:{strength}%">{count}</td>'


def _folded(api: str, items: Sequence[Item]) -> str:
    rows = [_row(item, call) for item, call in _failed(items)]
    if not rows:
        return ""
    return (
        f'<details class="{escape(api)}"><summary><h3>{escape(NAMES[api])}</h3>'
        f"<span>{len(rows)} calls failed on the way</span></summary>"
        f"<table><thead>{_HEAD}</thead><tbody>{''.join(rows)}</tbody></table></details>"
    )


_HEAD = (
    "<tr><th>work</th><th>step</th><th>attempts that failed</th>"
    "<th>effect of the failed attempt</th><th>saved by, after waits of</th></tr>"
)


def _row(item: Item, call: Call) -> str:
    failed = ", ".join(one.ended for one in call.tries)
    effects = ", ".join(dict.fromkeys(one.effect for one in call.tries if one.effect)) or "a read"
    waited = sum(one.wait for one in call.tries) + call.held
    cells = (item.name, call.name, failed, effects, f"{saved_by(call)}, {waited:.1f} s")
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
