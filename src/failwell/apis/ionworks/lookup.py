"""How to find out whether a write to Ionworks took effect, for it has no idempotency keys.

Names are unique: of a specification in its project, of a lot and a cell in their specification, of
a measurement in its cell. A second record is refused with a 409 that names the first, so a write
that is not found may be sent again. Changes and cancellations are told by the record itself; they
set values, and setting them twice sets them once. A confirmed upload is the record with its id.

Names of pipelines are not: those carry a tag in their description, and only a find is a proof.

A protocol is one template, however often it is sent, and links for an upload make no record. A
simulation has neither a natural key that its record would show, nor room for a tag: nothing is
said of it here.

Sources: Ionworks' guide "Error Handling" (the 409), the client `ionworks-api` 0.38 (`existing_id`,
its list filters, `SimulationResponse.protocol_id`).
"""

from __future__ import annotations

import re
from typing import Any, cast
from urllib.parse import quote, urlencode

from failwell.apis.answers import members
from failwell.apis.ionworks.tags import TAG, is_tagged, tagged
from failwell.contract import Existing, LookUp
from failwell.model import Response, Sent, read_json
from failwell.policy.natural import differences

_PIPELINES = re.compile(r".*/pipelines")
_REPEATABLE = re.compile(
    r".*/(?:protocols/parse-to-template|simulations/statuses|cell_measurements/initiate-upload)"
)
_SPECS = re.compile(r".*/cell_specifications")
_PARTS = re.compile(
    r"(?P<base>.*)/(?:cell_specifications/[^/]+/(?:cell_instances|cell_batches)"
    r"|cell_instances/[^/]+/cell_measurements)"
)
_MEASUREMENT = re.compile(r"(?P<list>.*/cell_measurements)/(?:create|initiate-upload)")
_CONFIRMED = re.compile(r"(?P<record>.*/cell_measurements/[^/]+)/confirm-upload")
_CANCELLED = re.compile(r"(?P<record>.*/(?:pipelines|jobs)/[^/]+)/cancel")


def repeatable(method: str, url: str) -> bool:
    """Whether it asks for something, or for what is kept once, and may be asked again."""
    return method == "POST" and _REPEATABLE.fullmatch(url.partition("?")[0]) is not None


def tag(sent: Sent, word: str) -> bytes | None:
    """The body of a new pipeline with this word in it; None for all else."""
    return tagged(sent.body or b"", word) if _is_new_pipeline(sent) else None


def request(sent: Sent) -> tuple[str, str] | None:
    """The question whose answer shows the record; None where there is nothing to ask for."""
    url = _url(sent)
    if sent.method == "PATCH":
        return "GET", url
    if sent.method != "POST":
        return None
    if _is_new_pipeline(sent):
        return None if sent.tag is None else ("GET", _list_of_tag(sent, url, sent.tag))
    for pattern in (_CONFIRMED, _CANCELLED):
        if (action := pattern.fullmatch(url)) is not None:
            return "GET", action["record"]
    listed, name = _list(url), _name(sent)
    if listed is None or name is None:
        return None
    return "GET", _filtered(sent, listed, name=f"eq.{name}")


def found(sent: Sent, answer: Response) -> bool:
    """Whether the answer shows what was sent, in each of its members."""
    shown = record(sent, answer)
    if shown is None:
        return False
    if _is_new_pipeline(sent):
        return True
    if _CANCELLED.fullmatch(_url(sent)):
        return shown.get("is_terminal") is True
    return not differences(members(sent.body), shown)


def record(sent: Sent, answer: Response) -> dict[str, Any] | None:
    """The record in the answer; of a confirmed upload, also under the name it was sent by.

    A link for an upload is no record. A specification that was sent without its project goes to
    the key's own: of one that is like it in another project, the list cannot tell.
    """
    url, body = _url(sent), read_json(answer.body or b"")
    if _is_new_pipeline(sent):
        return None if sent.tag is None else _tagged(body, sent.tag)
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


def enforced(sent: Sent) -> bool:
    """Whether Ionworks refuses a second one, or takes it for the first: all but a pipeline."""
    return not _is_new_pipeline(sent)


def _is_new_pipeline(sent: Sent) -> bool:
    return sent.method == "POST" and _PIPELINES.fullmatch(_url(sent)) is not None


def _list_of_tag(sent: Sent, url: str, word: str) -> str:
    return _filtered(sent, url, description=f"ilike.%{TAG}: {word}%")


def _tagged(page: Any, word: str) -> dict[str, Any] | None:
    """The pipeline on a page that carries this word."""
    found = (item for item in _items(page, "pipelines") if is_tagged(item, word))
    return next(found, None)


def _list(url: str) -> str | None:
    """The list that shows what is made at this URL."""
    measured = _MEASUREMENT.fullmatch(url)
    listed = url if measured is None else measured["list"]
    return listed if _SPECS.fullmatch(listed) or _PARTS.fullmatch(listed) else None


def _named(page: Any, name: str | None) -> dict[str, Any] | None:
    """The record of this name on a page; a bare array is a page, too."""
    return next((item for item in _items(page, "items") if item.get("name") == name), None)


def _items(page: Any, key: str) -> list[dict[str, Any]]:
    """The records on a page."""
    items = cast("dict[str, Any]", page).get(key) if isinstance(page, dict) else page
    found = cast("list[Any]", items) if isinstance(items, list) else []
    return [item for item in found if isinstance(item, dict)]


def _filtered(sent: Sent, listed: str, **query: str) -> str:
    """The list, of those in the project that was named."""
    named = {"project_id": p} if (p := _project(sent)) else {}
    return f"{listed}?{urlencode(query | named, quote_via=quote)}"


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


LOOK_UP = LookUp(request=request, found=found, record=record, enforced=enforced, tag=tag)
EXISTING = Existing(request=existing, id="existing_id", codes=frozenset({"CONFLICT"}))
