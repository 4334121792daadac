"""What the resources of the sync client are made of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TypeVar

import msgspec

from failwell.apis.ionworks.client.ends import patience
from failwell.apis.ionworks.client.frames import Backend
from failwell.apis.operation import Operation, run
from failwell.clients.httpx2 import Client
from failwell.clients.waiting import Pending, as_completed
from failwell.flows.ending import Finished
from failwell.job import Job

T = TypeVar("T")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The connections: to the API, and to its storage, which gets no credential."""

    api: Client
    storage: Client
    project: str | None
    backend: Backend


class Resource:
    """A room of the API."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def _run(self, operation: Operation[T]) -> T:
        return run(self._line.api, operation)

    def _store(self, operation: Operation[T]) -> T:
        return run(self._line.storage, operation)

    def _ends(
        self, jobs: Sequence[tuple[str, Job]], timeout: float, *, verbose: bool
    ) -> list[Finished]:
        """The end of each job, in their order, well or badly."""
        bears = patience(self._line.api.policy)
        pending = [
            Pending(self._line.api, job_id, job, timeout, bears, tag=number)
            for number, (job_id, job) in enumerate(jobs)
        ]
        write = print if verbose else None
        with closing(as_completed(pending, verbose=verbose, write=write)) as ends:
            return sorted(ends, key=lambda finished: int(finished.tag))
