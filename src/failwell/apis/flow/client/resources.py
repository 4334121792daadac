"""Samples, projects, files and executions of a `Client`: what they are, and what can be done with
them. Each is a plain record with a way back to its client; a pickled one has lost it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from failwell.apis.flow.client.facts import (
    DataFacts,
    ExecutionFacts,
    Permission,
    ProjectFacts,
    SampleFacts,
)
from failwell.errors import InvalidRequestError

if TYPE_CHECKING:
    from failwell.apis.flow.client import Client

T = TypeVar("T")


def bound(thing: T, client: object) -> T:
    """The thing, with the way back to its client."""
    thing.__dict__["client"] = client
    return thing


def client_of(thing: object) -> Any:
    """The client of a thing. Raises `InvalidRequestError` for one that was pickled or copied."""
    found = thing.__dict__.get("client")
    if found is None:
        name = type(thing).__name__
        raise InvalidRequestError.of(
            f"This {name} has lost its client: get it anew, as by client.get_{name.lower()}(id)"
        )
    return found


def here(filename: str) -> str:
    """The file's own name, in this folder. Raises `InvalidRequestError` for one that leads
    elsewhere: whoever uploaded the file chose it."""
    if filename in ("", ".", "..") or re.search(r"[/\\:\x00-\x1f]", filename):
        raise InvalidRequestError.of(f"{filename!r} is no name for a file here: give a path")
    return filename


class Sample(SampleFacts, kw_only=True, dict=True):
    """A sample; see `SampleFacts`. `sample.id` is a whole number."""

    def edit(self, **changes: Any) -> Sample:
        """The sample with these changes. Raises `ConflictError` while an execution uses it."""
        return _client(self).edit_sample(self, **changes)

    def share(self, users: Sequence[object], permission: Permission = "read") -> None:
        """Let these users, by their names, do so much with it. Raises `PermissionError` where
        you may not share it, `NotFoundError` for a user that there is not."""
        _client(self).share_sample(self, users, permission)

    def delete(self) -> None:
        """Delete it and its files. Raises `ConflictError` while an execution uses it."""
        _client(self).delete_sample(self)


class Project(ProjectFacts, kw_only=True, dict=True):
    """A project; see `ProjectFacts`."""

    def get_samples(self) -> list[Sample]:
        """Its samples."""
        return _client(self).get_project_samples(self)

    def share(self, users: Sequence[object], permission: Permission = "read") -> None:
        """Let these users, by their names, do so much with it and with its samples."""
        _client(self).share_project(self, users, permission)

    def delete(self) -> None:
        """Delete it; its samples stay."""
        _client(self).delete_project(self)


class Data(DataFacts, kw_only=True, dict=True):
    """A file; see `DataFacts`."""

    def download(
        self, path: str | os.PathLike[str] | None = None, *, progress: bool = True
    ) -> Path:
        """Fetch it, into a file of its own name, here, where no path is given: see
        `Client.download`."""
        where = here(self.filename) if path is None else path
        return _client(self).download(self, where, progress=progress)


class Execution(ExecutionFacts, kw_only=True, dict=True):
    """An execution; see `ExecutionFacts`."""

    def wait(self, *, timeout: float | None = None, verbose: bool = False) -> Execution:
        """The execution when it has succeeded: see `Client.wait`."""
        return _client(self).wait(self, timeout=timeout, verbose=verbose)

    def get_outputs(self) -> list[Data]:
        """The files that it has made. Raises `ServerError` where it failed."""
        return _client(self).get_outputs(self)

    def cancel(self) -> Execution:
        """End it, if it has not ended."""
        return _client(self).cancel_execution(self)


def _client(thing: object) -> Client:
    return cast("Client", client_of(thing))
