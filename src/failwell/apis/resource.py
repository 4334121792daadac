"""What the classes of an API's client stand on, in either world."""

from __future__ import annotations

from typing import Self

from failwell.apis.operation import Operation, T, arun, run
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.errors import FailwellError
from failwell.flows.settle import Settled


class Connected:
    """An API over a client, which it closes."""

    client: Client

    def settle(self, error: FailwellError) -> Settled:
        """What became of a failed write, found out now: see `failwell.Client.settle`."""
        return self.client.settle(error)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncConnected:
    """An API over an async client, which it closes."""

    client: AsyncClient

    async def settle(self, error: FailwellError) -> Settled:
        """What became of a failed write, found out now: see `failwell.AsyncClient.settle`."""
        return await self.client.settle(error)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


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
