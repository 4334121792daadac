"""`Transport` and `AsyncTransport`: failwell at httpx's own seam, below any client and any SDK.

    client = httpx.Client(transport=failwell.clients.httpx.Transport(contract=...))

Redirects, auth schemes and cookies are the client's and happen above: one call that is redirected
is several calls here, each with attempts, a deadline and a key of its own. Where the write is in
doubt, they go on under its key, and what they are told is folded with what was known before. So are
the retries of an SDK that retries by itself, if they have one key: switch them off, or let
`failwell.adopt` do it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import httpcore
import httpx

from failwell.actions import AsyncStore, Send, Store
from failwell.clients import sockets
from failwell.clients.httpx.attempt import (
    RAISED,
    THEIRS,
    answer,
    decoded,
    fault_of,
    is_judged_whole,
    out_of_time,
    rebuilt,
    traced,
)
from failwell.clients.httpx.prepare import EXTENSION, Prepared, leave, prepare
from failwell.clients.httpx.stream import AsyncStream, Reading, SyncStream, handed_out
from failwell.clients.limits import awithin, within
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
from failwell.drive import adrive, asleep, drive
from failwell.errors import FailwellError
from failwell.events import Hook
from failwell.flows.terms import Done
from failwell.model import Reply
from failwell.settings import Policy

if TYPE_CHECKING:
    from failwell.flows.runs import Book, Summary


class Transport(httpx.BaseTransport):
    """A transport around another (httpx's own where none is given) that sends again what is
    proven safe, and says of each failed write whether it took effect.

    An answer of 400 and above is returned once that is done. `extensions["failwell"]` of every
    answer is an `Account`. A request's own `extensions["failwell"]` may be `failwell.Options`.
    `run` names a run whose writes are kept in `store`, so that a script that is begun again buys
    nothing twice. JSON is read whole before it is handed on; whatever else succeeds passes through
    as a stream.

    Raises on a fault, and for a success that cannot be read, an exception of both families: a
    `FailwellError` that is the httpx class, too, that httpx alone would have raised.
    """

    def __init__(
        self,
        transport: httpx.BaseTransport | None = None,
        *,
        contract: Contract = GENERIC,
        policy: Policy = DEFAULT,
        store: Store | AsyncStore | str | None = None,
        run: str | Book | None = None,
        hooks: Sequence[Hook] = (),
    ) -> None:
        self.inner = httpx.HTTPTransport() if transport is None else transport
        self._kept = Kept.sync(store, run)
        self.seam = Seam.of(contract, policy, self._kept, hooks, time.sleep)
        sockets.bind(self.inner, httpcore)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request: one call, of as many attempts as it takes and as are safe."""
        now, last = time.monotonic(), Last()
        prepared = prepare(self.seam, request, now)
        try:
            ended: Done | FailwellError = drive(
                prepared.course(now), self._attempts(prepared, last), self.seam.rim
            )
        except FailwellError as error:
            ended = error
        leave(request, prepared, ended)
        return _handed_on(ended, prepared, last)

    def _attempts(self, prepared: Prepared, last: Last) -> Callable[[Send], Reply]:
        def attempt(send: Send) -> Reply:
            ready = prepared.rebuilt(send)
            asked = traced(ready.copy_for(send), self.inner)
            response: httpx.Response | None = None
            around = sys.exception()
            with within(send.within):
                try:
                    response = self.inner.handle_request(asked)
                    reply = _answered(response, asked, ready)
                except RAISED as error:
                    reply = fault_of(error, asked, ready.body, response, around)
            return last.keep(reply, aside=ready.is_aside)

        return attempt

    def end_run(self, *, force: bool = False) -> Summary | None:
        """End the run: see `failwell.Client.end_run`."""
        from failwell.clients.runs import ending, sends_nothing

        return drive(ending(self.seam.book, force), sends_nothing, self.seam.rim)

    def close(self) -> None:
        """Close the transport below, and the store that was opened for this one by its URL."""
        self.inner.close()
        self._kept.close()


class AsyncTransport(httpx.AsyncBaseTransport):
    """The same for `httpx.AsyncClient`.

    An answer of 400 and above is returned once that is done. `extensions["failwell"]` of every
    answer is an `Account`. A request's own `extensions["failwell"]` may be `failwell.Options`.
    `run` names a run whose writes are kept in `store`, so that a script that is begun again buys
    nothing twice. JSON is read whole before it is handed on; whatever else succeeds passes through
    as a stream.

    Raises on a fault, and for a success that cannot be read, an exception of both families: a
    `FailwellError` that is the httpx class, too, that httpx alone would have raised.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        contract: Contract = GENERIC,
        policy: Policy = DEFAULT,
        store: Store | AsyncStore | str | None = None,
        run: str | Book | None = None,
        hooks: Sequence[Hook] = (),
    ) -> None:
        self.inner = httpx.AsyncHTTPTransport() if transport is None else transport
        self._kept = Kept.awaited(store, run)
        self.seam = Seam.of(contract, policy, self._kept, hooks, asleep)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request: one call, of as many attempts as it takes and as are safe."""
        now, last = time.monotonic(), Last()
        prepared = prepare(self.seam, request, now)
        try:
            ended: Done | FailwellError = await adrive(
                prepared.course(now), self._attempts(prepared, last), self.seam.rim
            )
        except FailwellError as error:
            ended = error
        leave(request, prepared, ended)
        return _handed_on(ended, prepared, last)

    def _attempts(self, prepared: Prepared, last: Last) -> Callable[[Send], Awaitable[Reply]]:
        async def attempt(send: Send) -> Reply:
            ready = prepared.rebuilt(send)
            asked = traced(ready.copy_for(send), self.inner)
            response: httpx.Response | None = None
            around = sys.exception()
            try:
                with awithin(send.within):
                    response = await self.inner.handle_async_request(asked)
                    reply = await _aanswered(response, asked, ready)
            except RAISED as error:
                reply = fault_of(error, asked, ready.body, response, around)
            except TimeoutError:
                if send.within is None:  # a body's own, not the deadline's
                    raise
                reply = out_of_time(asked, ready.body, response)
            return last.keep(reply, aside=ready.is_aside)

        return attempt

    async def end_run(self, *, force: bool = False) -> Summary | None:
        """End the run: see `failwell.AsyncClient.end_run`."""
        from failwell.clients.runs import ending, sends_nothing

        return await adrive(ending(self.seam.book, force), sends_nothing, self.seam.rim)

    async def aclose(self) -> None:
        """Close the transport below, and the store that was opened for this one by its URL."""
        await self.inner.aclose()
        self._kept.close()


def _answered(response: httpx.Response, asked: httpx.Request, prepared: Prepared) -> Reply:
    reading = Reading(prepared, asked)
    if not _is_read(response, prepared):
        return answer(handed_out(response, SyncStream(response, reading)), asked, None)
    assert isinstance(response.stream, httpx.SyncByteStream)
    try:
        raw = b"".join(response.stream)
    finally:
        response.close()
    return answer(rebuilt(response, raw), asked, decoded(response, raw))


async def _aanswered(response: httpx.Response, asked: httpx.Request, prepared: Prepared) -> Reply:
    reading = Reading(prepared, asked)
    if not _is_read(response, prepared):
        return answer(handed_out(response, AsyncStream(response, reading)), asked, None)
    assert isinstance(response.stream, httpx.AsyncByteStream)
    try:
        raw = b"".join([chunk async for chunk in response.stream])
    finally:
        await response.aclose()
    return answer(rebuilt(response, raw), asked, decoded(response, raw))


def _is_read(response: httpx.Response, prepared: Prepared) -> bool:
    return prepared.is_aside or is_judged_whole(prepared.terms.contract, prepared.request, response)


def _handed_on(ended: Done | FailwellError, prepared: Prepared, last: Last) -> httpx.Response:
    """The answer that ended the call, with its account. Raises the error where none did."""
    response: httpx.Response | None = last.answer(ended, partial(_made, prepared))
    if response is None:
        raise last.raised(ended, THEIRS)
    response.extensions[EXTENSION] = account = Account.of(ended)
    latest.set(account)
    return response


def _made(prepared: Prepared, done: Done) -> httpx.Response:
    """An answer that came in another's body: one that the API had kept, or a record that was
    found."""
    told = done.response
    fields = {name: value for name, value in told.headers.items() if name.lower() not in _CODED}
    status = status_for(done, prepared.terms.contract, prepared.request)
    return httpx.Response(status, headers=fields, stream=httpx.ByteStream(told.body or b""))


_CODED = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""What tells how a body came over the wire, from which it was taken already."""
