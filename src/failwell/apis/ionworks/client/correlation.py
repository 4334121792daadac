"""`x-correlation-id: …` on standard output whenever Ionworks answers with an error.

Ionworks' guide promises it: the id is what support asks for. It is on each exception as well.
"""

from __future__ import annotations

from failwell.apis.ionworks.contract import CORRELATION_HEADER
from failwell.events import CallFailed, Event, Recovered


def tell(event: Event) -> None:
    """Print the id of the answer that a failed call ended with, and of a 409 that was turned into
    the record it names; of a retry that went well, nothing."""
    match event:
        case CallFailed(error) if error.status_code is not None and error.status_code >= 400:
            _print(error.request_id)
        case Recovered(attempts) if attempts[-1].status == 409:
            _print(attempts[-1].request_id)
        case _:
            pass


def _print(correlation_id: str | None) -> None:
    if correlation_id:
        print(f"{CORRELATION_HEADER}: {correlation_id}", flush=True)
