"""`failwell.Client`: httpx2's client, that lives with failing APIs.

All that people know of httpx2 works on. What differs: an answer of 400 and above, an answer that
is not what was promised, and every transport fault raise failwell's exceptions; what is proven
safe is sent again; and each failed write says whether it took effect.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx2

from failwell.actions import AsyncStore, Send, Store
from failwell.clients.httpx2 import hops
from failwell.clients.httpx2.attempt import (
    answer,
    answered,
    fault_of,
    keep_refusal,
    raised,
    read_refusal,
    refusal_of,
)
from failwell.clients.httpx2.body import SyncBody
from failwell.clients.httpx2.configured import Configured
from failwell.clients.httpx2.first import first
from failwell.clients.limits import within
from failwell.contract import Contract
from failwell.dialects.generic import GENERIC
from failwell.drive import drive
from failwell.errors import FailwellError
from failwell.model import Reply
from failwell.policy import deadline
from failwell.settings import Policy

if TYPE_CHECKING:
    from failwell.clients.httpx2.first import How
    from failwell.clients.httpx2.prepared import Prepared
    from failwell.events import Hook
    from failwell.flows.runs import Summary
    from failwell.flows.settle import Settled

_DEFAULT = Policy()


class Client(Configured, httpx2.Client):
    """httpx2's client, over an API whose failures a `contract` declares.

    Below 400 a call returns httpx2's response. Otherwise, and on every transport fault, it raises
    a `FailwellError` of the class that the contract gives to the failure. `store` is where policy
    state lives: an object, or a URL for `failwell.stores.open`. `run` names a run whose writes are
    kept there, so that a script that is begun again buys nothing twice. `hooks` are told of each
    attempt that failed. All other arguments are httpx2's.

    Raises `FailwellError`; `InvalidRequestError` for what is refused before it is sent.
    """

    _keep_refusal = staticmethod(keep_refusal)

    def __init__(
        self,
        *,
        contract: Contract = GENERIC,
        policy: Policy = _DEFAULT,
        store: Store | AsyncStore | str | None = None,
        run: str | None = None,
        hooks: Sequence[Hook] = (),
        **arguments: Any,
    ) -> None:
        from failwell.clients.origin import only_sync, opened, run_of, sync_store

        super().__init__(**arguments)
        self._check(contract, policy, hooks)
        kept = only_sync(opened(store))
        self._own_store = kept if isinstance(store, str) else None
        book, durable = run_of(run, kept)
        self._configure(contract, policy, sync_store(kept), hooks, time.sleep, book, durable)
        for transport in (self._transport, *self._mounts.values()):
            _bind(transport)

    def send(self, request: httpx2.Request, *, stream: bool = False, **how: Any) -> httpx2.Response:
        """Send a request: one call, of as many attempts as it takes and as are safe."""
        now = time.monotonic()
        settings = self._settings_of(how)
        prepared = settings.prepare(request, now, self)
        begun = None
        if not stream and settings.near is not None:
            left = deadline.left(prepared.ends, now)
            asked = prepared.copy_for(1, left, SyncBody, self.timeout)
            made = first(settings, prepared, asked, self._transmit, how, now)
            if isinstance(made, httpx2.Response):
                return made
            begun = made
        from failwell.clients.httpx2.course import course, hand_over

        attempt = settings.armed(self._attempts(prepared, stream, how))
        done = drive(course(prepared, now, begun), attempt, settings.rim)
        return hand_over(done, prepared, sync=True, stream=stream)

    def close(self) -> None:
        """Close the connections, and the store that was opened for this client by its URL."""
        super().close()
        self._close_own_store()

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self._close_own_store()

    @contextmanager
    def sse(self, *args: Any, **kwargs: Any) -> Generator[httpx2.EventSource]:
        """httpx2's own, whose faults are failwell's exceptions, too."""
        with super().sse(*args, **kwargs) as events:
            try:
                yield events
            except httpx2.SSEError as error:
                from failwell.clients.httpx2.stream import unreadable

                raise unreadable(error, events.response) from None

    def settle(
        self,
        error: FailwellError,
        *,
        content: bytes | None = None,
        headers: Any = None,
        auth: Any = httpx2.USE_CLIENT_DEFAULT,
    ) -> Settled:
        """What became of a failed write, found out now: see `failwell.Settled`.

        `error` may come from another process or another day. With a key that the API honours, or
        an idempotent method, the same request is sent again: it reads what came of the first one,
        or carries it out, once. What the error did not keep of the request is given again: its body
        as `content`, secret header fields and an auth of its own as `headers` and `auth`.

        Raises `InvalidRequestError` for what is no error of failwell's.
        """
        from failwell.clients.httpx2.settling import Settling, how_given, settling

        now, how = time.monotonic(), how_given(auth)
        settings = self._settings_of(how)
        task = settling(self, settings, error, now, how, content=content, headers=headers)
        if not isinstance(task, Settling):
            return task
        attempt = settings.armed(self._attempts(task.prepared, False, how))
        return drive(task.flow(now, time.time()), attempt, settings.rim)

    def end_run(self, *, force: bool = False) -> Summary | None:
        """End this client's run: forget its writes; what it was, None where it made none.

        Raises `RunError` where the end of a write is not known, unless `force` says to forget
        it, and where the client has no run; `StoreError` where the store cannot be used.
        """
        from failwell.clients.runs import ending, sends_nothing

        return drive(ending(self._settings.book, force), sends_nothing, self._settings.rim)

    def _attempts(self, prepared: Prepared, stream: bool, how: How) -> Callable[[Send], Reply]:
        def attempt(send: Send) -> Reply:
            ready = prepared.rebuilt(send, self.build_request)
            asked = ready.copy_for(send.number, send.within, SyncBody, self.timeout)
            reply = self._transmit(ready, asked, send.within, stream, ready.sent_so(how))
            return answered(reply, asked) if isinstance(reply, httpx2.Response) else reply

        return attempt

    def _transmit(
        self,
        ready: Prepared,
        asked: httpx2.Request,
        seconds: float | None,
        stream: bool,
        how: How,
    ) -> httpx2.Response | Reply:
        response: httpx2.Response | None = None
        with within(seconds):
            try:
                response = super().send(asked, stream=True, **how)
                if stream and ready.hands_out(response):
                    return answer(response, asked, None)
                if stream or response.status_code >= 400:
                    return answer(response, asked, read_refusal(response))
                response.read()
            except httpx2.HTTPStatusError as error:
                return refusal_of(error, asked)
            except raised() as error:
                return fault_of(error, asked, ready.body, response)
            except BaseException as error:
                if response is None:
                    hops.leave_word(error)
                raise
        return response


def _bind(transport: object) -> None:
    """Make the transport keep to deadlines; a mock has no socket to bind, and needs no httpcore."""
    if transport is not None and not isinstance(transport, httpx2.MockTransport):
        import httpcore2

        from failwell.clients import sockets

        sockets.bind(transport, httpcore2)
