"""Real stores that are full, locked, deleted or stopped: the journal waits, and goes on."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from failwell import journal, redaction
from failwell.journal import Entry, Journal, entry
from failwell.journal.sqlite import SQLiteJournal
from journal.servers import Postgres


def made(request_id: str, message: str = "") -> Entry:
    return entry(side="server", at=time.time(), request_id=request_id, message=message)


def ids(url: str) -> list[str]:
    return [found.request_id for found in journal.open(url).search(limit=10_000)]


class Small(SQLiteJournal):
    """A store that is full at so many pages."""

    pages = 30

    def _set_up(self, connection: sqlite3.Connection) -> None:
        super()._set_up(connection)
        connection.execute(f"PRAGMA max_page_count = {self.pages}")


def test_a_full_store(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """When SQLite says that it is full, entries wait; when there is room they are all kept."""
    store = Small(str(tmp_path / "journal.db"))
    told = Journal(store)
    for number in range(200):
        told.write(made(f"r{number}", "x" * 1500))
    assert not told.flush(0.5)
    assert "full" in caplog.text
    store.pages = 100_000
    assert told.flush()
    assert ids(f"sqlite:///{tmp_path}/journal.db") == [f"r{number}" for number in range(200)]
    told.close()


FULL_DISK = """
import resource, sys, time
from failwell.journal import Journal, entry

resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
told = Journal(sys.argv[1])
for number in range(500):
    told.write(entry(side="server", at=time.time(), request_id=f"r{number}", message="x" * 1500))
assert not told.flush(1.0)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert told.flush(20)
assert told.dropped == 0
told.close()
"""


def test_a_full_disk(sqlite_url: str) -> None:
    """When the operating system lets the file grow no more, nothing breaks, one error is logged,
    and all is kept once there is room."""
    ended = subprocess.run(
        [sys.executable, "-c", FULL_DISK, sqlite_url],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("cannot be written") == 1
    assert ids(sqlite_url) == [f"r{number}" for number in range(500)]


def test_a_locked_file(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """While another process holds the file, entries wait, and are kept when it lets go."""
    path = sqlite_url.removeprefix("sqlite:///")
    told = Journal(SQLiteJournal(path, timeout=0.1))
    told.write(made("r1"))
    assert told.flush()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    told.write(made("r2"))
    assert not told.flush(0.5)
    assert "locked" in caplog.text
    holder.close()
    assert told.flush()
    assert ids(sqlite_url) == ["r1", "r2"]
    told.close()


def test_a_deleted_file(sqlite_url: str) -> None:
    """Where the file is deleted under the service, the next entries are in a new one."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    told = Journal(sqlite_url)
    told.write(made("r1"))
    assert told.flush()
    for companion in path.parent.glob("journal.db*"):
        companion.unlink()
    told.write(made("r2"))
    assert told.flush()
    assert ids(sqlite_url) == ["r2"]
    told.close()


def test_a_folder_that_comes_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the folder itself is gone, entries wait for it."""
    folder = tmp_path / "mount"
    url = f"sqlite:///{folder / 'journal.db'}"
    told = Journal(url)
    told.write(made("r1"))
    assert not told.flush(0.3)
    assert "cannot be written" in caplog.text
    folder.mkdir()
    assert told.flush()
    shutil.rmtree(folder)
    told.write(made("r2"))
    assert not told.flush(0.3)
    folder.mkdir()
    assert told.flush()
    assert ids(url) == ["r2"]
    told.close()


def test_a_postgres_that_is_stopped(
    postgres: Postgres, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """While PostgreSQL is away, entries wait without their writer; when it is back, they and the
    later ones are kept in order."""
    told = Journal(postgres_url)
    told.write(made("r1"))
    assert told.flush()
    postgres.stop()
    try:
        began = time.perf_counter()
        for number in range(2, 5):
            told.write(made(f"r{number}"))
        assert time.perf_counter() - began < 0.1
        assert not told.flush(0.5)
        assert "cannot be written" in caplog.text
    finally:
        postgres.start()
    told.write(made("r5"))
    assert told.flush(10)
    assert ids(postgres_url) == ["r1", "r2", "r3", "r4", "r5"]
    told.close()


def test_a_table_that_is_dropped(postgres: Postgres, postgres_url: str) -> None:
    """Where the table is dropped under the service, it is made anew."""
    import psycopg

    told = Journal(postgres_url)
    told.write(made("r1"))
    assert told.flush()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP TABLE failwell_journal")
    told.write(made("r2"))
    assert told.flush()
    assert ids(postgres_url) == ["r2"]
    told.close()


PLANTED = "hunter2-planted"


def leak(password: str) -> None:
    token = f"token={password}"
    raise ConnectionError(f"https://bob:{password}@db/x?api_key={password} refused; {token}")


def test_planted_secrets_are_nowhere_in_the_file(tmp_path: Path) -> None:
    """No byte of the journal's files holds a secret of the request, whichever way it went in."""
    headers = {"Authorization": f"Bearer {PLANTED}"}
    told = Journal(f"sqlite:///{tmp_path / 'journal.db'}")
    try:
        leak(PLANTED)
    except ConnectionError as error:
        told.write(
            entry(
                side="server", at=time.time(), request_id=f"r-{PLANTED}", error=error,
                message=str(error), url=f"https://a.b/?q={PLANTED}", route=f"/users/{PLANTED}",
                code=PLANTED,
                details_json=b'{"password": "%b", "echo": "%b"}' % ((PLANTED.encode(),) * 2),
                secrets=redaction.secrets_of(headers, "", None),
            )
        )  # fmt: skip
    assert told.flush()
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert any(b"ConnectionError" in content for content in files.values())
    assert not any(PLANTED.encode() in content for content in files.values())
    told.close()
