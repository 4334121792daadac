"""Users: how they log in, stay in, and log out."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable

import msgspec

from failwell.apis.flow.access.tokens import TokenExpiredError, TokenInvalidError, Tokens, Use
from failwell.apis.flow.limits import Limits
from failwell.apis.flow.records import Database, UserRow
from failwell.apis.flow.refusals import fail

_NOBODY = bytes(16)


class Caller(msgspec.Struct, frozen=True):
    """Who a request says that it is from: a user's number and session, or why that is not known
    (a code; None where it says nothing)."""

    user: int | None = None
    session: str | None = None
    refusal: str | None = "UNAUTHENTICATED"


class LoggedIn(msgspec.Struct, frozen=True):
    """A user with the tokens of a new session."""

    user: UserRow
    access: str
    refresh: str


class Accounts:
    """The users of the service and their sessions."""

    def __init__(self, database: Database, tokens: Tokens, limits: Callable[[], Limits]) -> None:
        self._database = database
        self._tokens = tokens
        self._limits = limits

    def enrol(self, username: str, name: str, password: str, *, runs_pipelines: bool) -> UserRow:
        """A new user."""
        salt = secrets.token_bytes(16)
        return self._database.add(
            UserRow,
            username=username,
            name=name,
            salt=salt,
            password=_digest(password, salt),
            can_run_pipelines=int(runs_pipelines),
        )

    def named(self, username: str) -> UserRow | None:
        """The user of this name; None where there is none."""
        return self._database.one(UserRow, "username = ?", username)

    def log_in(self, username: str, password: str) -> LoggedIn:
        """A new session. Raises INVALID_CREDENTIALS."""
        user = self.named(username)
        digest = _digest(password, user.salt if user else _NOBODY)
        if user is None or not secrets.compare_digest(digest, user.password):
            raise fail("INVALID_CREDENTIALS")
        session = secrets.token_hex(8)
        self._database.run("INSERT INTO sessions VALUES (?, ?, 0)", session, user.number)
        lifetime = self._limits().refresh_token_seconds
        claims = {"sub": str(user.number), "sid": session}
        refresh = self._tokens.sign("refresh", lifetime, **claims)
        return LoggedIn(user, self._access(user.number, session), refresh)

    def refresh(self, cookie: str | None) -> str:
        """A new access token for the session of this refresh token, whatever else was sent.

        Raises UNAUTHENTICATED, TOKEN_EXPIRED or TOKEN_INVALID.
        """
        caller = self.caller("refresh", cookie)
        user = self.user(caller)
        return self._access(user.number, caller.session or "")

    def log_out(self, caller: Caller) -> None:
        """End a session: all its tokens are invalid from now on."""
        self._database.run("UPDATE sessions SET revoked = 1 WHERE id = ?", caller.session)

    def caller(self, use: Use, token: str | None) -> Caller:
        """Who this token is of, as far as the token itself says it."""
        if not token:
            return Caller()
        try:
            claims = self._tokens.read(use, token)
            return Caller(int(claims["sub"]), str(claims["sid"]), None)
        except TokenExpiredError:
            return Caller(refusal="TOKEN_EXPIRED")
        except (TokenInvalidError, KeyError, ValueError):
            return Caller(refusal="TOKEN_INVALID")

    def user(self, caller: Caller) -> UserRow:
        """The user who is asking. Raises UNAUTHENTICATED, TOKEN_EXPIRED or TOKEN_INVALID."""
        if caller.refusal is not None:
            raise fail(caller.refusal)
        revoked = self._database.value(
            "SELECT revoked FROM sessions WHERE id = ? AND user = ?", caller.session, caller.user
        )
        if revoked != 0:
            raise fail("TOKEN_INVALID", message="The session of this token has ended")
        return self._database.get(UserRow, caller.user or 0)

    def _access(self, user: int, session: str) -> str:
        lifetime = self._limits().access_token_seconds
        return self._tokens.sign("access", lifetime, sub=str(user), sid=session)


def _digest(password: str, salt: bytes) -> bytes:
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=2**11, r=8, p=1)
