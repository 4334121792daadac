"""What the resources of the async client are made of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import TypeVar

import msgspec

from failwell.apis.ionworks.client.ends import patience
from failwell.apis.ionworks.client.frames import Backend
from failwell.apis.operation import Operation, arun
from failwell.clients.httpx2 import AsyncClient
from failwell.clients.waiting import Pending, as_completed
from failwell.flows.ending import Finished
from failwell.job import Job

T = TypeVar("T")


class AsyncLine(msgspec.Struct, frozen=True, kw_only=True):
    """The connections: to the API, and to its storage, which gets no credential."""

    api: AsyncClient
    storage: AsyncClient
    project: str | None
    backend: Backend


class AsyncResource:
    """A room of the API."""

    def __init__(self, line: AsyncLine) -> None:
        self._line = line

    async def _run(self, operation: Operation[T]) -> T:
        return await arun(self._line.api, operation)

    async def _store(self, operation: Operation[T]) -> T:
        return await arun(self._line.storage, operation)

    async def _ends(
        self, jobs: Sequence[tuple[str, Job]], timeout: float, *, verbose: bool
    ) -> list[Finished]:
        """The end of each job, in their order, well or badly."""
        if not jobs:
            return []
        bears = patience(self._line.api.policy)
        pending = [
            Pending(self._line.api, job_id, job, timeout, bears, tag=number)
            for number, (job_id, job) in enumerate(jobs)
        ]
        write = print if verbose else None
        async with aclosing(as_completed(pending, verbose=verbose, write=write)) as ends:
            ended = [finished async for finished in ends]
        return sorted(ended, key=lambda finished: int(finished.tag))
