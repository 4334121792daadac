"""Bringing transactions to their end whose processes are gone."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import msgspec

from failwell.actions import Store, StoreError
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.errors import InvalidRequestError
from failwell.flows import saga as flow
from failwell.ids import minted
from failwell.model import Todo
from failwell.places import Finder
from failwell.policy.saga import Phase
from failwell.settings import Retry
from failwell.transactions import record
from failwell.transactions.course import Course
from failwell.transactions.declared import Function, Request
from failwell.transactions.durable import Durable, World, Written, client_of
from failwell.transactions.ledger import Ledger, close, opened
from failwell.transactions.open import PATIENCE
from failwell.transactions.perform import perform

End = Literal["committed", "rolled_back", "left", "held", "open"]


class Recovery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one transaction.

    `end` is "committed", "rolled_back", "left" (with a `todo` for people), "held" (somebody is on
    it, for `seconds` more at most), or "open": it could not be brought to its end, and `why`.
    """

    name: str
    end: End
    todo: tuple[Todo, ...] = ()
    seconds: float | None = None
    why: str | None = None


def recover(
    store: Store | str,
    apps: Sequence[str] = (),
    *,
    client: Client | AsyncClient | None = None,
    retry: Retry = PATIENCE,
    lease: float = 30.0,
    wait: float = 0.0,
) -> list[Recovery]:
    """Finish or roll back every transaction in `store` that is not over; what became of each.

    Steps are looked for in the modules `apps` (and those inside them) alone; `client` sends
    declared requests. A transaction that is held by a process is left to it, unless its lease runs
    out within `wait` seconds. Two recoveries at once share the work and repeat none of it. An
    async client is closed at the end: its connections belong to a loop that ends here.

    Raises `StoreError` where the store cannot be used.
    """
    world = World(Finder(apps), client)
    ends = time.monotonic() + wait
    with _using(store) as where, _waiter(client) as wait_for:
        recoverer = _Recoverer(where, world, retry, lease, wait_for)
        names = where.update(record.INDEX, record.Names())
        found = (recoverer.one(name, ends) for name in names)
        return [recovery for recovery in found if recovery is not None]


def forget(store: Store | str, name: str) -> bool:
    """Take a transaction off the books whose to-do list has been done by hand; whether it was
    there. Raises `StoreError` where the store cannot be used."""
    with _using(store) as where:
        was_left = where.update(record.slot(name), record.Forget())
        if was_left:
            where.update(record.INDEX, record.Strike(name))
        return was_left


class _Recoverer:
    def __init__(
        self,
        store: Store,
        world: World,
        retry: Retry,
        lease: float,
        wait_for: Callable[[Any], Any],
    ) -> None:
        self._store = store
        self._world = world
        self._retry = retry
        self._lease = lease
        self._wait_for = wait_for

    def one(self, name: str, ends: float) -> Recovery | None:
        """What became of this one; None where it is over already."""
        try:
            return self._recovered(name, ends)
        except StoreError as error:  # of this record alone: the others may be well
            return Recovery(name=name, end="open", why=str(error))

    def _recovered(self, name: str, ends: float) -> Recovery | None:
        kept = self._store.update(record.slot(name), record.Look())
        why = None if kept is None else _missing(kept.written, self._world)
        if why is not None:
            return Recovery(name=name, end="open", why=why)
        token = minted()
        taken = self._taken(name, token, ends)
        if taken is None:
            over = record.Strike(name, "stale" if kept is None else "now")
            self._store.update(record.INDEX, over)
            return None
        if isinstance(taken, record.Held):
            return Recovery(name=name, end="held", seconds=taken.seconds)
        return self._brought_to_its_end(taken, Ledger(self._store, name, self._lease, token))

    def _taken(self, name: str, token: str, ends: float) -> record.Kept | record.Held | None:
        take = record.Take(token=token, lease=self._lease)
        while True:
            taken = self._store.update(record.slot(name), take)
            left = ends - time.monotonic()
            if not isinstance(taken, record.Held) or left <= 0:
                return taken
            time.sleep(min(taken.seconds + 0.01, left))

    def _brought_to_its_end(self, kept: record.Kept, ledger: Ledger) -> Recovery:
        course = Course(kept.saga, self._retry, ledger)
        try:
            for written, step in zip(kept.written, kept.saga.steps, strict=True):
                course.works.append(Durable(written, step, self._world))
            way = flow.recover(course.saga, course.terms)
            ended = perform(way, course, wait_for=self._wait_for)
        finally:
            course.let_go()
        course.saga = ended.saga
        why = str(ended.errors[0]) if ended.errors else None
        return Recovery(name=ledger.name, end=_END[ended.saga.phase], todo=course.todo(), why=why)


_END: dict[Phase, End] = {
    Phase.FORWARD: "open",
    Phase.BACKWARD: "open",
    Phase.COMMITTED: "committed",
    Phase.ROLLED_BACK: "rolled_back",
    Phase.LEFT: "left",
}


def _missing(steps: Sequence[Written], world: World) -> str | None:
    """What this process lacks to bring these steps to their end; None where it has it all."""
    try:
        for written in steps:
            for deed in (written.act, written.undo):
                if isinstance(deed, Function):
                    world.find(deed.place)
                elif isinstance(deed, Request):
                    client_of(world)
            if written.look_up is not None:
                world.find(written.look_up)
    except InvalidRequestError as error:
        return f"{error.message}. {error.advice}"
    return None


@contextmanager
def _using(store: Store | str) -> Generator[Store]:
    where = opened(store)
    try:
        yield where
    finally:
        close(where, store)


@contextmanager
def _waiter(client: Client | AsyncClient | None) -> Generator[Callable[[Any], Any]]:
    """Waits for what async steps return, all in one event loop, which their clients may keep to;
    there is none as long as nobody needs it. An async `client` is closed with it."""
    import asyncio

    runners: list[asyncio.Runner] = []

    def wait_for(answer: Any) -> Any:
        if not inspect.isawaitable(answer):
            return answer
        if not runners:
            runners.append(asyncio.Runner())
        return runners[0].run(_awaited(answer))

    try:
        yield wait_for
    finally:
        for runner in runners:
            if isinstance(client, AsyncClient):
                runner.run(client.aclose())
            runner.close()


async def _awaited(answer: Any) -> Any:
    return await answer
