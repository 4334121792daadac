"""Keyed writes that run once, for WSGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Unpack

from failwell.actions import Store
from failwell.contract import Contract
from failwell.flows.serve import Served
from failwell.policy.disclosure import stands_for
from failwell.server.context import current
from failwell.server.guard import Settings, outcome_of
from failwell.server.guard import fields_of as fields_of_record
from failwell.server.turn import Pairs, Tee, Turn, Turns, is_events
from failwell.server.wsgi.environ import (
    App,
    Environ,
    ExcInfo,
    StartResponse,
    Write,
    asked_of,
    fields_of,
    read,
    status_line,
)


class idempotent:  # noqa: N801
    """Makes keyed writes run once: call it with the app.

    `store` is an object or a URL. `caller(environ)` names who is asking: the same key of two
    callers is two keys (`single_tenant` where there is only one). The other settings are those of
    `failwell.server.guard.Settings`.

    A key that is missing where it is required, malformed, used with another body or still running
    raises the contract's own failure, for `wrap` to render.

    Raises `ValueError` for a setting that is out of range, and for a contract whose catalogue
    lacks the codes that its `idempotency` names.
    """

    def __init__(
        self,
        contract: Contract,
        store: Store | str,
        *,
        caller: Callable[[Environ], str],
        **settings: Unpack[Settings],
    ) -> None:
        self._contract = contract
        self._caller = caller
        self._turns = Turns(contract, store, **settings)

    def __call__(self, app: App) -> App:
        """The app, whose keyed writes run once."""

        def once(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            key = self._turns.key_of(environ["REQUEST_METHOD"], fields_of(environ))
            if key is None:
                return app(environ, start_response)
            body = read(environ, self._contract)
            who = self._caller(environ)
            turn = self._turns.take(asked_of(environ, caller=who, key=key, body=body))
            if turn.served is not None:
                return _give(turn.served, start_response)
            return _Handler(self._contract, turn, start_response).run(app, environ)

        return once


def _give(served: Served, start_response: StartResponse) -> list[bytes]:
    start_response(status_line(served.answer.status), fields_of_record(served))
    return [served.answer.body]


class _Handler:
    """The app behind a key. A whole answer leaves only when it is kept; a stream flows on."""

    def __init__(self, contract: Contract, turn: Turn, start_response: StartResponse) -> None:
        self._contract = contract
        self._turn = turn
        self._start_response = start_response
        self._said: tuple[str, Pairs] | None = None
        self._flows = False
        self._written: list[bytes] = []

    def run(self, app: App, environ: Environ) -> Iterable[bytes]:
        """The app's answer, or the one that it committed before it failed."""
        result: Iterable[bytes] = ()
        try:
            with self._turn.running():
                result = app(environ, self._start)
                chunks = iter(result)
                first = self._pieces(chunks)
        except Exception as error:
            _close(result)
            return _give(self._turn.failed(error), self._start_response)
        if self._flows:
            return self._stream(chain(first, chunks), result)
        _close(result)
        return self._whole(b"".join(first))

    def _start(self, status: str, headers: Any, exc_info: ExcInfo | None = None) -> Write:
        """The `start_response` of the app."""
        if exc_info is not None:
            self._replaced(exc_info)
        self._said = status, list(headers)
        return self._written.append

    def _replaced(self, exc_info: ExcInfo) -> None:
        if self._flows:
            raise exc_info[1].with_traceback(exc_info[2])
        request = current()
        if request is not None and isinstance(exc_info[1], Exception):
            request.raised = exc_info[1]
        self._written.clear()

    def _pieces(self, chunks: Iterator[bytes]) -> list[bytes]:
        """All pieces of a whole answer, or the first ones of a stream. Two that are not empty make
        a stream, and so does the first of server-sent events."""
        pieces: list[bytes] = []
        for chunk in chunks:
            if not chunk:
                continue
            pieces.append(chunk)
            if len(pieces) == 2 or is_events(self._started[1]):
                self._flows = True
                break
        return self._written + pieces

    @property
    def _started(self) -> tuple[str, Pairs]:
        if self._said is None:
            raise RuntimeError("the app behind a keyed write gave no answer")
        return self._said

    def _stream(self, chunks: Iterable[bytes], source: Iterable[bytes]) -> Iterable[bytes]:
        status, fields = self._started
        self._start_response(status, fields)
        return Tee(self._turn, int(status[:3]), fields, chunks, source)

    def _whole(self, body: bytes) -> Iterable[bytes]:
        status, fields = self._started
        request = current()
        raised = request.raised if request is not None else None
        code = int(status[:3])
        if raised is not None and code >= 400 and stands_for(self._contract, code, raised):
            return _give(self._turn.failed(raised), self._start_response)
        served = self._turn.done(code, fields, body)
        if served.from_record:
            return _give(served, self._start_response)
        self._start_response(status, fields + outcome_of(served))
        return [body]


def _close(result: object) -> None:
    close = getattr(result, "close", None)
    if close is not None:
        close()
