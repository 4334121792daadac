"""Which header fields of a write are kept, so that the same request can be sent again?

All that say what is asked for, or for whom: an account, a precondition, a coding. Not those that an
HTTP library makes anew, nor what is secret. A client brings its own credentials to whatever it
sends; but a credential of this call alone is lost with it, and without that it is another request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from failwell import redaction
from failwell.model import AUTH, Request

KEPT_FIELDS = 16 * 1024
"""Bytes of header fields that an error keeps."""

_MADE_ANEW = frozenset(
    {"accept-encoding", "connection", "content-length", "content-type", "expect", "keep-alive"}
    | {"te", "trailer", "transfer-encoding", "upgrade", "user-agent"}
)
"""Hop-by-hop (RFC 9110 section 7.6.1), made by the HTTP library, or kept elsewhere (the type)."""

_CREDENTIAL = r"(?i:basic|bearer|digest|negotiate|token) |eyJ[\w-]{8,}\."
"""How a credential begins, whatever the field is called (RFC 9110 section 11.4), or a signed token
(RFC 7519 section 3: its first part is a JSON object)."""


class Kept(msgspec.Struct, frozen=True):
    """The header fields that are kept, and the names of the call's own that are not."""

    fields: tuple[tuple[str, str], ...]
    withheld: tuple[str, ...]


def kept(request: Request) -> Kept:
    """What is kept of the request's header fields."""
    fields: list[tuple[str, str]] = []
    lost: list[str] = []
    room = KEPT_FIELDS
    for name, value in _telling(request):
        size = len(name) + len(value)
        if size > room or not _is_keepable(name, value):
            lost.append(name)
        else:
            fields.append((name, value))
            room -= size
    return Kept(tuple(fields), request.own(lost))


def _telling(request: Request) -> Iterator[tuple[str, str]]:
    """The fields that say something of the request which is not kept otherwise."""
    for named, value in request.headers.items():
        name = named.lower()
        is_usual = name in _MADE_ANEW or name.startswith("proxy-")
        is_key = value == request.key and bool(re.search("key|token|idempot", name))
        if not (is_usual or is_key or _is_default(name, value, request)):
            yield name, value


def _is_default(name: str, value: str, request: Request) -> bool:
    if name == "accept":
        return value == "*/*"
    return name == "host" and value.lower() == _host(str(request.url))


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def _is_keepable(name: str, value: str) -> bool:
    if redaction.is_secret_parameter(name) or re.match(_CREDENTIAL, value):
        return False
    return value.isascii() and redaction.urls_in(value) == value


def why_another(withheld: tuple[str, ...]) -> str | None:
    """Why it would be another request without these; None where none is missing."""
    if not withheld:
        return None
    fields = ", ".join(f"{name!r}: ..." for name in withheld if name != AUTH)
    again = [f"headers={{{fields}}}"] if fields else []
    again += ["auth=..."] if AUTH in withheld else []
    return (
        f"It was sent with {' and '.join(withheld)} of its own, which an error does not keep, and "
        "would be another request without: give that again, "
        f"client.settle(error, {', '.join(again)})."
    )
