"""`wait`: one job, of any API."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import aclosing, closing
from typing import Any, overload

from failwell.clients.httpx2 import AsyncClient, Client
from failwell.clients.waiting.leave import OnInterrupt
from failwell.clients.waiting.many import as_completed
from failwell.clients.waiting.pending import Pending, Target
from failwell.clients.waiting.show import Write
from failwell.flows.ending import Finished
from failwell.job import ANY_JOB, Job


@overload
def wait(
    client: Client,
    target: Target,
    job: Job = ANY_JOB,
    *,
    timeout: float | None = None,
    tolerate: float = 60.0,
    verbose: bool = False,
    progress: bool = False,
    write: Write | None = None,
    on_interrupt: OnInterrupt = "detach",
) -> Finished: ...
@overload
def wait(
    client: AsyncClient,
    target: Target,
    job: Job = ANY_JOB,
    *,
    timeout: float | None = None,
    tolerate: float = 60.0,
    verbose: bool = False,
    progress: bool = False,
    write: Write | None = None,
    on_interrupt: OnInterrupt = "detach",
) -> Coroutine[Any, Any, Finished]: ...
def wait(
    client: Client | AsyncClient,
    target: Target,
    job: Job = ANY_JOB,
    *,
    timeout: float | None = None,
    tolerate: float = 60.0,
    verbose: bool = False,
    progress: bool = False,
    write: Write | None = None,
    on_interrupt: OnInterrupt = "detach",
) -> Finished | Coroutine[Any, Any, Finished]:
    """The job when it has succeeded, of whichever API; awaited, over an `AsyncClient`.

    `target` is the answer that created the job (its `Location`, else its id), its record, its id,
    or the URL of its record; `job` declares how the API speaks of it. `timeout` bounds the whole
    wait (seconds; None for ever). A streak of failures that may pass (429, 5xx, drops, DNS, a
    proxy's page) is borne for `tolerate` seconds; then the last of them is raised.

    `verbose` writes a line for each change of state, `progress` draws a bar (with rich) or writes
    lines; both by `write`, or to standard error. Ctrl-C and cancellation lose nothing: by
    "detach" one line says how to wait again, by "cancel" the job is called off first.

    Raises `JobFailedError` with the API's own reason, `JobTimeoutError` with the last state,
    `InvalidRequestError` for what names no job; what a look raised, where it cannot pass.
    """
    how: dict[str, Any] = {"verbose": verbose, "progress": progress, "write": write}
    how["on_interrupt"] = on_interrupt
    if isinstance(client, AsyncClient):
        awaited = Pending(client, target, job, timeout, tolerate)
        return _await(awaited, how)
    return _wait(Pending(client, target, job, timeout, tolerate), how)


def _wait(pending: Pending[Client], how: dict[str, Any]) -> Finished:
    with closing(as_completed([pending], **how)) as ends:
        return _succeeded(next(ends))


async def _await(pending: Pending[AsyncClient], how: dict[str, Any]) -> Finished:
    async with aclosing(as_completed([pending], **how)) as ends:
        return _succeeded(await anext(ends))


def _succeeded(finished: Finished) -> Finished:
    finished.result()
    return finished
