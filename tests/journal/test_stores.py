"""What both stores of the journal promise, on a real SQLite and a real PostgreSQL."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from failwell import journal
from failwell.actions import StoreError
from failwell.journal import Entry, entry
from failwell.journal.postgres import PostgresJournal
from failwell.journal.sqlite import SQLiteJournal
from journal.servers import Postgres


def made(request_id: str, at: float = 1.0, **facts: Any) -> Entry:
    return entry(side=facts.pop("side", "server"), at=at, request_id=request_id, **facts)


def ids(entries: list[Entry]) -> list[str]:
    return [found.request_id for found in entries]


def test_what_is_kept_is_found(url: str) -> None:
    """An entry comes back whole by its request id, also over another connection."""
    error = ValueError("\x00 \ud800 é")
    full = made(
        "r1", api="toolpath", method="POST", route="/parts", status=503, code="away",
        kind="unavailable", outcome="unknown", idempotency_key="k", caller="c", elapsed=0.25,
        message="Away", trace_id="t", error=error, details_json=b'{"a":1}',
    )  # fmt: skip
    kept = journal.open(url)
    kept.append([full, made("r2")])
    assert kept.by_request("r1") == [full]
    assert journal.open(url).by_request("r1") == [full]
    assert kept.by_request("r3") == []
    kept.close()


def test_story_in_time_order(url: str) -> None:
    """A story is told in time order, both sides together, whichever was written first."""
    kept = journal.open(url)
    kept.append([made("r1", 3.0), made("r1", 1.0, side="client"), made("r1", 2.0, side="client")])
    assert [told.at for told in kept.by_request("r1")] == [1.0, 2.0, 3.0]
    kept.close()


def test_story_of_a_keyed_write(url: str) -> None:
    """A lost attempt, which no request id names, is found by the key of its write."""
    kept = journal.open(url)
    kept.append(
        [
            made("", 1.0, side="client", idempotency_key="k1"),
            made("r1", 2.0, side="client", idempotency_key="k1"),
            made("", 1.5, side="client", idempotency_key="k2"),
            made("", 1.6, side="client"),
            made("r9", 1.7),
        ]
    )
    assert [told.at for told in kept.by_request("r1")] == [1.0, 2.0]
    assert [told.at for told in kept.by_request("r9")] == [1.7]
    assert kept.by_request("") == []
    kept.close()


@pytest.mark.parametrize(
    ("since", "filters", "found"),
    [
        (0.0, {}, ["a", "b", "c", "d"]),
        (3.0, {}, ["c", "d"]),
        (0.0, {"code": "away"}, ["a", "c"]),
        (0.0, {"status": 404}, ["b"]),
        (0.0, {"api": "ionq"}, ["c"]),
        (0.0, {"outcome": "unknown"}, ["a", "d"]),
        (0.0, {"code": "away", "outcome": "unknown"}, ["a"]),
        (0.0, {"code": "nothing"}, []),
        (0.0, {"limit": 2}, ["c", "d"]),
        (0.0, {"limit": 1, "code": "away"}, ["c"]),
    ],
)
def test_search(url: str, since: float, filters: dict[str, Any], found: list[str]) -> None:
    """A search gives the newest that match every filter, in time order."""
    kept = journal.open(url)
    kept.append(
        [
            made("d", 4.0, api="toolpath", outcome="unknown"),
            made("a", 1.0, api="toolpath", code="away", status=503, outcome="unknown"),
            made("c", 3.0, api="ionq", code="away", status=503, outcome="rolled_back"),
            made("b", 2.0, api="toolpath", code="missing", status=404, outcome="not_started"),
        ]
    )
    assert ids(kept.search(since, **filters)) == found
    kept.close()


def test_old_entries_are_taken_out(url: str) -> None:
    """What is older than `keep` goes, five hundred at a time; what is younger stays."""
    make = SQLiteJournal if url.startswith("sqlite") else PostgresJournal
    place = url.removeprefix("sqlite:///")
    kept = make(place, keep=100.0, clock=lambda: 1000.0)
    kept.append([made("old", 899.0)] * 700 + [made("young", 901.0)] * 3)
    assert [kept.reap(), kept.reap(), kept.reap()] == [500, 200, 0]
    assert ids(kept.search()) == ["young"] * 3
    kept.close()


def test_all_or_none(url: str) -> None:
    """A batch with an entry that cannot be kept leaves nothing, and is not the store's fault."""
    kept = journal.open(url)
    with pytest.raises((OverflowError, psycopg.DataError)) as caught:
        kept.append([made("good"), made("bad", float("nan"), status=2**70)])
    assert not isinstance(caught.value, StoreError)
    kept.append([made("good")])
    assert ids(kept.search()) == ["good"]
    kept.close()


def test_many_writers_at_once(url: str) -> None:
    """Several processes' worth of writers may open an empty store at the same time."""
    begin = threading.Barrier(8)

    def write(number: int) -> None:
        begin.wait()
        kept = journal.open(url)
        kept.append([made(f"r{number}")] * 10)
        kept.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(journal.open(url).search()) == 80


def test_no_journal_there(url: str) -> None:
    """Reading where nothing was ever written says so, and makes nothing."""
    with pytest.raises(StoreError, match="There is no journal in"):
        journal.open(url).by_request("r1")
    with pytest.raises(StoreError, match="There is no journal in"):
        journal.open(url).search()


def test_reading_makes_no_file(tmp_path: Path) -> None:
    """A look into a journal that is not there leaves no file behind."""
    with pytest.raises(StoreError):
        SQLiteJournal(str(tmp_path / "none.db")).search()
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_reads_the_file(tmp_path: Path) -> None:
    """The file and its companions are closed to everyone else."""
    kept = SQLiteJournal(str(tmp_path / "journal.db"))
    kept.append([made("r1")])
    assert {os.stat(path).st_mode & 0o077 for path in tmp_path.iterdir()} == {0}
    kept.close()


def test_a_file_that_is_no_journal(tmp_path: Path) -> None:
    """A file of another kind is refused as a store that cannot be used, by name."""
    (tmp_path / "x.db").write_bytes(b"no database" * 1000)
    kept = SQLiteJournal(str(tmp_path / "x.db"))
    with pytest.raises(StoreError, match=r"x\.db"):
        kept.append([made("r1")])
    with pytest.raises(StoreError, match=r"x\.db"):
        kept.search()


@pytest.mark.parametrize(
    "url",
    [
        "", "journal.db", "memory:", "sqlite://", "sqlite:///", "sqlite:///:memory:",
        "sqlite://host/file.db", "mysql://a/b", "redis://localhost",
    ],
)  # fmt: skip
def test_urls_that_name_no_journal(url: str) -> None:
    """A URL that names no journal is refused at once, and told what would."""
    with pytest.raises(ValueError, match=r"use sqlite:///path/to/file\.db or postgresql"):
        journal.open(url)


def test_no_password_in_errors() -> None:
    """An error of a PostgreSQL that is not there names it without its password."""
    kept = journal.open("postgresql://bob:hunter2@127.0.0.1:1/parts?connect_timeout=1")
    with pytest.raises(StoreError, match=r"postgresql://127\.0\.0\.1:1/parts") as caught:
        kept.append([made("r1")])
    assert "hunter2" not in str(caught.value)
    broken = journal.open("postgresql://bob:hunter2@127.0.0.1/parts?nonsense=hunter2")
    with pytest.raises(StoreError) as caught:
        broken.append([made("r1")])
    assert "hunter2" not in str(caught.value)


def test_a_writer_without_the_right_to_make_tables(postgres: Postgres, postgres_url: str) -> None:
    """Where the table is there already, the right to insert is enough."""
    owner = journal.open(postgres_url)
    owner.append([made("r1")])
    owner.close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS clerk")
        connection.execute("CREATE ROLE clerk LOGIN")
        connection.execute("GRANT SELECT, INSERT ON failwell_journal TO clerk")
    kept = journal.open(postgres_url.replace("postgres:@", "clerk:@"))
    kept.append([made("r2")])
    assert ids(kept.search()) == ["r1", "r2"]
    kept.close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP OWNED BY clerk")
        connection.execute("DROP ROLE clerk")
