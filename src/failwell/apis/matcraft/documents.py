"""What is sent to MatCraft: MDL documents and datasets, from files, as the bodies of requests.

Whatever is wrong with a file on this side is told before anything is sent; whatever is wrong with
the MDL in it is MatCraft's to say, line by line, so a document that is text goes as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from failwell.errors import InvalidRequestError

Source = str | Path
"""The path of a file."""

MDL = Mapping[str, Any] | str
"""An MDL document: its members, or its text."""

_NAME = re.compile(r"""(?m)^name:[ \t]+(['"]?)([A-Za-z0-9_-]{1,128})\1[ \t]*(?:#.*)?\r?$""")
"""The name in a document in YAML's block style."""


class Body(msgspec.Struct, frozen=True):
    """A request's body and its media type."""

    content: bytes
    media_type: str


def campaign(
    mdl_path: Source | None,
    mdl: MDL | None,
    name: str | None,
    domain: str | None,
    dataset_id: str | None,
) -> Body:
    """The body that makes a campaign of a document. Raises `InvalidRequestError`."""
    if (mdl_path is None) == (mdl is None):
        raise InvalidRequestError.of("Give a document: either mdl_path=, its file, or mdl=")
    over = {"name": name, "domain": domain, "dataset_id": dataset_id}
    if mdl_path is not None:
        path = Path(mdl_path)
        return _as_file(path.name, _read(path, "MDL document"), over)
    if isinstance(mdl, str):
        return _as_file("document.yaml", mdl.encode("utf-8", "replace"), over)
    # A caller's variable, which may be anything.
    if not isinstance(mdl, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidRequestError.of(f"mdl is a {type(mdl).__name__}: give its text or its members")
    own = {key: mdl[key] for key in ("name", "domain") if key in mdl}
    return as_json(own | {"mdl": dict(mdl)} | _stated(over))


def dataset(csv_path: Source, name: str | None, description: str) -> Body:
    """The body that makes a dataset of a CSV file. Raises `InvalidRequestError`."""
    path = Path(csv_path)
    fields = {"name": path.stem if name is None else name, "description": description or None}
    return _form(fields, "file", path.name, _read(path, "dataset"), "text/csv")


def as_json(value: Any) -> Body:
    """The value as JSON. Raises `InvalidRequestError` for what JSON has no word for."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError.of(f"This cannot be sent as JSON: {error}") from None
    return Body(text, "application/json")


def _as_file(filename: str, content: bytes, over: dict[str, str | None]) -> Body:
    """A document goes with its name beside it: by that a campaign is found again whose answer was
    lost."""
    found = _NAME.search(content.decode("utf-8", "replace"))
    if over["name"] is None and found is not None:
        over["name"] = found[2]
    return _form(over, "mdl_file", filename, content, "application/yaml")


def _form(
    fields: Mapping[str, str | None], part: str, filename: str, content: bytes, media_type: str
) -> Body:
    """A form with a file in it, as bytes: one that can be sent again, and looked into."""
    files = {part: (filename, content, media_type)}
    form = httpx2.Request("POST", "http://form", data=_stated(fields), files=files)
    return Body(form.read(), form.headers["content-type"])


def _stated(fields: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        shown = str(path) if len(str(path)) < 200 else f"{str(path)[:60]}…"
        reason = getattr(error, "strerror", None) or error
        raise InvalidRequestError.of(f"The {what} {shown!r} cannot be read: {reason}") from None
