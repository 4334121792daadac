"""What Flow answers, as frozen values. Ids are numbers here, and text of digits on the wire."""

from __future__ import annotations

from types import GenericAlias
from typing import Any, TypeVar, cast

import httpx2
import msgspec

from failwell.apis.answers import BROKEN, unreadable
from failwell.apis.flow.contract import FLOW
from failwell.errors import InvalidRequestError

T = TypeVar("T")


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A thing by its id and its name: a project, a pipeline, a version."""

    id: int
    name: str


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user; others are not told what they may do."""

    id: int
    username: str
    name: str = ""
    can_run_pipelines: bool | None = None


class Organism(msgspec.Struct, frozen=True, kw_only=True):
    """An organism, by an id such as "Hs"."""

    id: str
    name: str
    latin_name: str = ""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link to download a file by, until it expires (ISO 8601), and what the whole file is, where
    Flow says so: its `size` in bytes and its `md5`. It is a secret: whoever has it may use it."""

    url: str
    expires_at: str
    size: int | None = None
    md5: str | None = None

    def __repr__(self) -> str:
        return f"Link([redacted], expires_at={self.expires_at!r})"


def read(response: httpx2.Response, kind: type[T], member: str | None = None) -> T:
    """The answer's body, or a member of it, as `kind`. Raises `FlowBadResponseError` for a body
    in another shape: it is told, not guessed at."""
    try:
        raw = msgspec.Raw(response.content)
        if member is not None:
            raw = msgspec.json.decode(response.content, type=dict[str, msgspec.Raw])[member]
        return msgspec.json.decode(raw, type=kind, strict=False)
    except BROKEN as error:
        why = f"is not what Flow promises: {error}"
        raise unreadable(FLOW, response, why, keep_body=False) from None


def read_all(response: httpx2.Response, kind: type[T], member: str) -> list[T]:
    """The list in a member of the answer, each of its items a `kind`. Raises as `read` does."""
    return read(response, cast("type[list[T]]", GenericAlias(list, (kind,))), member)


def id_of(thing: Any) -> str:
    """The id of a thing, of a number or of its digits, as it stands in a path. Raises
    `InvalidRequestError` for what is none."""
    found = getattr(thing, "id", thing)
    text = str(found)
    if isinstance(found, bool) or not (text.isascii() and text.isdigit()):
        raise InvalidRequestError.of(
            f"{text[:80]!r} is not the id of anything in Flow: ids are whole numbers"
        )
    return text
