"""What happens to jobs when the wait for them is interrupted: they go on, or are called off."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from failwell.clients.httpx2 import AsyncClient, Client
from failwell.errors import FailwellError, InvalidRequestError
from failwell.flows.ending import again
from failwell.flows.sight import Watch
from failwell.settings import Options

OnInterrupt = Literal["detach", "cancel"]

LONGEST = 5.0
"""Seconds that calling a job off takes at most, while the user waits for the prompt."""


class Order(msgspec.Struct, frozen=True):
    """The request that calls a job off."""

    method: str
    url: str

    @property
    def extensions(self) -> dict[str, Any]:
        """The options of that call."""
        return {"failwell": Options(deadline=LONGEST, expect="any")}


def order_of(watch: Watch, on_interrupt: OnInterrupt) -> Order | None:
    """How to call the job off; None where it is to go on.

    Raises `InvalidRequestError` where the API has no way to, or the choice is none.
    """
    if on_interrupt == "detach":
        return None
    if on_interrupt != "cancel":
        raise InvalidRequestError.of(f"on_interrupt={on_interrupt!r}: must be 'detach' or 'cancel'")
    asked = watch.job.cancellation(watch.job_id, watch.url)
    if asked is None:
        raise InvalidRequestError.of(
            f"{watch.named} cannot be cancelled: its declaration has no cancel=",
            advice='Declare it, as in Job(cancel=("POST", "jobs/{id}/cancel")), or detach.',
        )
    return Order(*asked)


def leave(client: Client, watch: Watch, order: Order | None) -> str:
    """Call the job off if so ordered; the line that says what became of it."""
    if order is None:
        return detached(watch)
    try:
        client.request(order.method, order.url, extensions=order.extensions)
    except FailwellError as error:
        return _not_cancelled(watch, error)
    return _cancelled(watch)


async def aleave(client: AsyncClient, watch: Watch, order: Order | None) -> str:
    """The same; it cannot be cancelled itself."""
    import anyio

    if order is None:
        return detached(watch)
    with anyio.CancelScope(shield=True):
        try:
            await client.request(order.method, order.url, extensions=order.extensions)
        except FailwellError as error:
            return _not_cancelled(watch, error)
    return _cancelled(watch)


def detached(watch: Watch) -> str:
    """The line that says how to wait for the job again."""
    return f"Detached: {watch.named} goes on; {again(watch)}"


def _cancelled(watch: Watch) -> str:
    return f"Cancelled: {watch.named}"


def _not_cancelled(watch: Watch, error: FailwellError) -> str:
    return f"Not cancelled: {watch.named} may go on ({error}); {again(watch)}"
