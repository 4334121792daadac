"""Where a request leads, and whether anybody can go there."""

from __future__ import annotations

import re
from functools import lru_cache

import httpx2

Address = tuple[str, bytes, int | None]
"""A URL's scheme, host and port."""

_HOST = rb"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?|[0-9a-fA-F:.]*:[^/]*"


def address_of(url: httpx2.URL) -> Address:
    """Where a URL leads."""
    return url.scheme, url.raw_host, url.port


@lru_cache(maxsize=256)
def why_unreachable(host: bytes, port: int | None) -> str | None:
    """What is wrong with an address that no resolver or socket should be asked for, if anything.

    They raise `UnicodeError` and `OverflowError`, or ask at another port.
    """
    if host and (len(host) > 254 or not re.fullmatch(_HOST, host)):
        return "The URL's host is not a name or address that can exist"
    if port is not None and port > 65535:
        return f"The URL's port is {port}: at most 65535 is possible"
    return None
