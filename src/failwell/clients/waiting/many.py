"""`as_completed`: jobs of any APIs, in the order in which they end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable
from typing import Any, overload

from failwell.clients.httpx2 import AsyncClient, Client
from failwell.clients.waiting import concurrent, serial
from failwell.clients.waiting.leave import OnInterrupt
from failwell.clients.waiting.pending import Pending
from failwell.clients.waiting.show import Write
from failwell.clients.waiting.vigil import Vigil
from failwell.errors import InvalidRequestError
from failwell.flows.ending import Finished


@overload
def as_completed(
    pending: Iterable[Pending[Client]],
    *,
    verbose: bool = False,
    progress: bool = False,
    write: Write | None = None,
    on_interrupt: OnInterrupt = "detach",
) -> Generator[Finished]: ...
@overload
def as_completed(
    pending: Iterable[Pending[AsyncClient]],
    *,
    verbose: bool = False,
    progress: bool = False,
    write: Write | None = None,
    on_interrupt: OnInterrupt = "detach",
) -> AsyncGenerator[Finished]: ...
def as_completed(
    pending: Iterable[Pending[Any]],
    *,
    verbose: bool = False,
    progress: bool = False,
    write: Write | None = None,
    on_interrupt: OnInterrupt = "detach",
) -> Generator[Finished] | AsyncGenerator[Finished]:
    """Each job as it ends, whichever API it is of: an iterator over jobs of `Client`s, an async
    iterator over jobs of `AsyncClient`s.

    A job that fails ends none of the others: its `Finished` has the `error`, which `result()`
    raises. Times count from the first step. Sync, all looks are made by the one thread that asks;
    nothing runs between two steps, in either world.

    Raises `InvalidRequestError` for what names no job, and where both kinds of clients are mixed.
    """
    jobs = list(pending)
    how = Vigil(verbose=verbose, progress=progress, write=write, on_interrupt=on_interrupt)
    kinds = {isinstance(each.client, AsyncClient) for each in jobs}
    if len(kinds) > 1:
        raise InvalidRequestError.of("Jobs of Client and of AsyncClient cannot be mixed")
    return concurrent.run(how, jobs) if kinds == {True} else serial.run(how, jobs)
