"""A failwell client, as the peers' files set theirs up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import failwell
from bench.peers import AsyncRead


@asynccontextmanager
async def patient(url: str, seconds: float, store: str | None = None) -> AsyncIterator[AsyncRead]:
    """A read with everything on and `seconds` for each call; its state is in `store`."""
    policy = failwell.Policy(deadline=seconds)
    async with failwell.AsyncClient(
        base_url=url, policy=policy, store=store, trust_env=False, verify=False
    ) as client:
        yield lambda: client.get("/")
