"""How to find out whether a write to Ionworks took effect, for it has no idempotency keys.

Names are unique: of a specification in its project, of a lot and a cell in their specification, of
a measurement in its cell. A second record is refused with a 409 that names the first, so a write
that is not found may be sent again. Changes and cancellations are told by the record itself; they
set values, and setting them twice sets them once. A confirmed upload is the record with its id.

Simulations and pipelines have no natural key: nothing is said of them here.

Sources: Ionworks' guide "Error Handling" (the 409), the client `ionworks-api` 0.38 (`existing_id`,
its list filters).
"""

from __future__ import annotations

import re
from typing import Any, cast
from urllib.parse import quote, urlencode

from failwell.apis.answers import members
from failwell.contract import Existing, LookUp
from failwell.model import Response, Sent, read_json
from failwell.policy.natural import differences

_SPECS = re.compile(r".*/cell_specifications")
_PARTS = re.compile(
    r"(?P<base>.*)/(?:cell_specifications/[^/]+/(?:cell_instances|cell_batches)"
    r"|cell_instances/[^/]+/cell_measurements)"
)
_MEASUREMENT = re.compile(r"(?P<list>.*/cell_measurements)/(?:create|initiate-upload)")
_CONFIRMED = re.compile(r"(?P<record>.*/cell_measurements/[^/]+)/confirm-upload")
_CANCELLED = re.compile(r"(?P<record>.*/(?:pipelines|jobs)/[^/]+)/cancel")


def request(sent: Sent) -> tuple[str, str] | None:
    """The question whose answer shows the record; None where there is nothing to ask for."""
    url = _url(sent)
    if sent.method == "PATCH":
        return "GET", url
    if sent.method != "POST":
        return None
    for pattern in (_CONFIRMED, _CANCELLED):
        if (action := pattern.fullmatch(url)) is not None:
            return "GET", action["record"]
    listed, name = _list(url), _name(sent)
    if listed is None or name is None:
        return None
    query = {"name": f"eq.{name}"} | ({"project_id": p} if (p := _project(sent)) else {})
    return "GET", f"{listed}?{urlencode(query, quote_via=quote)}"


def found(sent: Sent, answer: Response) -> bool:
    """Whether the answer shows what was sent, in each of its members."""
    shown = record(sent, answer)
    if shown is None:
        return False
    if _CANCELLED.fullmatch(_url(sent)):
        return shown.get("is_terminal") is True
    return not differences(members(sent.body), shown)


def record(sent: Sent, answer: Response) -> dict[str, Any] | None:
    """The record in the answer; of a confirmed upload, also under the name it was sent by.

    A link for an upload is no record. A specification that was sent without its project goes to
    the key's own: of one that is like it in another project, the list cannot tell.
    """
    url, body = _url(sent), read_json(answer.body or b"")
    if sent.method == "PATCH" or _CANCELLED.fullmatch(url):
        return cast("dict[str, Any]", body) if isinstance(body, dict) else None
    if _CONFIRMED.fullmatch(url):
        return {**body, "measurement": body} if isinstance(body, dict) else None
    is_somewhere = _SPECS.fullmatch(url) is not None and _project(sent) is None
    if is_somewhere or url.endswith("/initiate-upload"):
        return None
    return _named(body, _name(sent))


def existing(sent: Sent, identifier: str) -> tuple[str, str] | None:
    """What reads the record that has the name already; None for the acts of an upload, whose
    bodies are not the record's."""
    url = _url(sent)
    listed = _list(url)
    if sent.method != "POST" or listed is None or url.endswith("-upload"):
        return None
    part = _PARTS.fullmatch(listed)
    base, _, kind = listed.rpartition("/")
    return "GET", f"{part['base'] if part else base}/{kind}/{quote(identifier, safe='')}"


def _list(url: str) -> str | None:
    """The list that shows what is made at this URL."""
    measured = _MEASUREMENT.fullmatch(url)
    listed = url if measured is None else measured["list"]
    return listed if _SPECS.fullmatch(listed) or _PARTS.fullmatch(listed) else None


def _named(page: Any, name: str | None) -> dict[str, Any] | None:
    """The record of this name on a page; a bare array is a page, too."""
    items = cast("dict[str, Any]", page).get("items") if isinstance(page, dict) else page
    for item in cast("list[Any]", items) if isinstance(items, list) else []:
        if isinstance(item, dict) and cast("dict[str, Any]", item).get("name") == name:
            return cast("dict[str, Any]", item)
    return None


def _url(sent: Sent) -> str:
    return sent.url.partition("?")[0].rstrip("/")


def _project(sent: Sent) -> str | None:
    project = members(sent.body).get("project_id")
    return project if isinstance(project, str) and project else None


def _name(sent: Sent) -> str | None:
    """The name that was sent; that of an upload is inside its measurement."""
    body = members(sent.body)
    inside = body.get("measurement")
    name = (cast("dict[str, Any]", inside) if isinstance(inside, dict) else body).get("name")
    return name if isinstance(name, str) else None


BY_NAME = LookUp(request=request, found=found, record=record, enforced=True)
EXISTING = Existing(request=existing, id="existing_id", codes=frozenset({"CONFLICT"}))
