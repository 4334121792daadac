"""Where a transaction is written down: what is opened for it is closed again."""

from __future__ import annotations

from typing import Any

import pytest

from failwell import stores
from failwell.actions import StoreError
from failwell.stores.memory import MemoryStore
from failwell.transactions import transaction


class Leaving(MemoryStore):
    """A store that goes away after so many updates, and knows whether it was closed."""

    def __init__(self, updates: int) -> None:
        super().__init__()
        self.left = updates
        self.is_closed = False

    def update(self, key: str, change: Any) -> Any:
        if not self.left:
            raise StoreError("the store is away")
        self.left -= 1
        return super().update(key, change)

    def close(self) -> None:
        self.is_closed = True


def opened_as(store: Leaving, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A transaction in this store, which it opens by itself."""
    monkeypatch.setattr(stores, "open", lambda url: store)
    return transaction(store="memory:", name="order-17")


@pytest.mark.parametrize("updates", [0, 1])
def test_one_that_cannot_begin_closes_its_store(
    updates: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of its first updates fails."""
    store = Leaving(updates)
    with pytest.raises(StoreError, match="away"), opened_as(store, monkeypatch):
        pass
    assert store.is_closed


def test_one_that_cannot_be_let_go_closes_its_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is away at the end is closed all the same, and does not hide the error."""
    store = Leaving(2)
    transaction = opened_as(store, monkeypatch)
    transaction.__enter__()
    store.left = 0
    transaction.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert store.is_closed
