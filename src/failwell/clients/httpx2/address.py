"""Where a request leads, and whether anybody can go there."""

from __future__ import annotations

import re
from functools import lru_cache

import httpx2

Address = tuple[str, bytes, int | None]
"""A URL's scheme, host and port."""

_MOST, _SEEN = 256, 64
"""URLs that a client remembers, and latest ones that it knows to have seen."""

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
    if port is not None and not 0 < port <= 65535:
        return f"The URL's port is {port}: 1 to 65535 are possible"
    return None


class Parsed:
    """Where URLs that come again lead under a client's `base` URL.

    To parse one takes httpx2 a quarter of a call, to join it to its base another, and most calls
    go where an earlier one went: a write to its collection, a poll to its job. It is kept when it
    comes the second time; one with a query or a password is not.
    """

    __slots__ = ("_known", "_recent", "base")

    def __init__(self, base: httpx2.URL | None) -> None:
        self.base = base
        self._known: dict[str, httpx2.URL] = {}
        self._recent = [0] * _SEEN

    def get(self, url: httpx2.URL | str) -> httpx2.URL | str:
        """Where it leads; itself, where that is not known."""
        return self._known.get(url, url) if type(url) is str else url

    def keep(self, url: httpx2.URL | str, leads: httpx2.URL) -> None:
        """Note where it leads, for the next call."""
        if type(url) is not str:
            return
        seen = hash(url)
        if self._recent[seen % _SEEN] != seen:
            self._recent[seen % _SEEN] = seen
        elif "?" not in url and "@" not in url:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[url] = leads
