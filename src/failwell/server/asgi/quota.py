"""Quotas for ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from failwell.actions import AsyncStore, Store, StoreError
from failwell.contract import Contract
from failwell.server.kept import close_of, closing
from failwell.server.quota import Quota, Windows
from failwell.server.types import App, Receive, Scope, SendMessage
from failwell.stores.threaded import unblocked


class limited:  # noqa: N801
    """Lets each caller have so many requests: call it with the app (or use it as a Starlette
    middleware), inside authentication.

    `store` is an object or a URL. `windows` may be a function, for limits that change.
    `caller(scope)` names who is asking, and `route` what is counted: what shares a route shares a
    quota. Every answer carries `RateLimit`, `RateLimit-Policy` and the `X-RateLimit-*` trio; one
    too many raises the contract's own 429 with a `Retry-After` that holds. `on_outage` is what
    happens while the store is down: "run" (nothing is counted) or "refuse" (503, and nothing was
    started).

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
        on_outage: Literal["refuse", "run"] = "run",
    ) -> None:
        self._quota = Quota(contract, windows, route, on_outage)
        held = self._quota.kept(store)
        self._store = unblocked(held)
        self._close = close_of(held)
        self._caller = caller

    def __call__(self, app: App) -> App:
        """The app, whose callers have a quota."""

        async def counted(scope: Scope, receive: Receive, send: SendMessage) -> None:
            if scope["type"] == "http":
                await self._spend(scope, 1)
            elif scope["type"] == "lifespan":
                send = closing(send, self._close)
            await app(scope, receive, send)

        return counted

    async def show(self, scope: Scope) -> None:
        """Say on the answer what is left, and take nothing: for a refusal that comes before."""
        await self._spend(scope, 0)

    async def _spend(self, scope: Scope, cost: int) -> None:
        slot = self._quota.slot(self._caller(scope))
        try:
            spent = self._store.update(slot, self._quota.spend(cost))
            admission = await spent if isinstance(spent, Awaitable) else spent
        except StoreError as error:
            self._quota.uncounted(error)
        else:
            self._quota.tell(admission)
