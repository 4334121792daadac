"""Quotas: so many requests for each caller, said on every answer. `limited` is for ASGI."""

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
from failwell.server.guard import opened
from failwell.server.types import App, Receive, Scope, SendMessage
from failwell.stores.threaded import unblocked


Windows = Sequence[Window] | Callable[[], Sequence[Window]]


class Quota:
    """So many requests for each caller, on any kind of server. `windows` may be a function, for
    limits that change; `route` is what is counted: what shares a route shares a quota."""

    def __init__(self, contract: Contract, windows: Windows, route: str) -> None:
        self._contract = contract
        self._windows = windows if callable(windows) else lambda: windows
        self._route = route

    def slot(self, caller: str) -> str:
        """Where the counts of a caller are kept."""
        return "\n".join(("quota", caller, self._route))

    def spend(self) -> Spend:
        """One request, as a change of those counts."""
        return Spend(tuple(self._windows()))

    def tell(self, admission: Admission) -> None:
        """Say on the answer what is left. Raises the contract's 429 for one too many."""
        request = context.current()
        if request is not None:
            request.headers |= rate_limit_headers(admission, time.time())
        if not admission.admitted:
            tightest = admission.tightest.window
            raise self._contract.refusal(
                self._contract.of_status(429),
                message=f"More than {tightest.limit} requests in {tightest.seconds:g} seconds",
                retry_after=admission.retry_after,
            )


class limited:  # noqa: N801
    """Lets each caller have so many requests: call it with the app (or use it as a Starlette
    middleware), inside authentication.

    `store` is an object or a URL. `windows` may be a function, for limits that change.
    `caller(scope)` names who is asking, and `route` what is counted: what shares a route shares a
    quota. Every answer carries `RateLimit`, `RateLimit-Policy` and the `X-RateLimit-*` trio; one
    too many raises the contract's own 429 with a `Retry-After` that holds.

    Source: draft-ietf-httpapi-ratelimit-headers-11.
    """

    def __init__(
        self,
        contract: Contract,
        store: Store | AsyncStore | str,
        windows: Windows,
        *,
        caller: Callable[[Scope], str],
        route: str = "all",
    ) -> None:
        self._store = unblocked(opened(store))
        self._quota = Quota(contract, windows, route)
        self._caller = caller

    def __call__(self, app: App) -> App:
        """The app, whose callers have a quota."""

        async def counted(scope: Scope, receive: Receive, send: SendMessage) -> None:
            if scope["type"] == "http":
                self._quota.tell(await self._spend(scope))
            await app(scope, receive, send)

        return counted

    async def _spend(self, scope: Scope) -> Admission:
        slot = self._quota.slot(self._caller(scope))
        spent = self._store.update(slot, self._quota.spend())
        return await spent if isinstance(spent, Awaitable) else spent


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
