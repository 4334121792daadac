"""A streamed answer whose faults are failwell's exceptions, and that keeps to the deadline.

It is never asked for again: its first byte may be in the caller's hands.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import AsyncIterator, Iterator

import anyio
import httpx2

from failwell.clients.httpx2 import sockets
from failwell.clients.httpx2.attempt import RAISED, fault_of, out_of_time
from failwell.clients.httpx2.prepare import Prepared
from failwell.errors import FailwellError
from failwell.flows.call import broken_off
from failwell.model import Fault


class _Guard:
    """What both streams know: the call, the answer that began, and when it must be over."""

    def __init__(self, response: httpx2.Response, prepared: Prepared) -> None:
        self._inner = response.stream
        self._response = response
        self._prepared = prepared

    def translated(self, error: Exception) -> FailwellError:
        """The exception to raise in the place of httpx2's."""
        return self._broken(
            fault_of(error, self._response.request, self._prepared.body, self._response)
        )

    def late(self) -> FailwellError:
        """The exception to raise where the deadline has passed."""
        return self._broken(
            out_of_time(self._response.request, self._prepared.body, self._response)
        )

    def _broken(self, fault: Fault) -> FailwellError:
        return broken_off(self._prepared.request, self._prepared.terms, fault, time.monotonic())

    def left(self) -> float | None:
        """Seconds that the call has left; None for no deadline."""
        ends = self._prepared.terms.ends
        return None if ends is None else max(ends - time.monotonic(), 0.0)

    @property
    def elapsed(self) -> datetime.timedelta | None:
        """As httpx2's own streams have it, once they are closed."""
        return getattr(self._inner, "elapsed", None)


class SyncStream(_Guard, httpx2.SyncByteStream):
    """The answer's own stream, guarded."""

    def __iter__(self) -> Iterator[bytes]:
        assert isinstance(self._inner, httpx2.SyncByteStream)
        chunks = iter(self._inner)
        while True:
            try:
                with sockets.within(self.left()):
                    chunk = next(chunks, None)
            except RAISED as error:
                failed = self.translated(error)
                raise failed from failed.__cause__
            if chunk is None:
                return
            yield chunk

    def close(self) -> None:
        assert isinstance(self._inner, httpx2.SyncByteStream)
        self._inner.close()


class AsyncStream(_Guard, httpx2.AsyncByteStream):
    """The answer's own stream, guarded."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._inner, httpx2.AsyncByteStream)
        chunks = self._inner.__aiter__()
        while True:
            try:
                with anyio.fail_after(self.left()):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                failed = self.late()
                raise failed from failed.__cause__
            except RAISED as error:
                failed = self.translated(error)
                raise failed from failed.__cause__
            if chunk is None:
                return
            yield chunk

    async def aclose(self) -> None:
        assert isinstance(self._inner, httpx2.AsyncByteStream)
        await self._inner.aclose()
