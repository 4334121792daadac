"""The store of one file, shared by the processes of one machine."""

from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from failwell import stores
from failwell.actions import StoreError
from failwell.stores.sqlite import SQLiteStore
from failwell.testing import Add, Clock, Look, StoreTests, Tally


class TestSQLiteStore(StoreTests):
    """`SQLiteStore`, under the tests of every store."""

    @pytest.fixture(autouse=True)
    def _in(self, tmp_path: Path) -> None:
        self.path = tmp_path / "store.db"

    def open(self, clock: Callable[[], float]) -> SQLiteStore:
        return SQLiteStore(str(self.path), clock=clock)


class TestSQLiteStoreInMemory(StoreTests):
    """The same, without a file."""

    def open(self, clock: Callable[[], float]) -> SQLiteStore:
        return SQLiteStore(":memory:", clock=clock)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "store.db")


def test_records_outlive_the_store(path: str) -> None:
    """What one run wrote the next one reads, with its end."""
    clock = Clock()
    first = SQLiteStore(path, clock=clock)
    first.update("k", Add(3, ttl=10.0))
    first.close()
    second = SQLiteStore(path, clock=clock)
    assert second.update("k", Look())[0] == Tally(3)
    clock.advance(10.0)
    assert second.update("k", Look())[0] is None
    second.close()


def test_two_stores_on_one_file_see_each_other(path: str) -> None:
    """Each update is there for everybody as soon as it is made."""
    one, other = SQLiteStore(path), SQLiteStore(path)
    assert [one.update("k", Add()), other.update("k", Add()), one.update("k", Add())] == [1, 2, 3]
    one.close()
    other.close()


COUNT = """
import sys
from failwell.stores.sqlite import SQLiteStore
from failwell.testing import Add
sys.stdin.readline()
store = SQLiteStore(sys.argv[1], timeout=30.0)
for _ in range(int(sys.argv[2])):
    store.update("k", Add())
store.close()
"""


def test_eight_processes_lose_no_update(path: str) -> None:
    """All open the same new file at once and count in one record: none is lost, none fails."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", COUNT, path, "50"], stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(8)
    ]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(b"\n")
        worker.stdin.flush()
    said = [worker.communicate(timeout=60)[1] for worker in workers]
    assert said == [b""] * 8
    store = SQLiteStore(path)
    assert store.update("k", Look())[0] == Tally(400)
    store.close()


FORK = """
import os, sys
from failwell.stores.sqlite import SQLiteStore
from failwell.testing import Add
store = SQLiteStore(sys.argv[1])
store.update("k", Add())
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        for _ in range(20):
            store.update("k", Add())
        store.close()
        os._exit(0)
    children.append(child)
    store.update("k", Add())
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
print(codes, store.update("k", Add()))
store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_it_reopens_itself_after_a_fork(path: str) -> None:
    """Parent and children go on with the same object, and count in the same record."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORK, path], capture_output=True, timeout=60
    )
    assert (done.stdout, done.stderr) == (b"[0, 0, 0] 65\n", b"")
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


LOCKED_FORK = """
import os, sys, threading, time
from failwell.stores.sqlite import SQLiteStore
from failwell.testing import Add

store = SQLiteStore(sys.argv[1])
inside = threading.Event()

class Slow(Add):
    def __call__(self, record, now):
        inside.set()
        time.sleep(0.2)
        return super().__call__(record, now)

threads = [threading.Thread(target=store.update, args=("k", Slow())) for _ in range(2)]
for thread in threads:
    thread.start()
inside.wait(10)
child = os.fork()
if child == 0:
    store.update("k", Add())
    os._exit(0)
for thread in threads:
    thread.join(10)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), store.update("k", Add()))
store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_in_the_middle_of_an_update_does_no_harm(path: str) -> None:
    """The fork waits for the update; then parent, its other threads and the child all go on."""
    command = [sys.executable, "-c", LOCKED_FORK, path]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.stdout == b"0 4\n", done.stderr


PARENT_CLOSES = """
import os, sys
from failwell.stores.sqlite import SQLiteStore
from failwell.testing import Add
store, memory = SQLiteStore(sys.argv[1]), SQLiteStore(":memory:")
store.update("k", Add())
memory.update("k", Add())
closed, tell = os.pipe()
child = os.fork()
if child == 0:
    store.update("k", Add())
    os.read(closed, 1)
    for _ in range(10):
        store.update("k", Add())
    os._exit(memory.update("k", Add()))
while store.update("k", Add()) < 3:
    pass
store.close()
os.write(tell, b"x")
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_loses_nothing_when_its_parent_closes(path: str) -> None:
    """What the child writes after the parent has closed the file is there for the next one."""
    done = subprocess.run(
        [sys.executable, "-c", PARENT_CLOSES, path], capture_output=True, timeout=60
    )
    assert done.stdout == b"2\n", done.stderr
    store = SQLiteStore(path)
    assert store.update("k", Look())[0].count >= 13
    store.close()


def test_dead_records_are_reaped(path: str) -> None:
    """The file does not grow with every key that ever was: the dead go faster than they come."""
    clock = Clock()
    store = SQLiteStore(path, clock=clock)
    for number in range(3_000):
        store.update(f"key {number}", Add(ttl=0.1))
        clock.advance(0.01)
    store.close()
    with sqlite3.connect(path) as connection:
        (count,) = connection.execute("SELECT count(*) FROM failwell_records").fetchone()
    connection.close()
    assert count < 600


@pytest.mark.parametrize("content", [b"this is no database, but a text" * 99, b"\x00" * 9999])
def test_a_file_that_is_no_database_is_a_clear_error(path: str, content: bytes) -> None:
    """The error names the file and says what it is not; the file is left as it was."""
    Path(path).write_bytes(content)
    with pytest.raises(StoreError, match="cannot be used: file is not a database") as caught:
        SQLiteStore(path)
    assert repr(path) in str(caught.value)
    assert Path(path).read_bytes() == content


def test_a_file_that_is_damaged_later_is_a_clear_error(path: str) -> None:
    """Pages overwritten under a running store raise `StoreError` at the next look."""
    store = SQLiteStore(path)
    for number in range(200):
        store.update(f"key {number}", Add(payload=b"x" * 500))
    store.close()
    with Path(path).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 40_960)
    with pytest.raises(StoreError, match="cannot be used"):
        _read_all(SQLiteStore(path))


def _read_all(store: SQLiteStore) -> None:
    try:
        for number in range(200):
            store.update(f"key {number}", Look())
    finally:
        store.close()


@pytest.mark.parametrize("where", ["no/such/folder/store.db", ""])
def test_a_path_that_cannot_be_written_is_a_clear_error(tmp_path: Path, where: str) -> None:
    """A missing folder, or a folder in the place of the file."""
    with pytest.raises(StoreError, match="cannot be used: unable to open database file"):
        SQLiteStore(str(tmp_path / where))


def test_a_closed_store_is_a_clear_error(path: str) -> None:
    """An update after `close` is refused, and closing twice does no harm."""
    store = SQLiteStore(path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="is closed"):
        store.update("k", Add())


def test_a_locked_file_is_a_clear_error(path: str) -> None:
    """Another program that holds the file for longer than `timeout`: an error, then it goes on."""
    store = SQLiteStore(path, timeout=0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="database is locked"):
        store.update("k", Add())
    other.execute("ROLLBACK")
    other.close()
    assert store.update("k", Add()) == 1
    store.close()


class Other(msgspec.Struct, frozen=True):
    """A record that is not a tally."""

    word: str


def test_a_record_of_another_kind_is_a_clear_error(path: str) -> None:
    """What cannot be decoded is an error, is not overwritten, and the store stays usable."""
    store = SQLiteStore(path)
    store.update("k", Add(5))
    with pytest.raises(StoreError, match="cannot be used"):
        store.update("k", _LookAs(Other))
    assert store.update("k", Add()) == 6
    store.close()


class _LookAs(Look):
    kind: type[msgspec.Struct]

    @property
    def record_type(self) -> type[msgspec.Struct]:  # type: ignore[override]
        return self.kind


def test_only_two_settings_of_durability(path: str) -> None:
    """NORMAL and FULL are taken as they are; anything else is refused."""
    for word in ("NORMAL", "FULL"):
        SQLiteStore(path, synchronous=word).close()
    with pytest.raises(ValueError, match="synchronous='OFF': use NORMAL or FULL"):
        SQLiteStore(path, synchronous="OFF")


def test_it_is_opened_by_its_url(path: str) -> None:
    """Four slashes for an absolute path, three for a relative one; escapes are decoded."""
    store = stores.open(f"sqlite:///{path.replace('store', 'my%20store')}")
    assert isinstance(store, SQLiteStore)
    store.update("k", Add())
    store.close()
    assert Path(path.replace("store", "my store")).exists()


def test_a_store_that_is_let_go_is_freed(path: str) -> None:
    """Being ready for a fork does not keep a store alive for ever."""
    store = SQLiteStore(path)
    gone = weakref.ref(store)
    store.close()
    del store
    gc.collect()
    assert gone() is None


def test_a_store_that_is_let_go_closes_its_file(path: str) -> None:
    """Nobody has to: a client that was given its URL does not."""
    store = SQLiteStore(path)
    store.update("k", Add())
    connection = store._connection  # pyright: ignore[reportPrivateUsage]
    assert connection is not None
    del store
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
