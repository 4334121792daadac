"""A write that is repeated above the seam: by a redirect, an auth scheme, its caller."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from failwell.contract import Contract
from failwell.errors import FailwellError
from failwell.flows.terms import Done
from failwell.model import Outcome


def leave_key(
    contract: Contract, fields: MutableMapping[str, Any], ended: Done | FailwellError
) -> None:
    """Where a write is in doubt, put the key that went with it into the header fields of the
    caller's own request: a redirect that is followed, an auth scheme's second request, a caller's
    own retry are calls of their own, and under a key of their own they would take effect once more.
    """
    header = contract.idempotency.header
    if header is not None and _is_in_doubt(ended):
        key = _sent_under(header, ended)
        if key is not None:
            fields[header] = key


def _sent_under(header: str, ended: Done | FailwellError) -> str | None:
    """In a run it is the one that was written down."""
    if isinstance(ended, FailwellError):
        return None if ended.sent is None else ended.sent.key
    return ended.response.asked.get(header)


def _is_in_doubt(ended: Done | FailwellError) -> bool:
    if isinstance(ended, FailwellError):
        return ended.outcome is Outcome.UNKNOWN
    is_moved = ended.response.status in _REPEATED
    return is_moved and any(attempt.outcome is Outcome.UNKNOWN for attempt in ended.attempts)


_REPEATED = frozenset({301, 302, 307, 308})
"""Redirects after which a write may be sent again as it was (RFC 9110 section 15.4)."""
