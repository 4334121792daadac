"""The API keys of the re-created Toolpath, and what each request shows of one."""

from __future__ import annotations

import secrets
import time

from starlette.requests import Request

from failwell.apis.toolpath.contract import TOOLPATH
from failwell.apis.toolpath.records import Records
from failwell.apis.toolpath.rows import Key
from failwell.server import context
from failwell.server.types import Scope

TEAM, OTHER_TEAM = "team_one", "team_two"

_DAY = 86400.0
_HELD = "failwell.key"
"""Where the scope of a request holds the key that it came with."""


def minted() -> list[Key]:
    """New keys, called by what is good or bad about them."""
    now = time.time()
    return [
        Key("read_write", _token(), TEAM, "read_write"),
        Key("read_only", _token(), TEAM, "read_only"),
        Key("expired", _token(), TEAM, "read_write", expires=now - _DAY),
        Key("revoked", _token(), TEAM, "read_write", revoked=now - _DAY),
        Key("other_team", _token(), OTHER_TEAM, "read_write"),
    ]


def authenticated(scope: Scope, records: Records) -> Key:
    """The key that a request came with, from now on `key_of` it. Raises the 401."""
    scheme, _, token = Request(scope).headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.startswith("tp_live_"):
        raise _unauthorized("Send the header Authorization: Bearer tp_live_…")
    key = records.key(token)
    if key is None or not key.is_good(time.time()):
        raise _unauthorized("This API key is unknown, revoked or expired")
    scope[_HELD] = key
    return key


def key_of(request: Request) -> Key:
    """The key that an authenticated request came with."""
    key: Key = request.scope[_HELD]
    return key


def caller_of(scope: Scope) -> str:
    """Whose quota and whose idempotency keys these are."""
    key: Key = scope[_HELD]
    return key.token


def _token() -> str:
    return f"tp_live_{secrets.token_hex(16)}"


def _unauthorized(message: str) -> Exception:
    request = context.current()
    if request is not None:
        request.headers["WWW-Authenticate"] = "Bearer"
    return TOOLPATH.fail("unauthorized", message=message)
