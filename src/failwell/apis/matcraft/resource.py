"""What carries out the operations on one kind of resource, in either world."""

from __future__ import annotations

from failwell.apis.operation import Operation, T, arun, run
from failwell.clients.httpx2 import AsyncClient, Client


class Resource:
    """One kind of resource, over a client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def _run(self, operation: Operation[T]) -> T:
        return run(self._client, operation)


class AsyncResource:
    """One kind of resource, over an async client."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def _run(self, operation: Operation[T]) -> T:
        return await arun(self._client, operation)
