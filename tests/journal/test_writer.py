"""Writing to the journal: off the request's path, soon, bounded, and never the service's end."""

from __future__ import annotations

import logging
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from failwell import journal
from failwell.actions import StoreError
from failwell.journal import Entry, Journal, entry
from failwell.journal import writer as writing
from failwell.testing import Clock


def made(request_id: str, message: str = "") -> Entry:
    return entry(side="server", at=time.time(), request_id=request_id, message=message)


def until(is_true: Callable[[], object], within: float = 10.0) -> bool:
    """Whether it becomes true in that many seconds."""
    ends = time.monotonic() + within
    while time.monotonic() < ends:
        if is_true():
            return True
        time.sleep(0.002)
    return False


class Fake:
    """A store in memory that is dead, slow or picky on demand."""

    def __init__(self) -> None:
        self.kept: list[Entry] = []
        self.is_dead = False
        self.refused = ""
        self.tries = 0
        self.lock = threading.Lock()
        self.reaps: list[int] = []

    def append(self, entries: Sequence[Entry]) -> None:
        with self.lock:
            self.tries += 1
            if self.is_dead:
                raise StoreError("the store is dead")
            if any(given.request_id == self.refused for given in entries):
                raise ValueError("no such thing can be kept")
            self.kept += entries

    def reap(self) -> int:
        return self.reaps.pop(0) if self.reaps else 0

    def by_request(self, request_id: str) -> list[Entry]:
        return [found for found in self.kept if found.request_id == request_id]

    def search(self, since: float = 0.0, **_: object) -> list[Entry]:
        return self.kept

    def close(self) -> None:
        pass

    @property
    def ids(self) -> list[str]:
        return [found.request_id for found in self.kept]


def test_in_the_store_within_100_ms(url: str) -> None:
    """What is written can be read by others a tenth of a second later."""
    told = Journal(url)
    reader = journal.open(url)
    told.write(made("first"))
    assert told.flush()
    took: list[float] = []
    for number in range(7):
        began = time.perf_counter()
        told.write(made(f"r{number}"))
        assert until(lambda number=number: reader.by_request(f"r{number}"))
        took.append(time.perf_counter() - began)
    assert statistics.median(took) < 0.1
    told.close()


def test_ten_thousand_writes_wait_for_nothing() -> None:
    """Ten thousand writes take no time while the store hangs, and none is lost."""
    store = Fake()
    told = Journal(store)
    given = made("r1")
    with store.lock:
        took: list[float] = []
        for _ in range(10_000):
            began = time.perf_counter()
            told.write(given)
            took.append(time.perf_counter() - began)
        assert sum(took) < 2
        assert statistics.median(took) < 0.0005
        assert store.kept == []
    assert told.flush()
    assert (len(store.kept), told.dropped) == (10_000, 0)
    told.close()


def test_what_there_is_no_room_for(caplog: pytest.LogCaptureFixture) -> None:
    """The first entries of an outage are kept; those that come when it is full are counted, and
    it is said once a minute how many."""
    store, clock = Fake(), Clock()
    store.is_dead = True
    told = Journal(store, capacity=3, clock=clock)
    for number in range(10):
        told.write(made(f"r{number}"))
    assert told.dropped == 7

    def said() -> list[str]:
        return [record.message for record in caplog.records if "dropped" in record.message]

    assert until(lambda: said() == ["the journal dropped 7 entries"])
    told.write(made("r10"))
    time.sleep(0.3)
    assert len(said()) == 1
    clock.advance(61)
    assert until(
        lambda: said() == ["the journal dropped 7 entries", "the journal dropped 1 entries"]
    )
    store.is_dead = False
    assert told.flush()
    assert store.ids == ["r0", "r1", "r2"]
    told.close()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large entries are dropped by their bytes before they are by their number."""
    store = Fake()
    monkeypatch.setattr(writing, "MOST_BYTES", 10_000)
    told = Journal(store)
    with store.lock:
        for number in range(20):
            told.write(made(f"r{number}", "x" * 1000))
        assert told.dropped == 16
    assert told.flush()
    told.write(made("later", "x" * 1000))
    assert told.flush()
    assert store.ids == ["r0", "r1", "r2", "r3", "later"]
    told.close()


def test_a_dead_store_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    """While the store is dead, entries wait in order and one error a minute is logged; when it
    is back they are written within seconds, once, and that is said."""
    store, clock = Fake(), Clock()
    store.is_dead = True
    told = Journal(store, clock=clock)
    for number in range(5):
        told.write(made(f"r{number}"))
    assert not told.flush(0.5)
    assert until(lambda: store.tries >= 3)
    errors = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert ["cannot be written" in r.message for r in errors] == [True]
    clock.advance(61)
    assert until(lambda: caplog.text.count("cannot be written") == 2)
    store.is_dead = False
    assert until(lambda: len(store.kept) == 5, within=3)
    assert store.ids == [f"r{number}" for number in range(5)]
    assert told.flush()
    told.close()
    assert caplog.text.count("the journal is written again") == 1


def test_an_entry_that_can_never_be_kept(caplog: pytest.LogCaptureFixture) -> None:
    """It is given up, counted and logged; those around it are kept, in order."""
    store = Fake()
    store.refused = "bad"
    told = Journal(store)
    with store.lock:
        for request_id in ("a", "b", "bad", "c"):
            told.write(made(request_id))
    assert told.flush()
    assert store.ids == ["a", "b", "c"]
    assert "can never be kept" in caplog.text
    told.close()


def test_old_entries_go_by_themselves() -> None:
    """A running journal takes out what is too old: at once, as long as there is more, and then
    once a minute."""
    store, clock = Fake(), Clock()
    store.reaps = [500, 500, 2, 7]
    told = Journal(store, clock=clock)
    told.write(made("r1"))
    assert until(lambda: store.reaps == [7])
    told.write(made("r2"))
    assert told.flush()
    time.sleep(0.1)
    assert store.reaps == [7]
    clock.advance(61)
    told.write(made("r3"))
    assert until(lambda: store.reaps == [])
    told.close()


def test_after_close() -> None:
    """Closing writes what waits; what comes later is counted as dropped, without an error."""
    store = Fake()
    told = Journal(store, flush_every=60)
    told.write(made("r1"))
    told.close()
    told.write(made("r2"))
    told.close()
    assert (store.ids, told.dropped) == (["r1"], 1)
    assert not any(t.name == "failwell-journal" and t.is_alive() for t in [told._thread] if t)


def test_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be started, writing raises nothing and a flush does the work itself."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    store = Fake()
    told = Journal(store)
    told.write(made("r1"))
    assert store.ids == []
    assert told.flush()
    assert store.ids == ["r1"]
    told.close()


def test_writing_from_many_threads() -> None:
    """Entries of many threads are all kept, each once."""
    store = Fake()
    told = Journal(store)

    def write(name: str) -> None:
        for number in range(500):
            told.write(made(f"{name}-{number}"))

    threads = [threading.Thread(target=write, args=(str(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.flush()
    assert len(store.ids) == len(set(store.ids)) == 4000
    told.close()


@pytest.mark.parametrize("wrong", [{"capacity": 0}, {"flush_every": 0}])
def test_numbers_that_make_no_sense(wrong: dict[str, int]) -> None:
    """A capacity or a time of nothing is refused at once."""
    with pytest.raises(ValueError, match="above 0"):
        Journal(Fake(), **wrong)


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


AT_EXIT = """
import sys, time
from failwell.journal import Journal, entry
told = Journal(sys.argv[1], flush_every=60)
told.write(entry(side="server", at=time.time(), request_id="last"))
"""


def test_the_last_words_of_a_process(url: str) -> None:
    """What waits when the interpreter ends is written."""
    ended = run(AT_EXIT, url)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [found.request_id for found in journal.open(url).search()] == ["last"]


def test_a_dead_store_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """A process ends within seconds though its journal cannot be written, and says what is lost."""
    began = time.monotonic()
    ended = run(AT_EXIT, f"sqlite:///{tmp_path}/no/such/folder/journal.db")
    assert time.monotonic() - began < 10
    assert ended.returncode == 0
    assert "1 entries of the journal were not written" in ended.stderr


FORK = """
import os, sys, threading, time
from failwell.journal import Journal, entry

def write(request_id):
    told.write(entry(side="server", at=time.time(), request_id=request_id))

told = Journal(sys.argv[1])
write("before")
assert told.flush()
told._flush_every = 60          # what follows waits in the parent while it forks
time.sleep(0.2)
write("waiting")
stop = threading.Event()

def hammer():
    while not stop.is_set():
        with told._lock:
            pass

hammering = threading.Thread(target=hammer)
hammering.start()
children = []
for number in range(3):
    child = os.fork()
    if not child:
        told._flush_every = 0.1
        write(f"child-{number}")
        os._exit(0 if told.flush(20) else 1)
    children.append(child)
failed = [child for child in children if os.waitpid(child, 0)[1]]
stop.set()
hammering.join()
write("after")
told.close()
sys.exit(len(failed))
"""


def test_a_fork(url: str) -> None:
    """Parent and children go on writing after a fork, whoever holds the lock; nothing is written
    twice and nothing lost."""
    ended = run(FORK, url)
    assert ended.returncode == 0, ended.stderr
    told = sorted(found.request_id for found in journal.open(url).search())
    assert told == ["after", "before", "child-0", "child-1", "child-2", "waiting"]


PROCESSES = """
import multiprocessing, sys, time
from failwell.journal import Journal, entry

def work(url, name):
    told.write(entry(side="server", at=time.time(), request_id=name))

told = Journal(sys.argv[1])

if __name__ == "__main__":
    told.write(entry(side="server", at=time.time(), request_id="parent"))
    assert told.flush()
    for method in ("spawn", "fork"):
        context = multiprocessing.get_context(method)
        started = [
            context.Process(target=work, args=(sys.argv[1], f"{method}-{n}")) for n in range(2)
        ]
        for process in started:
            process.start()
        for process in started:
            process.join()
            assert process.exitcode == 0
"""


def test_multiprocessing(url: str, tmp_path: Path) -> None:
    """Worker processes, spawned or forked, write their last entries before they end."""
    script = tmp_path / "processes.py"
    script.write_text(PROCESSES)
    ended = subprocess.run(
        [sys.executable, script, url], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    told = sorted(found.request_id for found in journal.open(url).search())
    assert told == ["fork-0", "fork-1", "parent", "spawn-0", "spawn-1"]
