"""Is an answer what was promised: JSON that can be read, where it was JSON?"""

from __future__ import annotations

import json

import msgspec

from failwell import headers
from failwell.contract import Contract
from failwell.model import Request

_NOT_WHOLE = frozenset({204, 205, 206, 304})
"""These have no body, or a part of one (206, RFC 9110 section 15.3.7)."""

_UNTRUE = ("stream+json", ".raw+json")
"""Names that end as RFC 6839 has it for JSON, and stand for a text on each line, or, at GitHub, for
a file as it is."""

_whole_json = msgspec.json.Decoder(msgspec.Raw)


def is_evident(contract: Contract, expects: bool | None, body: bytes | None) -> bool:
    """Whether this body keeps what was promised whatever its label says, which takes longer to
    look at."""
    if expects is not None:
        return not expects
    is_promised = contract.reads_json
    return not is_promised and body is not None and body[:1] == b"{" and is_json(body)


def is_kept(
    contract: Contract,
    request: Request,
    status: int,
    content_type: str | None,
    body: bytes | None,
) -> bool:
    """Whether an answer below 400 is what was promised: JSON that can be read, where it was."""
    expects = request.reads_json
    if is_evident(contract, expects, body):
        return True
    promised = contract.reads_json if expects is None else expects
    media = headers.media_type(content_type)
    if not promised and not says_json(media):
        return True
    is_success = 200 <= status < 300
    if not is_success or status in _NOT_WHOLE or request.method == "HEAD":
        return True
    if promised and not headers.is_json(media):
        return False
    if body is None:
        return True
    return is_json(body) if body else not promised


def says_json(media: str) -> bool:
    """Whether an answer of this media type calls itself one JSON text."""
    return headers.is_json(media) and not media.endswith(_UNTRUE)


def expects_json(contract: Contract, request: Request) -> bool:
    """Whether the caller was promised JSON, by the call itself or else by the contract."""
    return contract.reads_json if request.reads_json is None else request.reads_json


def is_json(body: bytes) -> bool:
    """Whether the whole of it can be read as JSON."""
    try:
        _whole_json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return _is_lenient_json(body)
    return True


def _is_lenient_json(body: bytes) -> bool:
    """Python's own reader takes UTF-16, a byte order mark and NaN; so do many users."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
