"""Digest auth over servers whose challenge cannot be used: then their 401 is the answer."""

from __future__ import annotations

from collections.abc import Generator

import httpx2


class Lenient(httpx2.DigestAuth):
    """httpx2's own Digest auth, without the exceptions that it raises for a malformed challenge
    (`ValueError`), one of another algorithm (`ProtocolError`) or one that asks for `auth-int`
    (`NotImplementedError`). What it has learnt is the given one's, too."""

    def __init__(self, digest: httpx2.DigestAuth) -> None:
        self.__dict__ = vars(digest)

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        flow = super().auth_flow(request)
        challenge = yield next(flow)
        try:
            answering = flow.send(challenge)
        except StopIteration:
            return
        except (ValueError, NotImplementedError, httpx2.ProtocolError):
            self._last_challenge = None  # the next call would begin by answering
            return
        yield answering
