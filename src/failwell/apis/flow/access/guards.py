"""The layers around every route, from the outside in: who is asking, how many requests are left,
whether Flow is open. Around single routes: that somebody is logged in, and the size of the body.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from failwell.actions import Store
from failwell.apis.bounded import bounded
from failwell.apis.flow.access.accounts import Accounts, Caller
from failwell.apis.flow.contract import FLOW
from failwell.apis.flow.limits import Limits
from failwell.apis.flow.records import Database, UserRow
from failwell.apis.flow.refusals import fail, too_large, unavailable
from failwell.errors import FailwellError, RateLimitError
from failwell.headers import dump_retry_after
from failwell.policy.quota import Window
from failwell.server import context
from failwell.server.asgi import limited
from failwell.server.types import App, Receive, Scope, SendMessage

HOUR = 3600.0

_CALLER, _USER = "failwell.flow.caller", "failwell.flow.user"


class Guards:
    """The layers; `is_closed` says whether Flow is under maintenance, `life` names the life of this
    Flow: a store outlives it, and its users' keys and quotas are not those of the next one's."""

    def __init__(
        self,
        accounts: Accounts,
        database: Database,
        store: Store,
        limits: Callable[[], Limits],
        is_closed: Callable[[], bool],
        life: Callable[[], str],
    ) -> None:
        self._accounts = accounts
        self._database = database
        self._limits = limits
        self._is_closed = is_closed
        self._life = life
        self._quota = limited(FLOW, store, self._windows, caller=self._quota_of)

    def around_all(self, app: App) -> App:
        """The app behind everything that holds for every route."""
        return self._identified(self._counted(self._open(app)))

    def logged_in(self, app: App) -> App:
        """The app, for those only who are logged in; `user_of` tells who it is."""

        async def known(scope: Scope, receive: Receive, send: SendMessage) -> None:
            scope[_USER] = self._known(scope)
            await app(scope, receive, send)

        return known

    def bounded(self, app: App) -> App:
        """The app, whose bodies end at the limit while they arrive."""
        return bounded(lambda: self._limits().max_body_bytes, too_large)(app)

    def bounded_chunk(self, app: App) -> App:
        """The same for a chunk of a file, and the fields beside it."""

        def most() -> int:
            return self._limits().max_chunk_bytes + self._limits().max_body_bytes

        return bounded(most, too_large)(app)

    def name_of(self, scope: Any) -> str:
        """Whose idempotency keys these are."""
        return f"{self._life()} user {user_of(scope).number}"

    def _quota_of(self, scope: Scope) -> str:
        """Whose quota a request takes from: the user's, or that of the address it comes from."""
        user = caller_of(scope).user
        client = scope.get("client") or ("nowhere", 0)
        who = f"address {client[0]}" if user is None else f"user {user}"
        return f"{self._life()} {who}"

    def _known(self, scope: Scope) -> UserRow:
        try:
            return self._accounts.user(caller_of(scope))
        except FailwellError:
            request = context.current()
            if request is not None:
                request.headers["WWW-Authenticate"] = "Bearer"
            raise

    def _windows(self) -> tuple[Window]:
        return (Window(self._limits().requests_per_hour, HOUR, "hour"),)

    def _identified(self, app: App) -> App:
        async def identified(scope: Scope, receive: Receive, send: SendMessage) -> None:
            scope[_CALLER] = self._accounts.caller("access", _token_in(scope))
            await app(scope, receive, send)

        return identified

    def _counted(self, app: App) -> App:
        counted = self._quota(app)

        async def told(scope: Scope, receive: Receive, send: SendMessage) -> None:
            try:
                await counted(scope, receive, send)
            except RateLimitError as error:
                raise _with_details(error, self._limits().requests_per_hour) from None

        return told

    def _open(self, app: App) -> App:
        async def opened(scope: Scope, receive: Receive, send: SendMessage) -> None:
            if self._is_closed():
                raise unavailable("Flow is under maintenance")
            if not self._database.running:
                raise unavailable("Flow's database is unavailable")
            try:
                await app(scope, receive, send)
            except sqlite3.ProgrammingError as error:
                if self._database.running:
                    raise
                message = "Flow's database went away"
                raise fail("SERVER_ERROR", 503, message=message, retry_after=1.0) from error

        return opened


def caller_of(scope: Scope) -> Caller:
    """Who a request says that it is from."""
    caller: Caller = scope[_CALLER]
    return caller


def user_of(scope: Any) -> UserRow:
    """Who is logged in, behind `logged_in`."""
    user: UserRow = scope[_USER]
    return user


def _token_in(scope: Scope) -> str | None:
    """The token, bare or after `Bearer`: the client for GraphQL sends it bare."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if not given:
        return None
    said: str = given[0].decode("latin-1").strip()
    scheme, _, token = said.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else said


def _with_details(error: RateLimitError, limit: int) -> FailwellError:
    wait = error.retry_after or 0.0
    details = {"limit": limit, "window": int(HOUR), "retry_after": int(dump_retry_after(wait))}
    return fail("RATE_LIMITED", message=error.message, details=details, retry_after=wait)
