"""A streamed answer over httpx whose faults are of both families, and that keeps to the deadline.

It is never asked for again: its first byte may be in the caller's hands.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx

from failwell.clients import families
from failwell.clients.httpx.attempt import RAISED, fault_of, out_of_time
from failwell.clients.httpx.prepare import EXTENSION, Prepared
from failwell.clients.limits import awithin, within
from failwell.errors import FailwellError
from failwell.flows.call import broken_off
from failwell.model import Fault
from failwell.policy import deadline


class Reading:
    """One call whose answer has begun, and what goes wrong while it is read."""

    def __init__(self, prepared: Prepared, asked: httpx.Request) -> None:
        self._prepared = prepared
        self._asked = asked

    def failed(self, error: Exception, began: httpx.Response) -> FailwellError:
        """The exception to raise in the place of httpx's."""
        return self._broken(fault_of(error, self._asked, self._prepared.body, began), began)

    def late(self, began: httpx.Response) -> FailwellError:
        """The exception to raise where the deadline has passed."""
        return self._broken(out_of_time(self._asked, self._prepared.body, began), began)

    def garbled(self, error: httpx.DecodingError, began: httpx.Response) -> Exception:
        """The exception to raise for a body that is not in its content coding."""
        if isinstance(error, FailwellError):
            return error
        broken: Any = self.failed(error, began)
        broken.request = self._asked  # as httpx does for what is raised below the coding
        return broken  # type: ignore[no-any-return]

    def _broken(self, fault: Fault, began: httpx.Response) -> FailwellError:
        assert fault.cause is not None
        call, before = self._prepared, began.extensions[EXTENSION].attempts
        error = broken_off(call.request, call.terms, fault, time.monotonic(), before)
        return families.joined(call.broken(error), type(fault.cause))

    def left(self) -> float | None:
        """Seconds that the call has left; None for no deadline."""
        return deadline.left(self._prepared.terms.ends, time.monotonic())


class SyncStream(httpx.SyncByteStream):
    """The answer's own stream, guarded."""

    def __init__(self, response: httpx.Response, reading: Reading) -> None:
        assert isinstance(response.stream, httpx.SyncByteStream)
        self._inner = response.stream
        self.began: httpx.Response = response
        self.reading = reading

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
            with within(self.reading.left()):
                return read()
        except RAISED as error:
            return self.reading.failed(error, self.began)

    def close(self) -> None:
        self._inner.close()


class AsyncStream(httpx.AsyncByteStream):
    """The answer's own stream, guarded."""

    def __init__(self, response: httpx.Response, reading: Reading) -> None:
        assert isinstance(response.stream, httpx.AsyncByteStream)
        self._inner = response.stream
        self.began: httpx.Response = response
        self.reading = reading

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
            with awithin(self.reading.left()):
                return await anext(chunks, None)
        except TimeoutError:
            return self.reading.late(self.began)
        except RAISED as error:
            return self.reading.failed(error, self.began)

    async def aclose(self) -> None:
        await self._inner.aclose()


class _HandedOut(httpx.Response):
    """An answer that httpx decodes while it is read, as ever; a body that is not in its coding is
    of both families."""

    reading: Reading

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        try:
            yield from super().iter_bytes(chunk_size)
            return
        except httpx.DecodingError as error:
            broken = self.reading.garbled(error, self)
        raise broken

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        try:
            async for chunk in super().aiter_bytes(chunk_size):
                yield chunk
            return
        except httpx.DecodingError as error:
            broken = self.reading.garbled(error, self)
        raise broken

    def __getstate__(self) -> dict[str, Any]:
        """Once it is read, there is nothing left to go wrong."""
        state: dict[str, Any] = super().__getstate__()
        del state["reading"]
        return state


def handed_out(response: httpx.Response, stream: SyncStream | AsyncStream) -> httpx.Response:
    """The answer, for whoever asked to read by this stream."""
    if "content-encoding" not in response.headers:
        response.stream = stream
        return response
    out = stream.began = _HandedOut(
        response.status_code,
        headers=response.headers,
        stream=stream,
        extensions=response.extensions,
    )
    out.reading = stream.reading
    return out
