"""A streamed answer over requests whose faults are of both families; it keeps to the deadline.

It is never asked for again: its first byte may be in the caller's hands.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import requests

from failwell.clients import families
from failwell.clients.limits import within
from failwell.clients.requests.attempt import RAISED, fault_of
from failwell.clients.requests.prepare import Prepared
from failwell.clients.seam import Account
from failwell.errors import FailwellError
from failwell.flows.call import broken_off
from failwell.policy import deadline


def guard(response: requests.Response, prepared: Prepared) -> None:
    """Make whatever goes wrong while the answer is read an exception of both families."""
    read = response.iter_content

    def iter_content(*args: Any, **kwargs: Any) -> Iterator[Any]:
        chunks = read(*args, **kwargs)
        while True:
            chunk = _next(chunks, response, prepared)
            if isinstance(chunk, FailwellError):
                raise chunk
            if chunk is None:
                return
            yield chunk

    response.iter_content = iter_content  # type: ignore[method-assign]


def _next(chunks: Iterator[Any], response: requests.Response, prepared: Prepared) -> Any:
    now = time.monotonic()
    try:
        with within(deadline.left(prepared.terms.ends, now)):
            return next(chunks, None)
    except RAISED as error:
        fault = fault_of(error, response.request, prepared.body, response)
    account: Account = vars(response)["failwell"]
    failed = broken_off(prepared.request, prepared.terms, fault, time.monotonic(), account.attempts)
    assert fault.cause is not None
    return families.joined(prepared.broken(failed), type(fault.cause))
