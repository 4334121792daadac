"""The fields of a body by name, and where the value of each stands: JSON, forms, XML.

Nothing is decoded to find them, so that a value can be taken out while all around it stays as it
came, and so that a body may be cut in the midst of one, or be no format at all. Each function
takes bounded time for whatever a peer may send.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast
from urllib.parse import unquote_plus

from failwell.model import read_json

Wanted = Callable[[str], bool]
"""Whether a field of this name is looked for."""

_NAME = rb'"([^"\\]{1,64})"\s*+:\s*+(?!null\b|true\b|false\b)'
_STRING = rb'(?s)"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
_SCALAR = _STRING + rb"|[-+0-9.eE]++"
_TOKEN = _STRING + rb"|[\[{]|[\]}]"
_FORM = rb"(?:^|&)([^=&\s]{1,64})=([^&]*)"
_BOUNDARY = rb"--[^\r\n]{1,70}(?=\r\n)"
_PART_NAME = rb'(?i)\bname="?([^";\r\n]{1,64})'
_PART_HEAD = 2048
"""Bytes in which the header fields of a part must end."""

_ELEMENT = (
    rb"<([A-Za-z_][\w.:-]{0,63})(?:\s[^<>]*+)?>(?:<!\[CDATA\[([^<>\]]++)|([^<>]++))"
    rb"|\s([A-Za-z_][\w.:-]{0,63})=(?:\"([^\"<>]*+)|'([^'<>]*+))"
)
"""An XML element that holds text, or an attribute."""


class Field(NamedTuple):
    """One field: its name, where its value begins and ends in the body, and what reads that."""

    name: str
    start: int
    end: int
    read: Callable[[bytes], Iterator[str]]

    def values(self, body: bytes) -> Iterator[str]:
        """Each text and whole number in its value; a list of numbers is data, and has none."""
        return self.read(body[self.start : self.end])


def find(body: bytes, wanted: Wanted) -> Iterator[Field]:
    """The fields of these names, whatever the body's format."""
    yield from in_json(body, wanted)
    if body[:1] in b"{[":
        return
    if body[:2] == b"--":
        yield from in_parts(body, wanted)
    elif body[:64].lstrip()[:1] == b"<":
        yield from in_xml(body, wanted)
    else:
        yield from in_form(body, wanted)


def in_json(body: bytes, wanted: Wanted) -> Iterator[Field]:
    """The members of these names in any object of a JSON text; none inside another one's value."""
    name, at = re.compile(_NAME), 0
    while found := name.search(body, at):
        at = found.end()
        if wanted(_text(found[1])):
            end = _end_of_json(body, at)
            if end > at:
                yield Field(_text(found[1]), at, end, _json)
                at = end


def _end_of_json(body: bytes, start: int) -> int:
    """Where the value that begins there ends; there, where it is none."""
    if body[start : start + 1] not in (b"{", b"["):
        scalar = re.compile(_SCALAR).match(body, start)
        return scalar.end() if scalar else start
    depth = 0
    for token in re.compile(_TOKEN).finditer(body, start):
        if token[0] in b"[{":
            depth += 1
        elif token[0] in b"]}":
            depth -= 1
            if depth == 0:
                return token.end()
    return len(body)


def _json(value: bytes) -> Iterator[str]:
    decoded = read_json(value)
    if decoded is not None:
        return _leaves(decoded)
    spelled = re.finditer(_STRING + rb"(\s*+:)?", value)
    return (_string(found[0]) for found in spelled if found[1] is None)


def _leaves(value: Any) -> Iterator[str]:
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, int) and not isinstance(one, bool):
            yield str(one)
        elif isinstance(one, dict):
            left += cast("dict[str, Any]", one).values()
        elif isinstance(one, list):
            left += [item for item in cast("list[Any]", one) if not isinstance(item, int)]


def _string(spelled: bytes) -> str:
    decoded = read_json(spelled)
    return decoded if isinstance(decoded, str) else _text(spelled[1:].removesuffix(b'"'))


def in_form(body: bytes, wanted: Wanted) -> Iterator[Field]:
    """The fields of these names in a form (`application/x-www-form-urlencoded`)."""
    for found in re.finditer(_FORM, body):
        name = unquote_plus(_text(found[1]))
        if wanted(name):
            yield Field(name, *found.span(2), _form)


def _form(value: bytes) -> Iterator[str]:
    yield unquote_plus(_text(value))


def in_parts(body: bytes, wanted: Wanted) -> Iterator[Field]:
    """The parts of these names in a form of parts (`multipart/form-data`, RFC 7578)."""
    boundary = re.match(_BOUNDARY, body)
    start = boundary.end() if boundary else len(body)
    while start < len(body):
        end = body.find(boundary[0], start) if boundary else -1
        end = len(body) if end < 0 else end
        yield from _part(body, start, end, wanted)
        start = end + len(boundary[0]) if boundary else end


def _part(body: bytes, start: int, end: int, wanted: Wanted) -> Iterator[Field]:
    head = body.find(b"\r\n\r\n", start, min(end, start + _PART_HEAD))
    named = re.search(_PART_NAME, body[start:head]) if head >= 0 else None
    if named and wanted(_text(named[1])):
        stop = end - 2 if body[end - 2 : end] == b"\r\n" else end
        yield Field(_text(named[1]), head + 4, max(stop, head + 4), _plain)


def in_xml(body: bytes, wanted: Wanted) -> Iterator[Field]:
    """The elements and attributes of these names, whatever their prefix, that hold text."""
    for found in re.finditer(_ELEMENT, body):
        name = _text(found[1] or found[4]).rpartition(":")[2]
        if wanted(name):
            group = next(number for number in (2, 3, 5, 6) if found[number] is not None)
            yield Field(name, *found.span(group), _xml)


def _xml(value: bytes) -> Iterator[str]:
    import html

    yield html.unescape(_text(value)).strip()


def _plain(value: bytes) -> Iterator[str]:
    yield _text(value)


def _text(spelled: bytes) -> str:
    return spelled.decode("utf-8", "replace")
