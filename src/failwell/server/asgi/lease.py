"""The lease of a running write, renewed by an event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable

from failwell.actions import AsyncStore, Store
from failwell.events import StoreFailed
from failwell.flows.serve import Terms
from failwell.policy.idempotency import Renew
from failwell.server.outage import Outage


async def heartbeat(terms: Terms, store: Store | AsyncStore, outage: Outage) -> None:
    """Renew the lease of a running write, until it is cancelled."""
    renewal = Renew(token=terms.token, lease=terms.lease)
    while True:
        await asyncio.sleep(terms.lease / 3)
        try:
            held = store.update(terms.slot, renewal)
            if isinstance(held, Awaitable):
                await held
        except Exception as error:
            outage(StoreFailed(error, "the lease of a running write was not renewed"))


@contextlib.asynccontextmanager
async def renewed(terms: Terms, store: Store | AsyncStore, outage: Outage) -> AsyncGenerator[None]:
    """Keep the key for as long as the handler inside runs."""
    beat = asyncio.create_task(heartbeat(terms, store, outage))
    try:
        yield
    finally:
        beat.cancel()
