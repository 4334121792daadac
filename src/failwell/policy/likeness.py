"""Which writes of a script are the same one, whenever it is run."""

from __future__ import annotations

import hashlib
import zlib
from urllib.parse import parse_qsl, urlencode, urlsplit

from failwell import redaction
from failwell.model import Request
from failwell.policy.idempotency import fingerprint

UNPACKED = 64 * 1024 * 1024
"""Bytes of a compressed body that are looked at."""


def fingerprint_of(request: Request) -> str | None:
    """What the write asks for, where that can be told: equal for equal writes of any process.

    A streamed body cannot be told (None). Left out is what differs each time: a credential in the
    query, the boundary between the parts of a form, the time that gzip writes into what it packs.
    """
    if request.body is None:
        return None
    parts = urlsplit(str(request.url))
    query = urlencode(
        [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _is_secret(pair)]
    )
    where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    plain = _unpacked(request.headers.get("content-encoding"), request.body)
    media, body = _without_boundary(request.headers.get("content-type", ""), plain)
    return fingerprint(request.method, where, query, media, body)


def _is_secret(pair: tuple[str, str]) -> bool:
    return redaction.is_secret_parameter(pair[0])


def _unpacked(coding: str | None, body: bytes) -> bytes:
    """The body without its compression (RFC 9110 section 8.4.1.3); as it is where it is more than
    `UNPACKED` bytes, or no gzip after all."""
    if coding is None or coding.strip().lower() not in ("gzip", "x-gzip"):
        return body
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = reader.decompress(body, UNPACKED)
    except zlib.error:
        return body
    return plain if reader.eof and not reader.unused_data else body


def steady(media: str, body: bytes) -> tuple[str, bytes] | None:
    """The content type and the body of a form under a boundary that is the same in each run, for a
    server that compares what comes under a key byte by byte; None for what is no form."""
    name, old = _boundary_in(media)
    if not old:
        return None
    plain = body.replace(old.encode("latin-1", "replace"), b"")
    boundary = hashlib.sha256(plain).hexdigest()[:40]
    spelled = body.replace(old.encode("latin-1", "replace"), boundary.encode())
    return f"{name}; boundary={boundary}", spelled


def _without_boundary(media: str, body: bytes) -> tuple[str, bytes]:
    name, boundary = _boundary_in(media)
    if boundary:
        return name, body.replace(boundary.encode("latin-1", "replace"), b"")
    return media, body


def _boundary_in(media: str) -> tuple[str, str]:
    """The content type without parameters, and the boundary between the parts of a form."""
    name, _, parameters = media.partition(";")
    boundary = parameters.partition("boundary=")[2].partition(";")[0].strip().strip('"')
    return name, boundary if name.strip().lower().startswith("multipart/") else ""
