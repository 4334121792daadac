"""New ids, for requests, keys and the holders of leases."""

from __future__ import annotations

import os


def minted() -> str:
    """A new id: a random UUID (RFC 9562 version 4), spelled without the `uuid` module, which takes
    longer than the rest of making a call ready."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
