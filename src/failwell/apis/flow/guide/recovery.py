"""`ResilientClient`: a sample got by another way, as the guide's "Automatic Recovery"."""

from __future__ import annotations

import builtins
from typing import Any

from failwell.apis.flow.exceptions import FlowCircuitOpenError
from failwell.apis.flow.guide.story import Sleep, Story, tell
from failwell.errors import NotFoundError, ServerError
from failwell.model import Failure, Kind

MOST = 5
"""Server errors that are borne."""


class ResilientClient:
    """A client that looks elsewhere for a sample. `client` is the one that it was made with, of
    either world; `error_counts` counts server errors under "server".

    As in the guide, and kept: the count is never set back, so each sleep is longer than the one
    before it, in later calls, too, and after the fifth it gives up at once.
    """

    def __init__(self, base_client: Any, *, sleep: Sleep | None = None) -> None:
        self.client = base_client
        self.error_counts: dict[str, int] = {}
        self._sleep = sleep

    def get_sample_with_recovery(self, sample_id: int | str) -> Any:
        """The sample; awaitable where the client's methods are.

        Where it is not found, it is searched for by its id; where it may not be read, it is looked
        for in the projects that may; where the server fails, it is asked again after 2, 4 … 32
        seconds. Raises what the client raised first, and `CircuitOpenError` after five server
        errors.
        """
        return tell(self._recovered(sample_id), self._sleep)

    def _recovered(self, sample_id: int | str) -> Story[Any]:
        while True:
            try:
                return (yield lambda: self.client.get_sample(sample_id))
            except NotFoundError:
                results = yield lambda: self.client.search_samples(filter=f"id:{sample_id}")
                if results:
                    return results[0]
                raise
            except builtins.PermissionError:
                found = yield from self._among_projects(sample_id)
                if found is not None:
                    return found
                raise
            except ServerError as error:
                count = self.error_counts["server"] = self.error_counts.get("server", 0) + 1
                if count > MOST:
                    raise _down() from error
            yield 2.0**count

    def _among_projects(self, sample_id: int | str) -> Story[Any]:
        projects = yield self.client.get_projects
        for project in projects:
            for sample in (yield project.get_samples):
                if str(sample.id) == str(sample_id):
                    return sample
        return None


def _down() -> FlowCircuitOpenError:
    message = "Too many server errors. Service may be down."
    return FlowCircuitOpenError(Failure(kind=Kind.UNAVAILABLE, message=message))
