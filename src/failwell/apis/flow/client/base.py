"""What all parts of both clients stand on: the HTTP client, and how an operation is carried out."""

from __future__ import annotations

from typing import TypeVar

from failwell.apis.flow.client.resources import bound
from failwell.apis.operation import Operation, arun, run
from failwell.clients.httpx2 import AsyncClient, Client

T = TypeVar("T")


class Base:
    """A part of `Client`."""

    client: Client

    def _run(self, operation: Operation[T]) -> T:
        return run(self.client, operation)

    def _bound(self, operation: Operation[T]) -> T:
        return bound(run(self.client, operation), self)

    def _all_bound(self, operation: Operation[list[T]]) -> list[T]:
        return [bound(thing, self) for thing in run(self.client, operation)]


class AsyncBase:
    """A part of `AsyncClient`."""

    client: AsyncClient

    async def _run(self, operation: Operation[T]) -> T:
        return await arun(self.client, operation)

    async def _bound(self, operation: Operation[T]) -> T:
        return bound(await arun(self.client, operation), self)

    async def _all_bound(self, operation: Operation[list[T]]) -> list[T]:
        return [bound(thing, self) for thing in await arun(self.client, operation)]
