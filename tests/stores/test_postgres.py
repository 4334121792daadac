"""The store in PostgreSQL, on a real server."""

from __future__ import annotations

import gc
import multiprocessing
import os
import uuid
import warnings
from collections.abc import Callable

import psycopg
import pytest

import failwell
from failwell import stores
from failwell.actions import StoreError
from failwell.stores.postgres import PostgresStore
from failwell.testing import Add, Look, StoreTests, Tally


def _add(url: str, key: str, times: int) -> None:
    store = stores.open(url)
    for _ in range(times):
        store.update(key, Add())


class TestPostgresStore(StoreTests):
    """`PostgresStore`, under the tests of every store."""

    @pytest.fixture(autouse=True)
    def _on(self, postgres_url: str) -> None:
        self.url = postgres_url
        with psycopg.connect(postgres_url) as connection:
            connection.execute("DROP TABLE IF EXISTS failwell_records")

    def open(self, clock: Callable[[], float]) -> PostgresStore:
        return PostgresStore(self.url, clock=clock)

    def test_processes_lose_no_update(self) -> None:
        """Four processes that start at once and count at one key lose nothing."""
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=_add, args=(self.url, "k", 50)) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        store = stores.open(self.url)
        assert store.update("k", Look())[0] == Tally(200)
        self.close(store)

    def test_it_lives_by_the_databases_clock(self) -> None:
        """Without a clock of its own, the time is PostgreSQL's."""
        store = PostgresStore(self.url)
        with psycopg.connect(self.url) as connection:
            row = connection.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()
        assert row is not None
        assert abs(store.update("k", Look())[1] - float(row[0])) < 5
        store.close()

    def test_a_lost_connection_is_opened_anew(self) -> None:
        """An idle connection that the server has cut does not fail the next update."""
        store = PostgresStore(self.url)
        store.update("k", Add())
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        assert store.update("k", Add()) == 2
        store.close()

    def test_a_fork_gets_its_own_connection(self) -> None:
        """A child process can use the store, and the parent's connection goes on working."""
        store = PostgresStore(self.url)
        store.update("k", Add())
        child = os.fork()
        if child == 0:
            os._exit(0 if store.update("k", Add()) == 2 else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert store.update("k", Add()) == 3
        store.close()

    def test_a_locked_row_is_not_waited_for_for_ever(self) -> None:
        """Another transaction's lock ends in a clear error after the time-out."""
        store = PostgresStore(self.url, timeout=0.2)
        store.update("k", Add())
        with psycopg.connect(self.url) as connection:
            connection.execute("SELECT * FROM failwell_records FOR UPDATE")
            with pytest.raises(StoreError, match="lock timeout"):
                store.update("k", Add())
        assert store.update("k", Add()) == 2
        store.close()

    def test_a_statement_that_fails_does_not_spoil_the_next(self) -> None:
        """A table that was dropped is made anew; a server that is read-only for a while is told of,
        and used again afterwards."""
        store = PostgresStore(self.url)
        store.update("k", Add())
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("DROP TABLE failwell_records")
            assert store.update("k", Add()) == 1
            connection.execute("ALTER ROLE CURRENT_USER SET default_transaction_read_only = on")
            try:
                store.close()
                with pytest.raises(StoreError, match="read-only"):
                    store.update("k", Add())
            finally:
                connection.execute("ALTER ROLE CURRENT_USER RESET default_transaction_read_only")
        assert store.update("k", Add()) == 2
        store.close()

    def test_a_store_that_is_let_go_closes_its_connection(self) -> None:
        """Nobody has to: a client that was given its URL does not; psycopg would warn of it."""
        client = failwell.Client(base_url="https://api.example.org", store=self.url)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            del client
            gc.collect()
        assert said == []

    def test_a_key_of_any_length_is_a_key(self) -> None:
        """A key longer than an index row, and one with a NUL in it, have records of their own."""
        store = PostgresStore(self.url)
        for key in ("x" * 100_000, "x" * 100_001, "a\x00b", uuid.uuid4().hex):
            assert store.update(key, Add()) == 1
        store.close()


def test_a_server_that_is_not_there_is_a_clear_error() -> None:
    """The error names PostgreSQL and shows no password."""
    with pytest.raises(StoreError, match="PostgreSQL cannot be used") as raised:
        stores.open("postgresql://me:hunter2hunter2@127.0.0.1:1/db")
    assert "hunter2" not in str(raised.value)
