"""How to find out whether a write to MatCraft took effect, for it has no idempotency keys.

A campaign or dataset is found by its name, which is unique in the account; one that is older than
the write is somebody else's. A start or a stop is found by the state of its campaign. Decided here:
lists take `?name=`.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import quote

from failwell.apis.answers import members
from failwell.model import Response, Sent

_ACTION = re.compile(r"(?P<campaign>.*/campaigns/[^/?]+)/(?P<verb>start|stop)")
_LIST = re.compile(r".*/(campaigns|datasets)")
_NAME_FIELD = re.compile(rb'name="name"(?:;[^\r]*)?\r\n(?:[^\r]+\r\n)*\r\n([^\r]{1,1024})\r\n')
_SLACK = timedelta(seconds=1)
"""By how much two clocks that were compared over one answer may differ after all."""


def request(sent: Sent) -> tuple[str, str] | None:
    """The question whose answer shows the record; None where there is nothing to ask for."""
    url = sent.url.partition("?")[0]
    if sent.method != "POST":
        return None
    action = _ACTION.fullmatch(url)
    if action is not None:
        return "GET", action["campaign"]
    name = _name(sent)
    if _LIST.fullmatch(url) is None or name is None:
        return None
    return "GET", f"{url}?name={quote(name, safe='')}"


def found(sent: Sent, answer: Response) -> bool:
    """Whether the answer shows what was sent: the record of that name with the same domain, or
    the campaign no longer in the state that the action left."""
    data = members(answer.body).get("data")
    action = _ACTION.fullmatch(sent.url.partition("?")[0])
    if action is None:
        return _row(sent, answer) is not None
    status = cast("dict[str, Any]", data).get("status") if isinstance(data, dict) else None
    before = ("created",) if action["verb"] == "start" else ("created", "sampling", "running")
    return isinstance(status, str) and status not in before


def record(sent: Sent, answer: Response) -> dict[str, Any]:
    """The answer that shows what was found, and nothing else, as the write's own would have."""
    row = _row(sent, answer)
    return members(answer.body) if row is None else {**members(answer.body), "data": row}


def _row(sent: Sent, answer: Response) -> dict[str, Any] | None:
    """The record in a list that is the one which was sent."""
    rows = members(answer.body).get("data")
    listed = cast("list[Any]", rows) if isinstance(rows, list) else []
    own = cast("list[dict[str, Any]]", [row for row in listed if isinstance(row, dict)])
    return next((row for row in own if _is_it(sent, row, answer)), None)


def _is_it(sent: Sent, held: dict[str, Any], answer: Response) -> bool:
    same_domain = members(sent.body).get("domain") in (None, held.get("domain"))
    return held.get("name") == _name(sent) and same_domain and not _is_older(sent, held, answer)


def _is_older(sent: Sent, held: dict[str, Any], answer: Response) -> bool:
    """Whether the record was there before the write was sent, by MatCraft's own clock, which the
    answer tells."""
    made = _time(held.get("created_at"))
    meta = members(answer.body).get("meta")
    told = _time(cast("dict[str, Any]", meta).get("timestamp")) if isinstance(meta, dict) else None
    if made is None or told is None:
        return False
    return made < told - timedelta(seconds=answer.at - sent.at) - _SLACK


def _time(said: Any) -> datetime | None:
    try:
        time = datetime.fromisoformat(said)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo is not None else None


def _name(sent: Sent) -> str | None:
    """The name in a JSON body, or in the field of a multipart one."""
    name = members(sent.body).get("name")
    if isinstance(name, str):
        return name
    field = _NAME_FIELD.search(sent.body or b"")
    return field[1].decode("utf-8", "replace") if field else None
