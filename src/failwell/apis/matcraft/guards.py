"""What stands before every route: who is asking, how often, with what right, and how much.

Quotas are counted before anything is refused, so that every answer can say what is left; who
cannot be identified is counted by address.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request

from failwell.actions import AsyncStore, Store, StoreError
from failwell.apis.bounded import counted
from failwell.apis.matcraft.answers import invalid
from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.matcraft.exceptions import UnauthorizedError
from failwell.apis.matcraft.state import keys
from failwell.apis.matcraft.state.database import Database
from failwell.apis.matcraft.state.keys import PREFIXES, Key
from failwell.policy.quota import Admission, Window
from failwell.server import context
from failwell.server.asgi import App, Receive, Scope, SendMessage
from failwell.server.quota import Quota, rate_limit_headers
from failwell.stores.threaded import unblocked

_CALLER = "failwell.matcraft.caller"


class Counter:
    """A quota of several windows; one too many is MatCraft's 429, which names the window."""

    def __init__(
        self, store: Store | AsyncStore, route: str, windows: Callable[[], Sequence[Window]]
    ) -> None:
        self._store = unblocked(store)
        self._quota = Quota(MATCRAFT, windows, route)

    async def spend(self, caller: str, *, show: bool = True) -> None:
        """Count a request; `show` says on the answer what is left, which a refusal always does.

        Raises `RATE_LIMITED`.
        """
        try:
            spent = self._store.update(self._quota.slot(caller), self._quota.spend())
            admission = await spent if isinstance(spent, Awaitable) else spent
        except StoreError as error:
            self._quota.uncounted(error)
            return
        request = context.current()
        if request is not None and (show or not admission.admitted):
            request.headers |= rate_limit_headers(admission, time.time())
        if not admission.admitted:
            raise _limited(admission)


class Gate:
    """Identifies and counts each caller, whatever the route, and bounds each body."""

    def __init__(
        self, database: Database, requests: Counter, most_bytes: Callable[[Scope], int]
    ) -> None:
        self._database = database
        self._requests = requests
        self._most_bytes = most_bytes

    def __call__(self, app: App) -> App:
        """The app behind the gate."""

        async def gate(scope: Scope, receive: Receive, send: SendMessage) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            scope[_CALLER] = caller = self._caller(scope)
            address = (scope.get("client") or ("unknown",))[0]
            await self._requests.spend(caller.token if isinstance(caller, Key) else str(address))
            await app(scope, counted(receive, self._most_bytes(scope), _too_large), send)

        return gate

    def _caller(self, scope: Scope) -> Key | Exception:
        try:
            return self._key(Request(scope).headers.get("authorization", ""))
        except Exception as error:
            return error

    def _key(self, authorization: str) -> Key:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.startswith(PREFIXES):
            raise _unauthorized("Send the header Authorization: Bearer mc_live_…")
        key = keys.find(self._database, token)
        if key is None or not key.is_good(time.time()):
            raise _unauthorized("This API key is unknown, revoked or expired")
        return key


def authorised(request: Request, scope: str) -> Key:
    """The caller's key, if it has this scope. Raises `UNAUTHORIZED` or `FORBIDDEN`."""
    caller = request.scope[_CALLER]
    if not isinstance(caller, Key):
        told = context.current()
        if told is not None and isinstance(caller, UnauthorizedError):
            told.headers["WWW-Authenticate"] = "Bearer"
        raise caller
    if not caller.may(scope):
        raise MATCRAFT.fail("FORBIDDEN", message=f"This API key lacks the scope {scope}")
    return caller


def _unauthorized(message: str) -> Exception:
    return MATCRAFT.fail("UNAUTHORIZED", message=message)


def _limited(admission: Admission) -> Exception:
    full = max((one for one in admission.left if not one.remaining), key=lambda one: one.reset)
    window, wait = full.window, admission.retry_after
    detail = {"limit": window.limit, "window": window.name, "retry_after": wait}
    message = f"More than {window.limit} requests in one {window.name}"
    return MATCRAFT.fail("RATE_LIMITED", message=message, details=[detail], retry_after=wait)


def _too_large(most: int, _: int) -> Exception:
    return invalid(f"The body is over {most} bytes")
