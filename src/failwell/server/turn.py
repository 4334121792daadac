"""Keyed writes of a server that blocks: each has its turn, or the answer of an earlier one."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Unpack, cast

from failwell.actions import Store
from failwell.contract import Contract
from failwell.drive import Rim, Stepped
from failwell.events import StoreFailed
from failwell.flows.serve import BrokenOffError, Served, Terms, serve
from failwell.model import Headers, Request, Response
from failwell.policy.idempotency import Renew
from failwell.server.context import writing
from failwell.server.guard import KEPT_ANSWER, Asked, Guard, Settings, logger
from failwell.server.kept import kept
from failwell.server.outage import Outage
from failwell.server.types import Fields
from failwell.server.write import Write

Pairs = list[tuple[str, str]]
"""Header fields as text."""


class Turns:
    """The keyed writes of one set of settings; `store` is an object or a URL.

    Raises `ValueError` where `Guard` does, `TypeError` for a store that must be awaited.
    """

    def __init__(
        self, contract: Contract, store: Store | str, **settings: Unpack[Settings]
    ) -> None:
        if not isinstance(store, str) and inspect.iscoroutinefunction(store.update):
            raise TypeError(f"{type(store).__name__} must be awaited: give a store that blocks")
        self._guard = Guard(contract, **settings)
        self._outage = Outage(logger, "the store of idempotent writes")
        self._store = cast("Store", kept(store, self._outage))
        self._rim = Rim(store=self._store, hooks=(self._outage,))

    def key_of(self, method: str, fields: Fields) -> str | None:
        """The key of a request; None where there is none and none is needed."""
        return self._guard.key_of(method, fields)

    def take(self, asked: Asked) -> Turn:
        """The turn of this write, once it has come.

        Raises the contract's own failure where it does not come.
        """
        terms = self._guard.terms(asked)
        request = Request(method=asked.method, url=asked.path, key=asked.key)
        flow = Stepped(serve(request, terms, time.monotonic()), self._rim)
        if flow.sends is None or flow.sends.request.key is None:
            return Turn(flow)
        write = self._guard.write(terms, asked.key)
        return Turn(flow, write, _Heartbeat(terms, self._store, self._outage))


class Turn:
    """One keyed write. `served` is the answer to give where there is nothing to run.

    Else run the handler inside `running()`, and say how that ended: `done` or `failed`. The key is
    held from the one to the other.
    """

    def __init__(
        self,
        flow: Stepped[Served],
        write: Write | None = None,
        beat: _Heartbeat | None = None,
    ) -> None:
        self._flow = flow
        self._write = write or Write(None)
        self._beat = beat
        self.served = flow.result

    @contextmanager
    def running(self) -> Generator[None]:
        """What its handler runs inside of, or the next piece of its answer.

        Where it is cancelled, or its worker told to go, nobody will say how it ended: the lease
        runs out.
        """
        if self._beat is not None:
            self._beat.start()
        try:
            with writing(self._write):
                yield
        except Exception:
            raise
        except BaseException:
            self._stop()
            raise

    def done(self, status: int, fields: Pairs, body: bytes | None) -> Served:
        """The handler has answered; `body` is None where it cannot be kept. What to give."""
        kept = body if body is not None and len(body) <= KEPT_ANSWER else None
        headers = Headers(dict(fields))
        response = Response(status=status, headers=headers, body=kept, native=fields)
        try:
            return self._told(self._flow.answer(response))
        finally:
            self._stop()

    def failed(self, error: Exception) -> Served:
        """The handler has raised: the answer that it had committed before. Raises where it had
        committed none."""
        try:
            return self._told(self._flow.fail(error))
        finally:
            self._stop()

    def _told(self, served: Served) -> Served:
        if served.error is not None:
            logger.error("a keyed write failed after its commit", exc_info=served.error)
        return served

    def _stop(self) -> None:
        if self._beat is not None:
            self._beat.stop()


class _Heartbeat:
    """Renews the lease of a running write, in a thread of its own."""

    def __init__(self, terms: Terms, store: Store, outage: Outage) -> None:
        self._terms = terms
        self._store = store
        self._outage = outage
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Renew from now on; to start twice is to start once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True, name="failwell-lease")
            self._thread.start()

    def stop(self) -> None:
        """Let the lease run out."""
        self._over.set()

    def _run(self) -> None:
        lease = self._terms.lease
        renewal = Renew(token=self._terms.token, lease=lease)
        while not self._over.wait(lease / 3):
            try:
                self._store.update(self._terms.slot, renewal)
            except Exception as error:
                self._outage(StoreFailed(error, "the lease of a running write was not renewed"))


class Tee:
    """A stream on its way to the caller, kept as far as answers are kept.

    Only its last piece waits until it is. Server-sent events wait for nothing, and are not kept.
    `source` is what is to be closed in the end, where that is not `chunks`.
    """

    def __init__(
        self,
        turn: Turn,
        status: int,
        fields: Pairs,
        chunks: Iterable[bytes],
        source: object = None,
    ) -> None:
        self._turn = turn
        self._start = status, fields
        self._chunks = iter(chunks)
        self._source = chunks if source is None else source
        self._is_events = is_events(fields)
        self._kept: bytearray | None = None if self._is_events else bytearray()
        self._held = b""
        self._is_over = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while not self._is_over:
            with self._turn.running():
                piece = self._next()
            if piece:
                return piece
        raise StopIteration

    def close(self) -> None:
        """Let go; a stream that was not read to its end is not kept."""
        if not self._is_over:
            self._end(None)
        close = getattr(self._source, "close", None)
        if close is not None:
            close()

    def _next(self) -> bytes:
        try:
            chunk = next(self._chunks, None)
        except Exception as error:
            self._is_over = True
            self._turn.failed(BrokenOffError(error) if self._start[0] < 400 else error)
            raise
        if chunk is None:
            self._end(None if self._kept is None else bytes(self._kept))
            return self._held
        if self._is_events:
            return chunk
        self._keep(chunk)
        held, self._held = self._held, chunk
        return held

    def _keep(self, chunk: bytes) -> None:
        if self._kept is not None:
            self._kept += chunk
            if len(self._kept) > KEPT_ANSWER:
                self._kept = None

    def _end(self, body: bytes | None) -> None:
        self._is_over = True
        self._turn.done(*self._start, body)


def is_events(fields: Pairs) -> bool:
    """Whether these header fields announce server-sent events."""
    return any(k.lower() == "content-type" and v[:17] == "text/event-stream" for k, v in fields)
