"""A streamed answer whose faults are failwell's exceptions, and that keeps to the deadline.

It is never asked for again: its first byte may be in the caller's hands.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import httpx2

from failwell.clients.httpx2.attempt import content_type, fault_of, out_of_time, raised
from failwell.clients.httpx2.prepared import Prepared
from failwell.clients.limits import awithin, within
from failwell.errors import FailwellError
from failwell.flows.call import broken_off
from failwell.model import Fault
from failwell.policy import promise


class _Guard:
    """What both streams know: the call, the answer that began, and when it must be over."""

    def __init__(self, response: httpx2.Response, prepared: Prepared) -> None:
        self._inner = response.stream
        self._response = response
        self._prepared = prepared

    def translated(self, error: Exception) -> FailwellError:
        """The exception to raise in the place of httpx2's."""
        return self._broken(
            fault_of(error, self._response.request, self._prepared.body, self._began())
        )

    def late(self) -> FailwellError:
        """The exception to raise where the deadline has passed."""
        return self._broken(out_of_time(self._response.request, self._prepared.body, self._began()))

    def promised(self, body: bytes) -> bytes:
        """The whole body, where it is what was promised. Raises `BadResponseError` where not."""
        contract, response = self._prepared.standing.contract, self._response
        label, status = content_type(response), response.status_code
        if promise.is_kept(contract, self._prepared.request, status, label, body):
            return body
        raise self.translated(httpx2.DecodingError("the answer is JSON that is cut or broken"))

    def _began(self) -> httpx2.Response | None:
        """The answer that began; None where it is to another request, that a redirect made."""
        is_direct = self._response.request.method == self._prepared.request.method
        return self._response if is_direct else None

    def _broken(self, fault: Fault) -> FailwellError:
        request, terms = self._prepared.request, self._prepared.terms
        before = self._response.extensions.get("failwell_attempts", ())
        return broken_off(request, terms, fault, time.monotonic(), before)

    def left(self) -> float | None:
        """Seconds that the call has left; None for no deadline."""
        ends = self._prepared.ends
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
            chunk = self._next(chunks)
            if isinstance(chunk, FailwellError):
                raise chunk from chunk.__cause__
            if chunk is None:
                return
            yield chunk

    def _next(self, chunks: Iterator[bytes]) -> bytes | FailwellError | None:
        try:
            with within(self.left()):
                return next(chunks, None)
        except raised() as error:
            return self.translated(error)

    def close(self) -> None:
        assert isinstance(self._inner, httpx2.SyncByteStream)
        self._inner.close()


class AsyncStream(_Guard, httpx2.AsyncByteStream):
    """The answer's own stream, guarded."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._inner, httpx2.AsyncByteStream)
        chunks = self._inner.__aiter__()
        while True:
            chunk = await self._next(chunks)
            if isinstance(chunk, FailwellError):
                raise chunk from chunk.__cause__
            if chunk is None:
                return
            yield chunk

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes | FailwellError | None:
        try:
            with awithin(self.left()):
                return await anext(chunks, None)
        except TimeoutError:
            return self.late()
        except raised() as error:
            return self.translated(error)

    async def aclose(self) -> None:
        assert isinstance(self._inner, httpx2.AsyncByteStream)
        await self._inner.aclose()


class _Decoder:
    """The answer's content decoder, whose errors are failwell's."""

    def __init__(self, inner: Any, stream: _Guard) -> None:
        self._inner = inner
        self._stream = stream

    def decode(self, data: bytes) -> Iterator[bytes]:
        yield from self._checked(self._inner.decode(data))

    def flush(self) -> Iterator[bytes]:
        yield from self._checked(self._inner.flush())

    def _checked(self, decoded: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from decoded
        except httpx2.DecodingError as error:
            failed = self._stream.translated(error)
        else:
            return
        raise failed from failed.__cause__


def guard(
    response: httpx2.Response, prepared: Prepared, kind: type[SyncStream] | type[AsyncStream]
) -> None:
    """Make whatever goes wrong while the answer is read failwell's exception; where it is read as
    a whole, also that it is not what was promised."""
    stream = response.stream = kind(response, prepared)
    if isinstance(stream, SyncStream):
        response.read = partial(_read, response, stream)  # type: ignore[method-assign]
    else:
        response.aread = partial(_aread, response, stream)  # type: ignore[method-assign]
    decoder = getattr(response, "_get_content_decoder", None)
    if decoder is not None and "content-encoding" in response.headers:
        response._decoder = _Decoder(decoder(), stream)  # type: ignore[assignment]


def _read(response: httpx2.Response, stream: _Guard) -> bytes:
    return stream.promised(type(response).read(response))


async def _aread(response: httpx2.Response, stream: _Guard) -> bytes:
    return stream.promised(await type(response).aread(response))


def unreadable(error: httpx2.SSEError, response: httpx2.Response) -> FailwellError:
    """The exception for an answer that is not the stream of events that was asked for."""
    assert isinstance(response.stream, _Guard)
    error.request = httpx2.Request(response.request.method, "")
    return response.stream.translated(error)
