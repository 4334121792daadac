"""Logging in, staying in, logging out: what a client of Flow does for it, told once for sync and
async."""

from __future__ import annotations

from failwell.actions import Renew
from failwell.apis.flow.client.reading import User, read
from failwell.apis.operation import Ask, Operation


def log_in(username: str, password: str) -> Operation[tuple[str, User]]:
    """A new session: its access token, and who is logged in. The refresh token is a cookie."""
    body = {"username": username, "password": password}
    response, _ = yield from Ask("POST", "login", json=body, signed=False)
    return read(response, str, "token"), read(response, User, "user")


def fresh_token() -> Operation[str]:
    """A new access token for the cookie of the log-in, whatever became of the one before."""
    response, _ = yield from Ask("GET", "token", signed=False)
    return read(response, str, "token")


def renewed(asked: dict[str, str]) -> Operation[bool]:
    """Whether there is another token than the one in these header fields by now, fetched once
    for all who want it."""
    why, _ = yield from Renew(asked)
    return why is None


def log_out() -> Operation[None]:
    """End the session; its tokens are invalid from then on."""
    yield from Ask("POST", "logout")


def me() -> Operation[User]:
    """Who is logged in."""
    response, _ = yield from Ask("GET", "me")
    return read(response, User)
