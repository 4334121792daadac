"""New ids, for requests, keys and the holders of leases."""

from __future__ import annotations

import os


def minted() -> str:
    """A new id: a random UUID (RFC 9562 version 4), spelled without the `uuid` module, which takes
    longer than the rest of making a call ready."""
    d = os.urandom(16).hex()
    return f"{d[:8]}-{d[8:12]}-4{d[13:16]}-{_VARIANT[d[16]]}{d[17:20]}-{d[20:]}"


_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The digit that holds the variant, by the random one in its place."""
