"""Signed tokens: access and refresh tokens, and the ones in download links.

They are JSON Web Tokens (RFC 7519), HS256. Each says what it is for, so that none passes for
another.
"""

from __future__ import annotations

import math
import secrets
import time
from typing import Any, Literal

Use = Literal["access", "refresh", "download"]


class TokenInvalidError(ValueError):
    """Not a token of ours, or not one for this use."""


class TokenExpiredError(ValueError):
    """A token of ours whose time is over since `expired_at` (epoch seconds)."""

    def __init__(self, expired_at: int) -> None:
        super().__init__("the token has expired")
        self.expired_at = expired_at


class Tokens:
    """Signs and reads tokens, with a secret of its own; its memory is the only place of it."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def sign(self, use: Use, lifetime: int, **claims: Any) -> str:
        """A token for this use that is good for `lifetime` seconds; 0 is over at once."""
        import jwt

        now = time.time()
        times = {"iat": math.floor(now), "exp": math.floor(now + lifetime)}
        unique = {"jti": secrets.token_hex(8)}
        return jwt.encode({"use": use, **claims, **times, **unique}, self._secret, "HS256")

    def read(self, use: Use, token: str) -> dict[str, Any]:
        """The claims of a token. Raises `TokenInvalidError` or `TokenExpiredError`."""
        claims = self._verified(token)
        if claims.get("use") != use:
            raise TokenInvalidError(f"it is no {use} token")
        if claims["exp"] <= time.time():
            raise TokenExpiredError(claims["exp"])
        return claims

    def read_expiry(self, token: str) -> int:
        """When a token of ours expires or has expired (epoch seconds)."""
        return int(self._verified(token)["exp"])

    def _verified(self, token: str) -> dict[str, Any]:
        import jwt

        options: Any = {"verify_exp": False, "verify_iat": False, "require": ["exp"]}
        try:
            return jwt.decode(token, self._secret, algorithms=["HS256"], options=options)
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise TokenInvalidError("it is not signed by this service") from None
