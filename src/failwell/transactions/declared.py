"""Steps that outlive their process: requests and importable functions, with JSON arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

import msgspec

from failwell import redaction
from failwell.errors import InvalidRequestError
from failwell.places import encoded, refused_secret


class Declared(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request that is written down: a step of a durable transaction, or the undo of one.

    `json` is its body. In the URL of an undo `{name}` stands for that member of the step's result,
    a text or a whole number. Without `idempotency_key` one is made for a method that
    takes keys. Credentials belong to the client, never here: what is declared goes into the store.
    """

    method: str
    url: str
    json: Any = None
    idempotency_key: str | None = None

    def __repr__(self) -> str:
        return f"Declared({self.method} {redaction.url(self.url)})"


class Function(msgspec.Struct, frozen=True, kw_only=True, tag="function"):
    """A function by its place, `module:qualname`, and its arguments as JSON."""

    place: str
    arguments: bytes = b"[[],{}]"

    @property
    def decoded(self) -> tuple[list[Any], dict[str, Any]]:
        """The positional and the named arguments."""
        positional, named = msgspec.json.decode(self.arguments)
        return positional, named


class Request(msgspec.Struct, frozen=True, kw_only=True, tag="request"):
    """A declared request as it is kept."""

    method: str
    url: str
    body: bytes | None = None
    key: str | None = None

    @classmethod
    def of(cls, declared: Declared) -> Request:
        """The request, encoded. Raises `InvalidRequestError` for what must not be kept."""
        if redaction.url(declared.url) != declared.url:
            raise refused_secret(repr(declared))
        where = f"{declared.method} {declared.url}"
        body = None if declared.json is None else encoded(declared.json, where)
        return cls(
            method=declared.method.upper(),
            url=declared.url,
            body=body,
            key=declared.idempotency_key,
        )

    def filled(self, result: Any) -> Request:
        """This request for a result. Raises `InvalidRequestError` where a member is missing."""

        def member(found: re.Match[str]) -> str:
            name = found[1]
            members = cast("Mapping[str, Any]", result if isinstance(result, Mapping) else {})
            value = members.get(name)
            if not _is_segment(value):
                raise InvalidRequestError.of(
                    f"{self.method} {self.url} needs {name!r}, and the step's result has none"
                )
            return quote(str(value), safe="")

        return msgspec.structs.replace(self, url=re.sub(r"\{(\w+)\}", member, self.url))


def _is_segment(value: object) -> bool:
    """Whether it can be part of a URL: nothing empty or dotted, which would name another place."""
    if isinstance(value, str):
        return value not in ("", ".", "..")
    return isinstance(value, int) and not isinstance(value, bool)
