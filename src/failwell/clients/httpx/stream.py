"""A streamed answer over httpx whose faults are of both families, and that keeps to the deadline.

It is never asked for again: its first byte may be in the caller's hands.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator

import httpx

from failwell.clients import families
from failwell.clients.httpx.attempt import RAISED, fault_of, out_of_time
from failwell.clients.httpx.body import Body
from failwell.clients.httpx.prepare import EXTENSION
from failwell.clients.limits import awithin, within
from failwell.errors import FailwellError
from failwell.flows.call import broken_off
from failwell.flows.terms import Terms
from failwell.model import Fault, Request
from failwell.policy import deadline


class Reading:
    """One call whose answer has begun, and what goes wrong while it is read."""

    def __init__(
        self, request: Request, terms: Terms, asked: httpx.Request, body: Body | None
    ) -> None:
        self._request = request
        self._terms = terms
        self._asked = asked
        self._body = body

    def failed(self, error: Exception, began: httpx.Response) -> FailwellError:
        """The exception to raise in the place of httpx's."""
        return self._broken(fault_of(error, self._asked, self._body, began), began)

    def late(self, began: httpx.Response) -> FailwellError:
        """The exception to raise where the deadline has passed."""
        return self._broken(out_of_time(self._asked, self._body, began), began)

    def _broken(self, fault: Fault, began: httpx.Response) -> FailwellError:
        assert fault.cause is not None
        before = began.extensions[EXTENSION].attempts
        error = broken_off(self._request, self._terms, fault, time.monotonic(), before)
        return families.joined(error, type(fault.cause))

    def left(self) -> float | None:
        """Seconds that the call has left; None for no deadline."""
        return deadline.left(self._terms.ends, time.monotonic())


class SyncStream(httpx.SyncByteStream):
    """The answer's own stream, guarded."""

    def __init__(self, response: httpx.Response, reading: Reading) -> None:
        assert isinstance(response.stream, httpx.SyncByteStream)
        self._inner = response.stream
        self._response = response
        self._reading = reading

    def __iter__(self) -> Iterator[bytes]:
        chunks = iter(self._inner)
        while True:
            chunk = self._next(lambda: next(chunks, None))
            if isinstance(chunk, FailwellError):
                raise chunk
            if chunk is None:
                return
            yield chunk

    def _next(self, read: Callable[[], bytes | None]) -> bytes | FailwellError | None:
        try:
            with within(self._reading.left()):
                return read()
        except RAISED as error:
            return self._reading.failed(error, self._response)

    def close(self) -> None:
        self._inner.close()


class AsyncStream(httpx.AsyncByteStream):
    """The answer's own stream, guarded."""

    def __init__(self, response: httpx.Response, reading: Reading) -> None:
        assert isinstance(response.stream, httpx.AsyncByteStream)
        self._inner = response.stream
        self._response = response
        self._reading = reading

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = self._inner.__aiter__()
        while True:
            chunk = await self._next(chunks)
            if isinstance(chunk, FailwellError):
                raise chunk
            if chunk is None:
                return
            yield chunk

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes | FailwellError | None:
        try:
            with awithin(self._reading.left()):
                return await anext(chunks, None)
        except TimeoutError:
            return self._reading.late(self._response)
        except RAISED as error:
            return self._reading.failed(error, self._response)

    async def aclose(self) -> None:
        await self._inner.aclose()
