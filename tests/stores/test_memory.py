"""The store of one process keeps what every store promises."""

from collections.abc import Callable

import pytest

from failwell import stores
from failwell.stores.memory import MemoryStore
from failwell.testing import Add, Clock, Look, StoreTests


class TestMemoryStore(StoreTests):
    """`MemoryStore`, under the tests of every store."""

    def open(self, clock: Callable[[], float]) -> MemoryStore:
        return MemoryStore(clock)


def test_dead_records_do_not_pile_up() -> None:
    """What is beyond its time is swept away, though nobody asks for it again."""
    clock = Clock()
    store = MemoryStore(clock)
    for number in range(5_000):
        store.update(f"key {number}", Add(ttl=1.0))
        clock.advance(0.01)
    assert len(store._records) < 500


def test_closing_forgets() -> None:
    """A closed store is an empty one."""
    store = MemoryStore(Clock())
    store.update("k", Add())
    store.close()
    assert store.update("k", Look())[0] is None


def test_it_is_opened_by_its_url() -> None:
    """`memory:` is a store of its own each time."""
    one, other = stores.open("memory:"), stores.open("memory:")
    assert isinstance(one, MemoryStore)
    one.update("k", Add())
    assert other.update("k", Look())[0] is None


@pytest.mark.parametrize(
    "url",
    ["", "memory", "mysql://h/0", "sqlite:", "sqlite://", "sqlite:///", "sqlite://host/a.db",
     "sqlite://a.db", "/tmp/a.db", "https://a.b/"],
)  # fmt: skip
def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    """The message says what can be given."""
    with pytest.raises(ValueError, match=r"names no store: use memory:, sqlite:///path"):
        stores.open(url)
