"""Quotas: so many requests for each caller, said on every answer, on any kind of server."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Sequence
from typing import Literal, cast

import msgspec

from failwell.actions import AsyncStore, Store, StoreError
from failwell.contract import Contract
from failwell.events import StoreFailed
from failwell.headers import (
    dump_rate_limit,
    dump_rate_limit_policy,
    dump_rate_limit_reset,
)
from failwell.model import Outcome
from failwell.narrative import spell_seconds
from failwell.policy.quota import Admission, Spend, Window
from failwell.server import context
from failwell.server.kept import kept
from failwell.server.outage import Outage

logger = logging.getLogger("failwell.server")

Windows = Sequence[Window] | Callable[[], Sequence[Window]]


class Quota:
    """So many requests for each caller, on any kind of server. `windows` may be a function, for
    limits that change; `route` is what is counted: what shares a route shares a quota;
    `on_outage` is what happens while the store is down: "run" or "refuse"."""

    def __init__(
        self,
        contract: Contract,
        windows: Windows,
        route: str,
        on_outage: Literal["refuse", "run"] = "run",
    ) -> None:
        self._contract = contract
        self._windows = windows if callable(windows) else lambda: windows
        self._route = route
        self._on_outage = on_outage
        self._outage = Outage(logger, "the store of quotas")

    def kept(self, store: Store | AsyncStore | str) -> Store | AsyncStore:
        """The store of the counts: the object, or what is at the URL."""
        return kept(store, self._outage)

    def slot(self, caller: str) -> str:
        """Where the counts of a caller are kept."""
        said = ("quota", self._contract.name, caller, self._route)
        return msgspec.json.encode(said).decode()

    def spend(self, cost: int = 1) -> Spend:
        """So many requests, as a change of those counts."""
        return Spend(tuple(self._windows()), cost)

    def tell(self, admission: Admission) -> None:
        """Say on the answer what is left. Raises the contract's 429 for one too many."""
        request = context.current()
        if request is not None:
            request.headers |= rate_limit_headers(admission, time.time())
        if not admission.admitted:
            tightest = admission.tightest.window
            said = "1 request" if tightest.limit == 1 else f"{tightest.limit} requests"
            raise self._contract.refusal(
                self._contract.of_status(429),
                message=f"More than {said} in {spell_seconds(tightest.seconds)}",
                retry_after=admission.retry_after,
            )

    def uncounted(self, error: StoreError) -> None:
        """The store is down: the request goes on, or the contract's 503 is raised."""
        if self._on_outage == "run":
            self._outage(StoreFailed(error, "requests are not counted"))
            return
        self._outage(StoreFailed(error, "requests are refused"))
        raise self._contract.refusal(
            self._contract.of_status(503),
            message="This service cannot count its requests right now",
            retry_after=1.0,
            outcome=Outcome.NOT_STARTED,
        )


class BlockingQuota:
    """A quota on a server that blocks; `store` is an object or a URL.

    Raises `TypeError` for a store that must be awaited.
    """

    def __init__(
        self,
        contract: Contract,
        store: Store | str,
        windows: Windows,
        route: str,
        on_outage: Literal["refuse", "run"],
    ) -> None:
        if not isinstance(store, str) and inspect.iscoroutinefunction(store.update):
            raise TypeError(f"{type(store).__name__} must be awaited: give a store that blocks")
        self._quota = Quota(contract, windows, route, on_outage)
        self._store = cast("Store", self._quota.kept(store))

    def spend(self, caller: str) -> None:
        """Count a request of this caller, and say on its answer what is left. Raises the
        contract's 429 for one too many."""
        try:
            admission = self._store.update(self._quota.slot(caller), self._quota.spend())
        except StoreError as error:
            self._quota.uncounted(error)
        else:
            self._quota.tell(admission)


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
