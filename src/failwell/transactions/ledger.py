"""Where a durable transaction is written down, for as long as this process holds it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from failwell import stores
from failwell.actions import Store, StoreError
from failwell.errors import InvalidRequestError
from failwell.ids import minted
from failwell.policy.saga import Phase, Saga
from failwell.transactions import record
from failwell.transactions.durable import Written

logger = logging.getLogger("failwell")


class TakenOverError(StoreError):
    """Another process holds the transaction now, and brings it to its end: this one must not."""


class Ledger:
    """The record of the transaction `name`, held by `token` and renewed while it is held.

    `store` may be a URL, for one that is opened here and closed at the end.
    """

    def __init__(self, store: Store, name: str, lease: float, token: str) -> None:
        self._store = store
        self._is_own = False
        self._lease = lease
        self._token = token
        self.name = name
        self._beat = Heartbeat(self._renew, lease / 3)

    @classmethod
    def opened(cls, store: Store | str, name: str, lease: float, saga: Saga) -> Ledger:
        """Begin the transaction. Raises `InvalidRequestError` where its name is taken."""
        token, where = minted(), opened(store)
        try:
            _enlist(where, name, record.Open(token=token, lease=lease, saga=saga))
        except BaseException:
            close(where, store)
            raise
        ledger = cls(where, name, lease, token)
        ledger._is_own = where is not store
        return ledger

    def keep(self, saga: Saga, written: tuple[Written, ...]) -> None:
        """Write down how far it is. Raises `TakenOverError` where it is in other hands."""
        change = record.Advance(token=self._token, lease=self._lease, saga=saga, written=written)
        if not self._store.update(record.slot(self.name), change):
            raise TakenOverError(f"The transaction {self.name!r} was taken over by another process")
        if saga.phase.is_over:
            self._store.update(record.INDEX, record.Strike(self.name))

    def let_go(self, phase: Phase | None = None) -> None:
        """Hold it no longer."""
        self._beat.stop()
        try:
            if phase is not None and not phase.is_over:
                self._store.update(record.slot(self.name), record.LetGo(token=self._token))
        finally:
            if self._is_own:
                close(self._store, None)

    def _renew(self) -> bool:
        change = record.Renew(token=self._token, lease=self._lease)
        return self._store.update(record.slot(self.name), change)


def _enlist(store: Store, name: str, opening: record.Open) -> None:
    store.update(record.INDEX, record.Enlist(name))
    taken = store.update(record.slot(name), opening)
    if taken is not None:
        raise InvalidRequestError.of(
            f"The transaction {name!r} cannot begin: {taken}",
            advice="Give each transaction a name of its own, such as the order's number.",
        )


class Heartbeat:
    """Calls `renew` every so many seconds, in a thread, until it is stopped or answers False."""

    def __init__(self, renew: Callable[[], bool], every: float) -> None:
        self._renew = renew
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="failwell-lease")
        self._thread.start()

    def stop(self) -> None:
        """Stop; the lease then runs out by itself."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            try:
                if not self._renew():
                    return
            except StoreError as error:
                logger.warning("failwell: a lease could not be renewed: %s", error)


def opened(store: Store | str) -> Store:
    """The store, or the one at this URL."""
    return stores.open(store) if isinstance(store, str) else store


def close(store: Store, given: object) -> None:
    """Close a store that was opened here, for it was `given` as a URL."""
    closes = getattr(store, "close", None)
    if store is not given and closes is not None:
        closes()
