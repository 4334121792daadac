"""The API keys: whose they are and what they open."""

from __future__ import annotations

import secrets
import time

import msgspec

from failwell.apis.matcraft.state.database import Database

ACCOUNT, OTHER_ACCOUNT = "acct_one", "acct_two"
PREFIXES = ("mc_live_", "mc_test_", "mc_ci_")
READ = ("campaigns:read", "datasets:read", "templates:read")
WRITE = ("campaigns:write", "campaigns:delete", "datasets:write")

_DAY = 86400.0


class Key(msgspec.Struct, frozen=True):
    """An API key: what it may do, until when, and since when it may no more (epoch seconds)."""

    token: str
    account: str
    scopes: tuple[str, ...]
    expires: float | None = None
    revoked: float | None = None

    def is_good(self, now: float) -> bool:
        """Whether it opens anything at `now` (epoch seconds)."""
        return self.revoked is None and (self.expires is None or self.expires > now)

    def may(self, scope: str) -> bool:
        """Whether it has a scope; `admin` has all."""
        return scope in self.scopes or "admin" in self.scopes


def minted() -> dict[str, Key]:
    """New keys, by what is good or bad about them."""
    yesterday = time.time() - _DAY
    return {
        "admin": Key(_token("live"), ACCOUNT, ("admin",)),
        "read_write": Key(_token("live"), ACCOUNT, READ + WRITE),
        "read_only": Key(_token("live"), ACCOUNT, READ),
        "pipeline": Key(_token("ci"), ACCOUNT, ("campaigns:read", "campaigns:write")),
        "expired": Key(_token("live"), ACCOUNT, ("admin",), expires=yesterday),
        "revoked": Key(_token("live"), ACCOUNT, ("admin",), revoked=yesterday),
        "other_account": Key(_token("test"), OTHER_ACCOUNT, ("admin",)),
    }


def add(database: Database, key: Key) -> None:
    """Keep a key."""
    scopes = " ".join(key.scopes)
    values = (key.token, key.account, scopes, key.expires, key.revoked)
    database.execute("INSERT OR IGNORE INTO keys VALUES (?, ?, ?, ?, ?)", values)


def find(database: Database, token: str) -> Key | None:
    """The key with this token."""
    row = database.execute("SELECT * FROM keys WHERE token = ?", (token,)).fetchone()
    if row is None:
        return None
    token, account, scopes, expires, revoked = row
    return Key(token, account, tuple(scopes.split()), expires, revoked)


def _token(kind: str) -> str:
    return f"mc_{kind}_sk_{secrets.token_hex(16)}"
