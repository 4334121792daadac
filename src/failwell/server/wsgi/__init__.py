"""The server half for WSGI: `wrap` goes around everything, `idempotent` around a route.

The twin of `failwell.server.asgi`, for servers that call and wait. Source: PEP 3333.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from failwell.contract import Contract
from failwell.journal import Journal
from failwell.server.context import begin_serving, end_serving
from failwell.server.exchange import Answer, Exchange
from failwell.server.guard import single_tenant
from failwell.server.turn import is_events
from failwell.server.wsgi.environ import (
    App,
    Environ,
    ExcInfo,
    StartResponse,
    Write,
    fields_of,
    path_of,
    raw,
    status_line,
    text,
)
from failwell.server.wsgi.keyed import idempotent
from failwell.server.wsgi.quota import limited

__all__ = ["App", "Environ", "StartResponse", "idempotent", "limited", "single_tenant", "wrap"]

_KNOWN = "failwell.request"
"""Where the environ of a request holds its context, for a wrapper inside another."""


def wrap(app: App, contract: Contract, *, journal: Journal | None = None) -> App:
    """The app, whose every error leaves in the contract's envelope, with a request id.

    Put it outermost, around the framework. A caller's request id is taken over where the contract
    allows it, and replaced by a new one otherwise. An exception that nobody handled becomes a 500
    without a word of its cause, and is logged with its traceback under "failwell.server"; one that
    comes after the answer has begun is raised on, for the server to cut the connection, but for a
    stream of server-sent events, which ends with an `error` event. `journal` is told of every
    failure. A success is passed on as it comes, and a list or a file as the object that it is.
    """

    def wrapped(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        method, path, fields = environ["REQUEST_METHOD"], path_of(environ), fields_of(environ)
        exchange = Exchange(contract, method, path, fields, journal, environ.get(_KNOWN))
        environ[_KNOWN] = exchange.context
        answering = _Answering(exchange, start_response)
        token = begin_serving(exchange.context)
        try:
            result = app(environ, answering.start)
            return answering.of(result, environ.get("wsgi.file_wrapper"))
        except Exception as error:
            return [answering.failed(error)]
        finally:
            end_serving(token)

    return wrapped


class _Answering:
    """The answer of one request, held back only where it may have to be written anew.

    It is the iterable that the server is given. What the app starts is passed on with its first
    piece; from the first piece that is not empty, nothing can be taken back.
    """

    def __init__(self, exchange: Exchange, start_response: StartResponse) -> None:
        self._exchange = exchange
        self._start_response = start_response
        self._said: tuple[str, list[tuple[str, str]]] | None = None
        self._exc_info: ExcInfo | None = None
        self._write: Write | None = None
        self._is_out = False
        self._is_over = False
        self._body = bytearray()
        self._chunks: Iterator[bytes] = iter(())
        self._source: object = None

    def start(self, status: str, headers: Any, exc_info: ExcInfo | None = None) -> Write:
        """The `start_response` of the app."""
        if exc_info is not None:
            self._replaced(exc_info)
        elif self._said is not None:
            raise AssertionError("start_response was called a second time without exc_info")
        self._said = status, headers
        return self._written

    def of(self, result: Iterable[bytes], file_wrapper: object) -> Iterable[bytes]:
        """What to give to the server for what the app has returned."""
        is_file = isinstance(file_wrapper, type) and isinstance(result, file_wrapper)
        if (is_file or isinstance(result, list | tuple)) and self._said and not self._is_error:
            self._begin()
            return result
        self._source = result
        self._chunks = iter(result)
        return self

    def failed(self, error: Exception) -> bytes:
        """The last bytes after an exception of the app. Raises it where nothing can be said."""
        self._is_over = True
        if not self._is_out:
            exc_info = type(error), error, error.__traceback__
            fields = raw(self._said[1]) if self._said else []
            return self._give(self._exchange.of_exception(error, fields), exc_info)
        last_words = self._exchange.broken_off(error)
        if self._said is None or not is_events(self._said[1]):
            raise error
        return b"event: error\ndata: %b\n\n" % last_words

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._is_over:
            raise StopIteration
        token = begin_serving(self._exchange.context)
        try:
            return self._next()
        except Exception as error:
            if isinstance(error, StopIteration):
                raise
            return self.failed(error)
        finally:
            end_serving(token)

    def close(self) -> None:
        """Let the app clean up, whether its answer was read to the end or not."""
        close = getattr(self._source, "close", None)
        if close is not None:
            token = begin_serving(self._exchange.context)
            try:
                close()
            finally:
                end_serving(token)

    @property
    def _is_error(self) -> bool:
        return self._said is not None and self._said[0][:1] in "45"

    def _next(self) -> bytes:
        for chunk in self._chunks:
            if self._said is None and not chunk:
                continue
            if not self._is_error:
                return self._passed(chunk)
            self._body += chunk
        self._is_over = True
        if self._said is None:
            return self._give(self._exchange.of_silence(), None)
        if self._is_error:
            status, fields = int(self._said[0][:3]), raw(self._said[1])
            answer = self._exchange.of_answer(status, fields, bytes(self._body))
            return self._give(answer, self._exc_info)
        self._begin()
        raise StopIteration

    def _passed(self, chunk: bytes) -> bytes:
        self._begin()
        self._is_out = self._is_out or bool(chunk)
        return chunk

    def _written(self, data: bytes) -> None:
        """The `write` of the app."""
        if self._is_error:
            self._body += data
            return
        self._passed(data)
        cast("Write", self._write)(data)

    def _begin(self) -> None:
        """Pass a success on, with the headers that every answer carries."""
        if self._said is None:
            raise AssertionError("the app gave a body before it called start_response")
        if self._write is None:
            status, headers = self._said
            signed = text(self._exchange.signed(raw(headers)))
            self._write = self._start_response(status, signed)

    def _replaced(self, exc_info: ExcInfo) -> None:
        """The app gives another answer, for something went wrong."""
        if self._is_out:
            raise exc_info[1].with_traceback(exc_info[2])
        self._exc_info = exc_info
        if isinstance(exc_info[1], Exception):
            self._exchange.context.raised = exc_info[1]
        self._body.clear()

    def _give(self, answer: Answer, exc_info: ExcInfo | None) -> bytes:
        again = () if self._write is None else (exc_info,)
        self._start_response(status_line(answer.status), text(answer.fields), *again)
        return answer.body
