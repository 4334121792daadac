"""What the routes share: the records, the files, the jobs, and the request that is being read."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from failwell.apis.ionworks.access import Access
from failwell.apis.ionworks.bodies import decoded
from failwell.apis.ionworks.dispatch import Dispatch
from failwell.apis.ionworks.jobs import Jobs
from failwell.apis.ionworks.named import Named
from failwell.apis.ionworks.records import Records
from failwell.apis.ionworks.solver import Solver
from failwell.apis.ionworks.storage import Storage

S = TypeVar("S", bound=msgspec.Struct)

Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]
Handlers: TypeAlias = dict[str, Handler]
"""The handlers of a room of routes, by the operation's name in `endpoints.ENDPOINTS`."""

BASE_PATH = "/ionworks"


class Limits(msgspec.Struct, forbid_unknown_fields=True):
    """What the service allows: times in seconds, sizes in bytes; no rate unless one is set."""

    requests_per_minute: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_body_bytes: Annotated[int, msgspec.Meta(ge=1)] = 16 * 1024 * 1024
    max_upload_bytes: Annotated[int, msgspec.Meta(ge=1)] = 256 * 1024 * 1024
    upload_link_seconds: Annotated[float, msgspec.Meta(gt=0)] = 3600.0
    job_seconds: Annotated[float, msgspec.Meta(gt=0)] = 60.0


class House:
    """The parts of one service; `folder` and `limits` say where and how much, as it is now."""

    def __init__(self, folder: Callable[[], Path], limits: Callable[[], Limits]) -> None:
        self.limits = limits
        self.records = Records(folder)
        self.access = Access(self.records)
        self.storage = Storage(
            folder,
            seconds=lambda: limits().upload_link_seconds,
            most=lambda: limits().max_upload_bytes,
        )
        self.solver = Solver()
        self.jobs = Jobs(self.records)
        self.dispatch = Dispatch(
            self.records, self.jobs, self.solver, seconds=lambda: limits().job_seconds
        )
        self.specs = Named(self.records, "cell_specs", "cell specification")
        self.batches = Named(self.records, "cell_batches", "cell batch")
        self.instances = Named(self.records, "cell_instances", "cell instance")
        self.measurements = Named(self.records, "measurements", "cell measurement")

    async def body(self, request: Request, cls: type[S]) -> S:
        """The body of the request. Raises the 400, 413 or 422 for one that is wrong."""
        return await decoded(request, cls, self.limits().max_body_bytes)


def origin(request: Request) -> str:
    """The base URL by which the caller reached this service."""
    return str(request.base_url).rstrip("/") + BASE_PATH
