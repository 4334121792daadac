"""`Adapter`: failwell at requests' own seam, below any session and any SDK.

    session.mount("https://", failwell.clients.requests.Adapter(contract=...))

Redirects, auth schemes and cookies are the session's and happen above: one call that is redirected
is several calls here, each with attempts, a deadline and a key of its own. Where the write is in
doubt, they go on under its key, and what they are told is folded with what was known before. So are
the retries of an SDK that retries by itself, if they have one key: switch them off, or let
`failwell.adopt` do it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from http.client import responses
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.util import Retry, Timeout

from failwell.actions import AsyncStore, Send, Store
from failwell.clients.limits import within
from failwell.clients.requests.attempt import RAISED, THEIRS, answer, fault_of
from failwell.clients.requests.prepare import Prepared, leave, prepare
from failwell.clients.requests.sockets import bind
from failwell.clients.requests.stream import guard
from failwell.clients.seam import (
    DEFAULT,
    Account,
    Kept,
    Last,
    Seam,
    latest,
    status_for,
)
from failwell.contract import Contract
from failwell.dialects.generic import GENERIC
from failwell.drive import drive
from failwell.errors import FailwellError
from failwell.events import Hook
from failwell.flows.terms import Done
from failwell.model import Reply
from failwell.settings import Policy

if TYPE_CHECKING:
    from failwell.flows.runs import Book, Summary


class Adapter(BaseAdapter):
    """An adapter around another (a plain `HTTPAdapter` where none is given) that sends again what
    is proven safe, and says of each failed write whether it took effect.

    An answer of 400 and above is returned once that is done; `failwell` of every response is an
    `Account`. The retries of the adapter below, urllib3's, are switched off. `run` names a run
    whose writes are kept in `store`, so that a script that is begun again buys nothing twice.

    Raises on a fault, and for a success that cannot be read, an exception of both families: a
    `FailwellError` that is the class, too, that requests alone would have raised.
    """

    def __init__(
        self,
        adapter: BaseAdapter | None = None,
        *,
        contract: Contract = GENERIC,
        policy: Policy = DEFAULT,
        store: Store | AsyncStore | str | None = None,
        run: str | Book | None = None,
        hooks: Sequence[Hook] = (),
    ) -> None:
        super().__init__()
        self.inner = HTTPAdapter() if adapter is None else adapter
        self._kept = Kept.sync(store, run)
        self.seam = Seam.of(contract, policy, self._kept, hooks, time.sleep)
        self._again = partial(
            Adapter, self.inner, contract=contract, policy=policy, store=store, hooks=hooks
        )
        if isinstance(self.inner, HTTPAdapter):
            self.inner.max_retries = Retry(0, read=False)
            bind(self.inner)

    def __reduce__(self) -> tuple[Any, ...]:
        """A session pickles with its adapters; what they know of origins stays behind.

        Raises `TypeError` in a run: a copy would count its writes from the first one again.
        """
        if self.seam.book is not None:
            raise TypeError(
                f"an adapter cannot be copied in the midst of a run ({self.seam.book.name!r})"
            )
        return self._again, ()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send a request: one call, of as many attempts as it takes and as are safe."""
        now, last = time.monotonic(), Last()
        how = {"stream": True, "verify": verify, "cert": cert, "proxies": proxies}
        prepared = prepare(self.seam, request, now)
        attempt = self._attempts(prepared, stream, timeout, how, last)
        try:
            ended: Done | FailwellError = drive(prepared.course(now), attempt, self.seam.rim)
        except FailwellError as error:
            ended = error
        response: requests.Response | None = last.answer(ended, partial(_made, prepared))
        leave(request, prepared, ended, None if response is None else response.request)
        if response is None:
            raise last.raised(ended, THEIRS)
        return self._told(response, Account.of(ended))

    def _attempts(
        self, prepared: Prepared, stream: bool, timeout: Any, how: dict[str, Any], last: Last
    ) -> Callable[[Send], Reply]:
        def attempt(send: Send) -> Reply:
            ready = prepared.rebuilt(send)
            asked = ready.copy_for(send)
            response: requests.Response | None = None
            with within(send.within):
                try:
                    response = self.inner.send(asked, timeout=_bounded(timeout, send.within), **how)
                    _check_final(response)
                    began = answer(response, asked, None)
                    if stream and ready.hands_out(began):
                        guard(response, ready)
                        return last.keep(began, aside=False)
                    reply: Reply = answer(response, asked, response.content)
                except RAISED as error:
                    if response is not None:
                        response.close()
                    reply = fault_of(error, asked, ready.body, response)
            return last.keep(reply, aside=ready.is_aside)

        return attempt

    def _told(self, response: Any, account: Account) -> requests.Response:
        response.failwell = account
        latest.set(account)
        response.connection = self  # what an auth scheme sends its second request by
        told: requests.Response = response
        return told

    def end_run(self, *, force: bool = False) -> Summary | None:
        """End the run: see `failwell.Client.end_run`."""
        from failwell.clients.runs import ending, sends_nothing

        return drive(ending(self.seam.book, force), sends_nothing, self.seam.rim)

    def close(self) -> None:
        """Close the adapter below, and the store that was opened for this one by its URL."""
        self.inner.close()
        self._kept.close()


def _made(prepared: Prepared, done: Done) -> requests.Response:
    """An answer that came in another's body: one that the API had kept, or a record that was
    found."""
    told, response = done.response, requests.Response()
    response.status_code = status_for(done, prepared.terms.contract, prepared.request)
    response.reason = responses.get(response.status_code, "")
    response.url, response.request = prepared.native.url or "", prepared.native
    response.headers = CaseInsensitiveDict(told.headers)
    response.raw = BytesIO(told.body or b"")
    return response


def _check_final(response: requests.Response) -> None:
    """Raises `ConnectionError` for an interim answer, which urllib3 takes for the final one (all
    but 100): that may still come, on a connection that is not to be used again."""
    if response.status_code < 200:
        said = f"an interim answer ({response.status_code}) in place of a final one"
        raise requests.ConnectionError(said)


def _bounded(timeout: Any, within: float | None) -> Any:
    """The caller's time-outs, none above what the call has left (seconds); to requests, none of
    them may be 0. Raises `ConnectTimeout` where nothing is left."""
    if within is None:
        return timeout
    if within <= 0:
        raise requests.ConnectTimeout("the call's deadline ran out")
    if isinstance(timeout, Timeout):
        timeout = (timeout.connect_timeout, timeout.read_timeout)
    limits = cast("tuple[Any, Any]", timeout if isinstance(timeout, tuple) else (timeout, timeout))
    return tuple(_least(limit, within) for limit in limits)


def _least(limit: Any, within: float) -> float:
    return min(limit, within) if isinstance(limit, (int, float)) else within
