"""The store in Valkey, on a real server."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable

import pytest
import valkey

from failwell import stores
from failwell.actions import StoreError
from failwell.stores.valkey import ValkeyStore
from failwell.testing import Add, Look, StoreTests, Tally


def _add(url: str, key: str, times: int) -> None:
    store = stores.open(url)
    for _ in range(times):
        store.update(key, Add())


class TestValkeyStore(StoreTests):
    """`ValkeyStore`, under the tests of every store."""

    @pytest.fixture(autouse=True)
    def _on(self, valkey_url: str) -> None:
        self.url = valkey_url
        with valkey.from_url(valkey_url) as client:
            client.flushall()

    def open(self, clock: Callable[[], float]) -> ValkeyStore:
        return ValkeyStore(self.url, clock=clock)

    def test_processes_lose_no_update(self) -> None:
        """Four processes that count at one key lose nothing."""
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=_add, args=(self.url, "k", 50)) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        store = stores.open(self.url)
        assert store.update("k", Look())[0] == Tally(200)
        self.close(store)

    def test_it_lives_by_the_servers_clock(self) -> None:
        """Without a clock of its own, the time is Valkey's."""
        store = ValkeyStore(self.url)
        with valkey.from_url(self.url) as client:
            seconds = client.time()[0]
        assert abs(store.update("k", Look())[1] - seconds) < 5
        store.close()

    def test_the_server_forgets_what_has_ended(self) -> None:
        """A record with an end has one in the server too, so that nothing piles up."""
        store = ValkeyStore(self.url)
        store.update("k", Add(ttl=0.05))
        with valkey.from_url(self.url) as client:
            assert 0 < client.pttl("failwell:k") <= 1_100
        time.sleep(0.06)
        assert store.update("k", Look())[0] is None
        store.close()

    def test_a_fork_can_use_it(self) -> None:
        """A child process can use the store, and the parent goes on."""
        store = ValkeyStore(self.url)
        store.update("k", Add())
        child = os.fork()
        if child == 0:
            os._exit(0 if store.update("k", Add()) == 2 else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert store.update("k", Add()) == 3
        store.close()

    def test_a_script_cache_that_is_lost_does_no_harm(self) -> None:
        """After the server has forgotten the scripts, the next update brings them again."""
        store = ValkeyStore(self.url)
        with valkey.from_url(self.url) as client:
            client.script_flush()
        assert store.update("k", Add()) == 1
        store.close()


def test_a_server_that_is_not_there_is_a_clear_error() -> None:
    """The error names Valkey."""
    with pytest.raises(StoreError, match="Valkey cannot be used"):
        stores.open("valkey://127.0.0.1:1")


def test_redis_by_name_is_the_same_protocol(valkey_url: str) -> None:
    """`redis://` opens the same store."""
    store = stores.open(valkey_url.replace("valkey://", "redis://"))
    assert isinstance(store, ValkeyStore)
    store.update("redis", Add())
    store.close()
