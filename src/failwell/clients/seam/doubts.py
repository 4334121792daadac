"""Writes in doubt that their caller sends again as new requests, told by the caller's own key.

SDKs that retry by themselves build each request anew, under one key: nothing else tells that it is
the same write.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from threading import Lock

import msgspec

from failwell.clients.origin import tenant_of
from failwell.clients.seam.trail import Trail
from failwell.contract import Contract
from failwell.model import Request

MOST = 1024
"""Writes that are kept at a time; the oldest is forgotten first."""

_Same = tuple[str | None, str, str, str]


class Doubts:
    """The writes of one adapter that are in doubt, by key, method, URL and credential; for any
    number of threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._trails: OrderedDict[_Same, tuple[bytes, Trail]] = OrderedDict()

    def of(self, contract: Contract, request: Request) -> Trail | None:
        """What is known of this write from before; None for another body under the same key."""
        if not self._trails or request.key is None:
            return None
        with self._lock:
            digest, trail = self._trails.get(_same(request), (b"", None))
        if trail is None or digest != _digest(request):
            return None
        return trail if trail.holds(contract, time.time()) else None

    def keep(self, request: Request, trail: Trail | None) -> None:
        """Keep what a call under its caller's key left; None forgets what it is that is known."""
        if trail is None and not self._trails:
            return
        same = _same(request)
        with self._lock:
            self._trails.pop(same, None)
            if trail is not None and trail.outcome is not None:
                self._trails[same] = _digest(request), _without_body(trail)
            while len(self._trails) > self._most:
                self._trails.popitem(last=False)


def _without_body(trail: Trail) -> Trail:
    """The request that goes on with it has the same."""
    return msgspec.structs.replace(trail, sent=msgspec.structs.replace(trail.sent, body=None))


def _same(request: Request) -> _Same:
    return request.key, request.method, str(request.url), tenant_of(request.headers)


def _digest(request: Request) -> bytes:
    """A stream's is that of nothing: what is in it is not known before it is sent."""
    return hashlib.sha256(request.body or b"").digest()
