"""Access tokens that are over after a while, and the failure to get another one."""

from __future__ import annotations

import hashlib
import math
import re
import time
from typing import Any, NoReturn

import msgspec

_VISIBLE = r"[\x21-\x7e]{1,16384}"


class Token(msgspec.Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True):
    """A credential that is shown nowhere: neither its `repr` nor a pickle gives it away.

    `value` is what the requests carry; `expires_at` when it is over, where that is known;
    `refresh` the refresh token that came with it, where each refresh brings a new one; `got_at`
    when it was fetched (both in epoch seconds).

    Raises `ValueError` for a value that no header can carry, such as a page of HTML.
    """

    value: str
    expires_at: float | None = None
    refresh: str | None = None
    got_at: float | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(_VISIBLE, self.value):
            raise ValueError("a token is 1 to 16384 visible ASCII characters, without spaces")
        if self.expires_at is not None and not math.isfinite(self.expires_at):
            raise ValueError(f"expires_at={self.expires_at!r}: must be epoch seconds, or None")

    @classmethod
    def lasting(cls, value: str, expires_in: float | None, refresh: str | None = None) -> Token:
        """The token that is over `expires_in` seconds from now (RFC 6749 section 5.1)."""
        now = time.time()
        return cls(value, None if expires_in is None else now + float(expires_in), refresh, now)

    @property
    def digest(self) -> str:
        """A name for the token which does not give it away."""
        return digest(self.value)

    def is_over(self, at: float) -> bool:
        """Whether its time is over (`at` in epoch seconds)."""
        return self.expires_at is not None and self.expires_at <= at

    def __repr__(self) -> str:
        return f"Token([redacted], expires_at={self.expires_at})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("value", "[redacted]"), ("expires_at", self.expires_at)]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Token is a secret and is not pickled: make one in each process")


def digest(value: str) -> str:
    """A name for a credential which does not give it away."""
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:32]


class RefreshError(Exception):
    """There is no fresh token: why, in words without a secret. It is the `__cause__` of the
    `AuthenticationError` that the call raises.

    `transient` says that it may pass: the token endpoint was away or busy, so the credential may
    still be good, and the same call may go well later.
    """

    def __init__(self, message: str = "", *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class NoTimeError(RefreshError):
    """The call's own deadline ended before there was a fresh token."""

    def __init__(self, message: str = "", *, transient: bool = True) -> None:
        super().__init__(message, transient=transient)
