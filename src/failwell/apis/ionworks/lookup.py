"""How to find out whether a record was made at Ionworks: by its name.

Ionworks has no idempotency keys. The names of cell specifications are unique in a project, those
of cells and lots in their specification; a 409 tells the id of the record that has the name.

Sources: Ionworks' guide "Error Handling" (the 409 and its `existing_id`), the Python client's
`create_or_get` and its list filters (`name=eq.X`).
"""

from __future__ import annotations

import re
from typing import Any, cast
from urllib.parse import quote

from failwell.contract import Existing, LookUp
from failwell.model import Response, Sent, read_json
from failwell.policy.natural import differences

_SPECS = re.compile(r"(?P<base>.*)/cell_specifications")
_PARTS = re.compile(r"(?P<base>.*)/cell_specifications/[^/]+/(?P<kind>cell_instances|cell_batches)")


def request(sent: Sent) -> tuple[str, str] | None:
    """The list that would show the record; None for what has no name of its own."""
    url, name = sent.url.partition("?")[0].rstrip("/"), _body(sent).get("name")
    if _kind_of(sent) is None or not isinstance(name, str):
        return None
    project = _body(sent).get("project_id")
    scope = f"&project_id={quote(project, safe='')}" if isinstance(project, str) else ""
    return "GET", f"{url}?name=eq.{quote(name, safe='')}{scope}"


def found(sent: Sent, answer: Response) -> bool:
    """Whether a record in the list holds what was sent."""
    return record(sent, answer) is not None


def record(sent: Sent, answer: Response) -> Any:
    """The record in the list that holds what was sent.

    A specification that was sent without its project goes to the key's own: of one that is like
    it in another project, the list cannot tell.
    """
    url, body = sent.url.partition("?")[0].rstrip("/"), _body(sent)
    if _SPECS.fullmatch(url) is not None and not isinstance(body.get("project_id"), str):
        return None
    page = read_json(answer.body or b"")
    items = cast("dict[str, Any]", page).get("items") if isinstance(page, dict) else None
    for item in cast("list[Any]", items) if isinstance(items, list) else []:
        if not differences(body, item):
            return item
    return None


def existing(sent: Sent, identifier: str) -> tuple[str, str] | None:
    """What reads the record that has the name already."""
    kind = _kind_of(sent)
    return None if kind is None else ("GET", f"{kind}/{quote(identifier, safe='')}")


def _kind_of(sent: Sent) -> str | None:
    """The URL below which records of this kind are read."""
    url = sent.url.partition("?")[0].rstrip("/")
    if sent.method != "POST":
        return None
    part = _PARTS.fullmatch(url)
    if part is not None:
        return f"{part['base']}/{part['kind']}"
    return url if _SPECS.fullmatch(url) is not None else None


def _body(sent: Sent) -> dict[str, Any]:
    decoded = read_json(sent.body or b"")
    return cast("dict[str, Any]", decoded) if isinstance(decoded, dict) else {}


BY_NAME = LookUp(request=request, found=found, record=record, enforced=True)
EXISTING = Existing(request=existing, id="existing_id", codes=frozenset({"CONFLICT"}))
