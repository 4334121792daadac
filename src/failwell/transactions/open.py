"""`failwell.transaction`: where it is kept, and what its steps are made of."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from failwell.actions import Store
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.errors import InvalidRequestError
from failwell.places import encoded, here, place_of
from failwell.policy.saga import Saga, Step
from failwell.settings import Retry
from failwell.transactions.active import AsyncTransaction, Planner, Transaction
from failwell.transactions.course import Course
from failwell.transactions.declared import Declared, Function, Request
from failwell.transactions.durable import (
    Durable,
    World,
    Written,
    client_of,
    is_keyed,
    is_settleable,
    with_key,
)
from failwell.transactions.ledger import Ledger
from failwell.transactions.work import KEY, Calling, Work, label_of

PATIENCE = Retry(max_retries=3, base=0.5, cap=30.0)
"""How often a compensation is tried again, where nothing else is said."""

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def transaction(
    *,
    store: Store | str | None = None,
    name: str | None = None,
    client: Client | AsyncClient | None = None,
    retry: Retry = PATIENCE,
    allow_irreversible: bool = False,
    lease: float = 30.0,
) -> Opening:
    """Writes that stand together: where one fails, those before it are undone, the last one first.

    Enter it with `with`, or with `async with`. If all was undone, the error that ended it comes
    out as it is, with a note; else `RollbackError` lists what is left to do. Each compensation is
    tried again as `retry` says. `allow_irreversible` lets steps follow one that cannot be undone.

    With a `store` (an object, or a URL for `failwell.stores.open`) and a `name` it outlives its
    process: its steps are importable functions with JSON arguments or `Declared` requests, which
    `client` sends, and `failwell recover` brings it to its end. `lease` (seconds) is how long it
    is held for a process that does not move any more.

    Raises `InvalidRequestError` for a store without a name and for a name that is taken.
    """
    if (store is None) != (name is None):
        raise InvalidRequestError.of(
            "A durable transaction needs both: transaction(store=URL, name='order-17')"
        )
    if not (math.isfinite(lease) and lease > 0):
        raise InvalidRequestError.of(f"lease={lease!r}: it must be above 0 seconds, and finite")
    saga = Saga(tolerant=allow_irreversible)
    if store is None or name is None:
        return Opening(lambda: Course(saga, retry), plan)
    where, called = store, name

    def begin() -> Course:
        return Course(saga, retry, Ledger.opened(where, called, lease, saga))

    return Opening(begin, DurablePlan(World(here, client)))


class Opening:
    """A transaction that has not begun: enter it with `with` or `async with`; when it is over, it
    may be entered again.

    Raises `InvalidRequestError` where it is under way.
    """

    def __init__(self, begin: Callable[[], Course], plan: Planner) -> None:
        self._begin = begin
        self._plan = plan
        self._entered: Transaction | AsyncTransaction | None = None

    def __enter__(self) -> Transaction:
        self._check_idle()
        entered = self._entered = Transaction(self._begin, self._plan)
        try:
            return entered.__enter__()
        except BaseException:
            self._entered = None
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert isinstance(self._entered, Transaction)
        entered, self._entered = self._entered, None
        entered.__exit__(kind, error, trace)

    async def __aenter__(self) -> AsyncTransaction:
        self._check_idle()
        entered = self._entered = AsyncTransaction(self._begin, self._plan)
        try:
            return await entered.__aenter__()
        except BaseException:
            self._entered = None
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert isinstance(self._entered, AsyncTransaction)
        entered, self._entered = self._entered, None
        await entered.__aexit__(kind, error, trace)

    def _check_idle(self) -> None:
        if self._entered is not None:
            raise InvalidRequestError.of(
                "This transaction is under way",
                advice="Make another with failwell.transaction() for what runs beside it.",
            )


def plan(
    action: Callable[..., Any] | Declared, arguments: Arguments, settings: dict[str, Any]
) -> Work:
    """A step of functions in this process."""
    undo, look_up = settings.get("undo"), settings.get("look_up")
    if isinstance(action, Declared) or isinstance(undo, Declared):
        raise InvalidRequestError.of(
            "A Declared request is a step of a durable transaction: give a store, a name, a client"
        )
    _check_callable(undo=undo, look_up=look_up)
    step = Step(
        label=label_of(action),
        undoable=undo is not None,
        settleable=look_up is not None or KEY in arguments[1],
        irreversible=settings.get("irreversible", False),
    )
    return Calling(action, arguments, undo, look_up, step)


def _check_callable(**given: Any) -> None:
    for name, value in given.items():
        if value is not None and not callable(value):
            raise InvalidRequestError.of(f"{name}={value!r}: give a function")


class DurablePlan:
    """Steps that are written down; `world` is what this process does them with."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(
        self,
        action: Callable[..., Any] | Declared,
        arguments: Arguments,
        settings: dict[str, Any],
    ) -> Work:
        """The work of a step. Raises `InvalidRequestError` for what cannot be written down."""
        look_up = settings.get("look_up")
        written = Written(
            act=self._written(action, arguments),
            at=time.time(),
            undo=self._undo(settings.get("undo")),
            look_up=None if look_up is None else place_of(look_up),
            settle_time=settings.get("settle_time"),
        )
        return Durable(written, self._step(written, settings), self._world)

    def _written(
        self, action: Callable[..., Any] | Declared, arguments: Arguments
    ) -> Function | Request:
        if not isinstance(action, Declared):
            place = place_of(action)
            return Function(place=place, arguments=encoded(arguments, place))
        return with_key(Request.of(action), client_of(self._world))

    def _undo(self, undo: Callable[..., Any] | Declared | None) -> Function | Request | None:
        return None if undo is None else self._written(undo, ((), {}))

    def _step(self, written: Written, settings: dict[str, Any]) -> Step:
        undo, client = written.undo, self._world.client
        is_sent = isinstance(undo, Request) and client is not None
        keyed = is_sent and is_keyed(undo, client)  # type: ignore[arg-type]
        return Step(
            label=_label(written.act),
            undoable=undo is not None,
            settleable=is_settleable(written, client),
            irreversible=settings.get("irreversible", False),
            repeatable=keyed or not is_sent,
            keyed=keyed,
        )


def _label(act: Function | Request) -> str:
    if isinstance(act, Request):
        return f"{act.method} {act.url}"
    return act.place.partition(":")[2]
