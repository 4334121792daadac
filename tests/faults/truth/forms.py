"""Forms with a file in them, written and read by hand (RFC 7578)."""

from __future__ import annotations

import re

FIELD = ("last", "true")
"""The name and the value of the other field."""

_NAME = re.compile(rb'name="(\w+)"')


def files(content: bytes) -> dict[str, tuple[str, bytes]]:
    """The file, as the libraries take it."""
    return {"blob": ("a.json", content)}


def written(boundary: str, content: bytes) -> bytes:
    """The form with this file in it."""
    parts = ((FIELD[0], FIELD[1].encode()), ("blob", content))
    shown = [
        b'--%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
        % (boundary.encode(), name.encode(), value)
        for name, value in parts
    ]
    return b"".join(shown) + f"--{boundary}--\r\n".encode()


def is_of(body: bytes, content: bytes) -> bool:
    """Whether this is the whole form with this file in it, and nothing else."""
    boundary, _, _ = body.partition(b"\r\n")
    if not boundary:
        return False
    first, *parts, last = body.split(boundary)
    read: dict[str, bytes] = {}
    for part in parts:
        head, _, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        read[name[1].decode() if name else ""] = value.removesuffix(b"\r\n")
    is_closed = not first and last.strip() == b"--"
    return is_closed and read == {FIELD[0]: FIELD[1].encode(), "blob": content}
