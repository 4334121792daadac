"""A name with several addresses, under a total deadline.

HTTP libraries try one after another, and give each the whole time-out of a connect. Here each has a
fair share of what the call has left.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from failwell.clients import limits

Address = tuple[str, int]
T = TypeVar("T")


def resolved(host: str, port: int, family: int = 0) -> list[Address]:
    """The addresses of a host, in the order in which they are to be tried. Raises `OSError`."""
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    return [_literal(address) for *_, address in found] or [(host, port)]


def in_turn(
    addresses: Sequence[Address],
    timeout: float | None,
    connect: Callable[[Address, float | None], T],
    failures: tuple[type[Exception], ...],
) -> T:
    """What `connect` makes of the first address that answers in its share of the time.

    Raises one of its `failures`: that of the last address.
    """
    for waiting in range(len(addresses), 1, -1):
        try:
            return connect(addresses[-waiting], _share(timeout, waiting))
        except failures:
            continue
    return connect(addresses[-1], _share(timeout, 1))


def _share(timeout: float | None, waiting: int) -> float | None:
    left = limits.left()
    if left is None:
        return timeout
    share = max(left / waiting, 0.001)  # 0 would not wait at all, and says so in another way
    return share if timeout is None else min(timeout, share)


def _literal(address: Any) -> Address:
    """Host and port of a socket's address; one of IPv6 may be good only at one interface."""
    host, port, *more = address
    scope = more[1] if more else 0
    return f"{host.partition('%')[0]}%{scope}" if scope else host, port
