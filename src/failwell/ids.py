"""New ids, for requests, keys and the holders of leases."""

from __future__ import annotations

import os

_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The digit that holds the variant, by the random one in its place."""

_BATCH = 64
_ready: list[str] = []


def minted() -> str:
    """A new id: a random UUID (RFC 9562 version 4), spelled without the `uuid` module.

    They are made many at once: to ask the system for randomness takes longer than the rest of
    making a call ready.
    """
    try:
        return _ready.pop()
    except IndexError:
        drawn = os.urandom(16 * _BATCH).hex()
        fresh = [_spelled(drawn[at : at + 32]) for at in range(0, 32 * _BATCH, 32)]
        _ready.extend(fresh[1:])
        return fresh[0]


def _spelled(d: str) -> str:
    return f"{d[:8]}-{d[8:12]}-4{d[13:16]}-{_VARIANT[d[16]]}{d[17:20]}-{d[20:]}"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ready.clear)  # or both processes would give the same ones
