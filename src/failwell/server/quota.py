"""Quotas for ASGI: so many requests for each caller, said on every answer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from failwell.actions import AsyncStore, Store
from failwell.contract import Contract
from failwell.headers import (
    dump_rate_limit,
    dump_rate_limit_policy,
    dump_rate_limit_reset,
)
from failwell.policy.quota import Admission, Spend, Window
from failwell.server import context
from failwell.server.asgi import App, Receive, Scope, SendMessage
from failwell.stores.threaded import unblocked


class limited:  # noqa: N801
    """Lets each caller have so many requests: call it with the app (or use it as a Starlette
    middleware), inside authentication.

    `windows` may be a function, for limits that change. `caller(scope)` names who is asking, and
    `route` what is counted: what shares a route shares a quota. Every answer carries `RateLimit`,
    `RateLimit-Policy` and the `X-RateLimit-*` trio; one too many raises the contract's own 429
    with a `Retry-After` that holds.

    Source: draft-ietf-httpapi-ratelimit-headers-11.
    """

    def __init__(
        self,
        contract: Contract,
        store: Store | AsyncStore,
        windows: Sequence[Window] | Callable[[], Sequence[Window]],
        *,
        caller: Callable[[Scope], str],
        route: str = "all",
    ) -> None:
        self._store = unblocked(store)
        self._contract = contract
        self._windows = windows if callable(windows) else lambda: windows
        self._caller = caller
        self._route = route

    def __call__(self, app: App) -> App:
        """The app, whose callers have a quota."""

        async def counted(scope: Scope, receive: Receive, send: SendMessage) -> None:
            if scope["type"] == "http":
                self._tell(await self._spend(scope))
            await app(scope, receive, send)

        return counted

    async def _spend(self, scope: Scope) -> Admission:
        slot = "\n".join(("quota", self._caller(scope), self._route))
        spent = self._store.update(slot, Spend(tuple(self._windows())))
        return await spent if isinstance(spent, Awaitable) else spent

    def _tell(self, admission: Admission) -> None:
        """Say on the answer what is left. Raises the contract's 429 for one too many."""
        request = context.current()
        if request is not None:
            request.headers |= rate_limit_headers(admission, time.time())
        if not admission.admitted:
            entry = self._contract.of_status(429)
            tightest = admission.tightest.window
            raise self._contract.fail(
                entry.code,
                entry.status,
                message=f"More than {tightest.limit} requests in {tightest.seconds:g} seconds",
                retry_after=admission.retry_after,
            )


def rate_limit_headers(admission: Admission, now: float) -> dict[str, str]:
    """The header fields that say what is left of a quota; `now` is the time of day (epoch)."""
    tightest = admission.tightest
    return {
        "RateLimit-Policy": ", ".join(
            dump_rate_limit_policy(one.window.name, one.window.limit, one.window.seconds)
            for one in admission.left
        ),
        "RateLimit": dump_rate_limit(tightest.window.name, tightest.remaining, tightest.reset),
        "X-RateLimit-Limit": str(tightest.window.limit),
        "X-RateLimit-Remaining": str(tightest.remaining),
        "X-RateLimit-Reset": dump_rate_limit_reset(now, tightest.reset),
    }
