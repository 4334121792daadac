"""The two renewers: what a client asks for a fresh token, in the sync world and in the async one.

Two circles, one inside the other: in this process one thread or task goes ahead of the others;
where the token is shared, it then goes to the store, and is one among the processes there.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar, cast

import httpx2
import msgspec

from failwell.actions import AsyncSender, Change, Flow, Renew, Send, Sender, Store
from failwell.clients.limits import within
from failwell.clients.renewal.auth import HERE, TokenAuth, made
from failwell.drive import Rim, adrive, drive
from failwell.flows.renew import Renewing, renew
from failwell.ids import minted
from failwell.model import Fault, Kind, Reply
from failwell.policy import deadline
from failwell.policy.renewal import Meet, Put, Read, Standing, is_due
from failwell.tokens import NoTimeError, RefreshError, Token

A = TypeVar("A")

_MEET_EVERY = 60.0
"""Seconds between two looks at the token of the others."""

_refreshing: ContextVar[tuple[int, ...]] = ContextVar("failwell_refreshing", default=())
"""The auth objects whose `refresh` runs in this context: its own requests do not wait for it."""


def renewer_of(
    auth: httpx2.Auth, rim: Rim, base_url: httpx2.URL, *, sync: bool
) -> Renewer | AsyncRenewer | None:
    """Who renews this credential for a client; None where it cannot be renewed.

    Raises `TypeError` for a `refresh` that a sync client would have to await.
    """
    if not isinstance(auth, TokenAuth):
        return None
    port = "" if base_url.port is None else f":{base_url.port}"
    origin = f"{base_url.scheme}://{base_url.host}{port}"
    if not sync:
        return AsyncRenewer(auth, rim, origin)
    if inspect.iscoroutinefunction(auth.refresh):
        raise TypeError(f"a sync client needs a {type(auth).__name__}.refresh that is not async")
    return Renewer(auth, rim, origin)


class _Renewer:
    """What both have in common. `rim` is the client's, with its store; `origin` where it calls."""

    def __init__(self, auth: TokenAuth, rim: Rim, origin: str) -> None:
        self._auth = auth
        self._clock = rim.clock
        self._local = msgspec.structs.replace(rim, hooks=(), store=auth.memory)
        self._shared = msgspec.structs.replace(rim, hooks=())
        self._key = f"token {origin} {type(auth).__qualname__} {auth.share}"
        self._met = float("-inf")

    def _ahead(self, ends: float | None) -> Flow[Token]:
        """Before a request: nobody waits while the old token still serves."""
        token = self._auth.token
        is_over = token is None or token.is_over(time.time())
        return self._flow(HERE, self._current(), ends, patient=is_over)

    def _instead_of(self, spent: str, within: float | None) -> Flow[Token]:
        """After a refusal."""
        return self._flow(HERE, spent, deadline.until(within, self._clock()))

    def _among_all(self, send: Send) -> Flow[Token]:
        """The same among the processes, for the one that goes ahead in this one."""
        ends = deadline.until(send.within, self._clock())
        return self._flow(self._key, self._current(), ends)

    def _current(self) -> str | None:
        """The digest of the token of the moment."""
        token = self._auth.token
        return None if token is None else token.digest

    def _flow(
        self, key: str, spent: str | None, ends: float | None, *, patient: bool = True
    ) -> Flow[Token]:
        wanted = Renewing(
            key=key,
            holder=minted(),
            spent=spent,
            at=time.time(),
            lease=self._auth.lease,
            ends=ends,
            patient=patient,
        )
        return renew(wanted)

    def _is_inside(self) -> bool:
        return id(self._auth) in _refreshing.get()

    def _is_to_meet(self) -> bool:
        """Whether the token of the others is to be looked at: now and then, for a process that
        was idle may have a token that is two refreshes old."""
        now = self._clock()
        if self._auth.share is None or now - self._met < _MEET_EVERY or self._is_inside():
            return False
        self._met = now
        return True

    def _has_met(self, token: Token | None) -> None:
        if token is not None and token.digest != self._current():
            self._auth.memory.update(HERE, Put(token))

    def _is_ready(self) -> bool:
        """Whether the token of the moment will do for the next request."""
        return self._is_inside() or not is_due(
            self._auth.standing(), self._auth.leeway, time.time()
        )

    def _spent(self, action: Renew) -> str | RefreshError:
        """The digest of the token that was refused, or why none is to be fetched."""
        if self._is_inside():
            return RefreshError("the request that was refused is part of the refresh itself")
        spent = self._auth.spent_in(action.asked)
        return spent or RefreshError("the request that was refused carried no token")

    def _instead(self, why: RefreshError) -> Fault | None:
        """What comes of an attempt that has no fresh token: None where an old one may still do."""
        token = self._auth.token
        if token is not None:
            return None
        is_late = isinstance(why, NoTimeError)
        return Fault(
            kind=Kind.TIMEOUT if is_late else Kind.UNAUTHENTICATED,
            name=type(why).__name__,
            message=f"Nothing was sent, for there is no token: {why}",
            sent=False,
            transient=False,
            at=time.time(),
            cause=why,
        )


class Renewer(_Renewer):
    """A fresh token for the calls of a sync client."""

    def renew(self, action: Renew) -> RefreshError | None:
        """See to it that there is a token other than the one that was refused; or why not."""
        spent = self._spent(action)
        if isinstance(spent, RefreshError):
            return spent
        return self._fetched(self._instead_of(spent, action.within))

    def armed(self, attempt: Sender) -> Sender:
        """The attempt, made with a token whose time is not about to be over."""

        def send(action: Send) -> Reply:
            if self._is_to_meet():
                store = cast("Store", self._shared.store)
                self._has_met(store.update(self._key, Meet(self._auth.token)))
            if self._is_ready():
                return attempt(action)
            ends = deadline.until(action.within, self._clock())
            why = self._fetched(self._ahead(ends))
            return (why and self._instead(why)) or attempt(_rest(action, ends, self._clock()))

        return send

    def _fetched(self, flow: Flow[Token]) -> RefreshError | None:
        fetch = self._refresh if self._auth.share is None else self._ask_all
        try:
            drive(flow, cast("Sender", fetch), self._local)
        except RefreshError as error:
            return _told(error)
        return None

    def _ask_all(self, send: Send) -> Token:
        return drive(self._among_all(send), cast("Sender", self._refresh), self._shared)

    def _refresh(self, send: Send) -> Token:
        with _inside(self._auth), within(send.within):
            return _checked(self._auth.refresh(self._latest()))

    def _latest(self) -> Token | None:
        """The token that is to be replaced: that of the others, where there is one."""
        if self._auth.share is None:
            return self._auth.token
        store = cast("Store", self._shared.store)
        return store.update(self._key, Read()).token or self._auth.token


class AsyncRenewer(_Renewer):
    """A fresh token for the calls of an async client."""

    async def renew(self, action: Renew) -> RefreshError | None:
        """See to it that there is a token other than the one that was refused; or why not."""
        spent = self._spent(action)
        if isinstance(spent, RefreshError):
            return spent
        return await self._fetched(self._instead_of(spent, action.within))

    def armed(self, attempt: AsyncSender) -> AsyncSender:
        """The attempt, made with a token whose time is not about to be over."""

        async def send(action: Send) -> Reply:
            if self._is_to_meet():
                self._has_met(await self._asked(Meet(self._auth.token)))
            if self._is_ready():
                return await attempt(action)
            ends = deadline.until(action.within, self._clock())
            why = await self._fetched(self._ahead(ends))
            fault = why and self._instead(why)
            return fault or await attempt(_rest(action, ends, self._clock()))

        return send

    async def _fetched(self, flow: Flow[Token]) -> RefreshError | None:
        fetch = self._refresh if self._auth.share is None else self._ask_all
        try:
            await adrive(flow, cast("AsyncSender", fetch), self._local)
        except RefreshError as error:
            return _told(error)
        return None

    async def _ask_all(self, send: Send) -> Token:
        return await adrive(self._among_all(send), cast("AsyncSender", self._refresh), self._shared)

    async def _refresh(self, send: Send) -> Token:
        import anyio

        latest = await self._latest()
        with anyio.move_on_after(send.within), _inside(self._auth):
            return _checked(await self._awaited(latest))
        raise NoTimeError("the call's time was over before the token was refreshed")

    async def _awaited(self, latest: Token | None) -> object:
        """What `refresh` returns, whichever kind of function it is."""
        if inspect.iscoroutinefunction(self._auth.refresh):
            return await self._auth.refresh(latest)
        from anyio import to_thread

        result = await to_thread.run_sync(self._auth.refresh, latest, abandon_on_cancel=True)
        return await result if inspect.isawaitable(result) else result

    async def _latest(self) -> Token | None:
        """The token that is to be replaced: that of the others, where there is one."""
        if self._auth.share is None:
            return self._auth.token
        return (await self._asked(Read())).token or self._auth.token

    async def _asked(self, change: Change[Standing, A]) -> A:
        """The store's answer, whichever kind of store it is."""
        assert self._shared.store is not None
        answer = self._shared.store.update(self._key, change)
        return cast("A", await answer if inspect.isawaitable(answer) else answer)


def _rest(action: Send, ends: float | None, now: float) -> Send:
    """The attempt, in the time that is left for it."""
    return msgspec.structs.replace(action, within=deadline.left(ends, now))


def _checked(result: object) -> Token:
    """What `refresh` returned, if that can be a token. It is not quoted otherwise: it may be one
    in the wrong place."""
    try:
        token = made(cast("Token | str | None", result))
    except ValueError as error:
        why: object = error
    else:
        if isinstance(token, Token):
            return token
        why = f"it is of type {type(result).__name__}"
    raise RefreshError(f"refresh() returned what cannot be a token: {why}")


def _told(error: RefreshError) -> RefreshError:
    """The same without its traceback, whose frames hold the tokens."""
    return type(error)(str(error), transient=error.transient)


@contextmanager
def _inside(auth: TokenAuth) -> Generator[None]:
    before = _refreshing.set((*_refreshing.get(), id(auth)))
    try:
        yield
    finally:
        _refreshing.reset(before)
