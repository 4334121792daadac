"""openai: the runtime of an SDK, which obeys `Retry-After`; neither budget nor deadline."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from openai import AsyncOpenAI

from bench.peers import MANY, AsyncRead


@asynccontextmanager
async def patient(url: str, seconds: float) -> AsyncIterator[AsyncRead]:
    """Its own retries, but more of them than the two that it comes with; `seconds` are of one
    attempt, for it has no other limit."""
    bare = httpx2.AsyncClient(trust_env=False, verify=False)
    client = AsyncOpenAI(
        api_key="bench", base_url=url, max_retries=MANY, timeout=seconds, http_client=bare
    )
    async with client:
        yield lambda: client.get("/", cast_to=httpx2.Response)
