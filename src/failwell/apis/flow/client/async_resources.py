"""Samples, projects, files and executions of an `AsyncClient`: see `resources`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from failwell.apis.flow.client.facts import (
    DataFacts,
    ExecutionFacts,
    Permission,
    ProjectFacts,
    SampleFacts,
)
from failwell.apis.flow.client.resources import client_of, here

if TYPE_CHECKING:
    from failwell.apis.flow.client import AsyncClient


class AsyncSample(SampleFacts, kw_only=True, dict=True):
    """A sample: see `Sample`."""

    async def edit(self, **changes: Any) -> AsyncSample:
        """The sample with these changes."""
        return await _client(self).edit_sample(self, **changes)

    async def share(self, users: Sequence[object], permission: Permission = "read") -> None:
        """Let these users, by their names, do so much with it."""
        await _client(self).share_sample(self, users, permission)

    async def delete(self) -> None:
        """Delete it and its files."""
        await _client(self).delete_sample(self)


class AsyncProject(ProjectFacts, kw_only=True, dict=True):
    """A project: see `Project`."""

    async def get_samples(self) -> list[AsyncSample]:
        """Its samples."""
        return await _client(self).get_project_samples(self)

    async def share(self, users: Sequence[object], permission: Permission = "read") -> None:
        """Let these users, by their names, do so much with it and with its samples."""
        await _client(self).share_project(self, users, permission)

    async def delete(self) -> None:
        """Delete it; its samples stay."""
        await _client(self).delete_project(self)


class AsyncData(DataFacts, kw_only=True, dict=True):
    """A file: see `Data`."""

    async def download(
        self, path: str | os.PathLike[str] | None = None, *, progress: bool = True
    ) -> Path:
        """Fetch it, into a file of its own name, here, where no path is given."""
        where = here(self.filename) if path is None else path
        return await _client(self).download(self, where, progress=progress)


class AsyncExecution(ExecutionFacts, kw_only=True, dict=True):
    """An execution: see `Execution`."""

    async def wait(self, *, timeout: float | None = None, verbose: bool = False) -> AsyncExecution:
        """The execution when it has succeeded: see `Client.wait`."""
        return await _client(self).wait(self, timeout=timeout, verbose=verbose)

    async def get_outputs(self) -> list[AsyncData]:
        """The files that it has made."""
        return await _client(self).get_outputs(self)

    async def cancel(self) -> AsyncExecution:
        """End it, if it has not ended."""
        return await _client(self).cancel_execution(self)


def _client(thing: object) -> AsyncClient:
    return cast("AsyncClient", client_of(thing))
