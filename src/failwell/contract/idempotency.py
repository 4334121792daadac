"""How an API tells a repeated write from a new one."""

from __future__ import annotations

import re
from typing import Any, Literal, Self

import msgspec

from failwell.settings import is_number, require

REPLAYED = frozenset(
    {"content-type", "content-language", "content-encoding", "location", "link", "etag"}
    | {"last-modified", "cache-control", "vary", "content-location", "content-disposition"}
)
"""Headers that a replay carries unless a contract says otherwise: those that tell of the body."""


KEYS = ("required", "honoured", "ignored")
REPLAYS = ("same", "result")


class Idempotency(msgspec.Struct, frozen=True, kw_only=True):
    """How an API tells a repeated write from a new one.

    `keys`: "required" and "honoured" let a client send a keyed write again; "ignored" still sends
    the key (where `header` is set) and trusts nothing. `retention` is in seconds: past it a key is
    new. `methods` are those that take a key.

    On the server, these are entries of the catalogue: `missing`, for a required key that is not
    there or not well formed; `conflict`, for one that cannot be served; `mismatch` and `running`,
    where another body and a first request that is still running have entries of their own.
    `replays` names the headers that a replay carries. `replay="result"` answers a used key with
    the conflict, and the first answer's body in its member `result`.

    Raises `ValueError` for a word that is none of these, a header that cannot be, and a retention
    that is no time.
    """

    header: str | None = "Idempotency-Key"
    keys: Literal["required", "honoured", "ignored"] = "ignored"
    retention: float = 86400.0
    methods: frozenset[str] = frozenset({"POST", "PATCH"})
    conflict: tuple[str, int] = ("conflict", 409)
    missing: tuple[str, int] = ("bad_request", 400)
    mismatch: tuple[str, int] | None = None
    running: tuple[str, int] | None = None
    replays: frozenset[str] = REPLAYED
    replay: Literal["same", "result"] = "same"

    def __post_init__(self) -> None:
        for name, words in (("keys", KEYS), ("replay", REPLAYS)):
            said = getattr(self, name)
            require(said in words, name, said, " or ".join(map(repr, words)))
        is_name = self.header is None or _is_name(self.header)
        require(is_name, "header", self.header, "the name of a header field, or None")
        is_time = is_number(self.retention) and self.retention > 0
        require(is_time, "retention", self.retention, "above 0 seconds")

    @property
    def trusted(self) -> bool:
        """Whether a keyed write may be sent again with its key."""
        return self.header is not None and self.keys != "ignored"

    @property
    def carried(self) -> frozenset[str]:
        """The headers of a replay: `replays`, and the coding without which no body can be read."""
        return self.replays | {"content-encoding"}

    @property
    def entries(self) -> tuple[tuple[str, int], ...]:
        """The entries of the catalogue that these rules name."""
        named = (self.missing, self.conflict, self.mismatch, self.running)
        return tuple(entry for entry in named if entry is not None)

    def named(self, code: str, status: int | None) -> str:
        """Which of these rules names the entry, for a message; empty where none does."""
        for rule in ("missing", "conflict", "mismatch", "running"):
            if getattr(self, rule) == (code, status):
                return f". Idempotency({rule}=({code!r}, {status})) asks for it: name one of those"
        return ""

    @classmethod
    def classic(cls, code: str = "conflict", **rules: Any) -> Self:
        """409 for another body and for a first request that is still running."""
        return msgspec.structs.replace(cls(keys="honoured", conflict=(code, 409)), **rules)

    @classmethod
    def ietf(cls, conflict: str = "conflict", mismatch: str = "mismatch", **rules: Any) -> Self:
        """400 without a key, 409 while the first request is running, 422 for another body.

        Source: draft-ietf-httpapi-idempotency-key-header-07 section 2.7.
        """
        own = cls(keys="required", conflict=(conflict, 409), mismatch=(mismatch, 422))
        return msgspec.structs.replace(own, **rules)

    @classmethod
    def flow(cls, code: str = "conflict", **rules: Any) -> Self:
        """A used key is answered with 409, and with the first answer's body in `result`."""
        own = cls(keys="honoured", conflict=(code, 409), replay="result")
        return msgspec.structs.replace(own, **rules)


def _is_name(header: object) -> bool:
    """Whether a field can be called so (RFC 9110 section 5.6.2)."""
    return (
        isinstance(header, str) and re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", header) is not None
    )
