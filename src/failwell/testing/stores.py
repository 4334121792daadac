"""What every store promises, as tests to inherit."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

from failwell.actions import Store
from failwell.policy.idempotency import Claim, Complete, Replay, Run, Stored
from failwell.testing.clock import Clock
from failwell.testing.tally import Add, Break, Drop, Look, Tally


class StoreTests(ABC):
    """What every store promises. Subclass it, and give `open`.

    It needs pytest, which finds the subclass where its name begins with `Test`.
    """

    @abstractmethod
    def open(self, clock: Callable[[], float]) -> Store:
        """A new, empty store that lives by `clock` (epoch seconds)."""

    def close(self, store: Store) -> None:
        """Let go of the store."""
        closes = getattr(store, "close", None)
        if closes is not None:
            closes()

    def test_a_new_key_has_no_record(self) -> None:
        """A change of a key that was never written is given None, and the store's own time."""
        clock = Clock()
        store = self.open(clock)
        clock.advance(7.5)
        assert store.update("new", Look()) == (None, 1_007.5)
        self.close(store)

    def test_a_record_comes_back_as_it_was_written(self) -> None:
        """A record is equal when it is read again, each byte of it."""
        store = self.open(Clock())
        store.update("k", Add(3, payload=bytes(range(256))))
        assert store.update("k", Look())[0] == Tally(3, bytes(range(256)))
        self.close(store)

    def test_keys_do_not_mix(self) -> None:
        """Each key has a record of its own, whatever is in the key."""
        store = self.open(Clock())
        keys = ["", "a", "A", "a ", "a:b", "é", "%", "_", "'", '"', "\n", "k" * 2000]
        for count, key in enumerate(keys, 1):
            store.update(key, Add(count))
        found = [store.update(key, Look())[0] for key in keys]
        assert found == [Tally(count) for count in range(1, len(keys) + 1)]
        self.close(store)

    def test_a_record_ends_when_its_time_is_up(self) -> None:
        """A record is there until its `ttl` has passed, and at that instant it is gone."""
        clock = Clock()
        store = self.open(clock)
        store.update("k", Add(ttl=10.0))
        clock.advance(9.99)
        assert store.update("k", Look())[0] == Tally(1)
        clock.advance(0.01)
        assert store.update("k", Look())[0] is None
        assert store.update("k", Add()) == 1
        self.close(store)

    def test_an_end_stays_where_no_new_one_is_set(self) -> None:
        """A change with a `ttl` of None neither shortens nor lengthens a record's life."""
        clock = Clock()
        store = self.open(clock)
        store.update("k", Add(ttl=10.0))
        clock.advance(6.0)
        assert store.update("k", Add()) == 2
        clock.advance(3.9)
        assert store.update("k", Look())[0] == Tally(2)
        clock.advance(0.1)
        assert store.update("k", Look())[0] is None
        self.close(store)

    def test_a_new_end_takes_the_place_of_the_old_one(self) -> None:
        """A change with a `ttl` counts from the store's time of that change."""
        clock = Clock()
        store = self.open(clock)
        store.update("k", Add(ttl=10.0))
        clock.advance(9.0)
        store.update("k", Add(ttl=10.0))
        clock.advance(9.0)
        assert store.update("k", Look())[0] == Tally(2)
        self.close(store)

    def test_a_record_without_an_end_stays(self) -> None:
        """A record that was never given a `ttl` is there after years."""
        clock = Clock()
        store = self.open(clock)
        store.update("k", Add())
        clock.advance(1e9)
        assert store.update("k", Look())[0] == Tally(1)
        self.close(store)

    def test_no_record_deletes(self) -> None:
        """A change that gives back no record deletes the one there was."""
        store = self.open(Clock())
        store.update("k", Add())
        assert store.update("k", Drop()) is True
        assert store.update("k", Drop()) is False
        assert store.update("k", Look())[0] is None
        self.close(store)

    def test_a_change_that_raises_changes_nothing(self) -> None:
        """What a change raises comes out as it is; the record is as before, the store usable."""
        import pytest

        store = self.open(Clock())
        store.update("k", Add(5))
        with pytest.raises(ZeroDivisionError, match="the change itself fails"):
            store.update("k", Break())
        assert store.update("k", Add()) == 6
        self.close(store)

    def test_two_threads_lose_no_update(self) -> None:
        """Each update of several threads at one key counts."""
        store = self.open(Clock())

        def work() -> None:
            for _ in range(100):
                store.update("k", Add())

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.update("k", Look())[0] == Tally(400)
        self.close(store)

    def test_many_dead_records_do_no_harm(self) -> None:
        """Records beyond their time are gone, however many there are and whoever reaps them."""
        clock = Clock()
        store = self.open(clock)
        for number in range(300):
            store.update(f"dead {number}", Add(ttl=1.0))
        store.update("alive", Add())
        clock.advance(2.0)
        for _ in range(600):
            store.update("busy", Add())
        assert store.update("alive", Look())[0] == Tally(1)
        assert all(store.update(f"dead {n}", Look())[0] is None for n in range(0, 300, 50))
        self.close(store)

    def test_it_keeps_the_records_of_idempotency(self) -> None:
        """A key that was claimed and completed replays the answer, to the byte."""
        store = self.open(Clock())
        claim = Claim(fingerprint="f", token="t", lease=30.0, retention=60.0)
        done = Stored(status=201, headers=(("content-type", "x/y"),), body=b"\x00\xff{}")
        assert store.update("k", claim) == Run()
        assert store.update("k", Complete(token="t", answer=done, retention=60.0)) is True
        assert store.update("k", claim) == Replay(done)
        self.close(store)
