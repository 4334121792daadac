"""Requests that a flow makes up on the way of a call, such as a look-up: for whom they ask."""

from __future__ import annotations

from collections.abc import Mapping

from failwell.contract import Contract

_OF_THE_WRITE = frozenset(
    {"content-length", "content-type", "content-encoding", "content-language", "content-md5"}
    | {"accept", "content-range", "prefer", "idempotency-key", "x-idempotency-key"}
    | {"x-http-method-override", "x-http-method", "x-method-override"}
    | {"content-digest", "digest", "repr-digest", "transfer-encoding", "expect", "trailer", "te"}
    | {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "range", "if-range"}
)
"""Fields of a write that say nothing of a read of its record."""


def fields_aside(fields: Mapping[str, str], contract: Contract) -> dict[str, str]:
    """The header fields of a read that a flow made up itself: those of the write which is looked
    for, credentials included, without what tells of its body and its key."""
    key = (contract.idempotency.header or "").lower()
    left_out = _OF_THE_WRITE | {key}
    return {name: value for name, value in fields.items() if name.lower() not in left_out}
