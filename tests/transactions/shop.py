"""A shop whose effects are in a database, with functions for the steps of a durable transaction.

Run as a program it forks, for each line that it reads, a process that makes one order and kills
itself by SIGKILL at the instant that the line names; it prints how that process ended.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from failwell.actions import Change
from failwell.settings import Retry
from failwell.stores.sqlite import SQLiteStore
from failwell.transactions import transaction

DATABASE = "SHOP_DATABASE"
SCHEMA = """
CREATE TABLE IF NOT EXISTS parts (name TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS calls (what TEXT);
"""
QUICK = Retry(max_retries=1, base=0.0, fast_base=0.0)


class Instants:
    """Counts the instants of a process, and kills it at the one that is wanted."""

    passed = 0
    last = 0

    @classmethod
    def passes(cls) -> None:
        cls.passed += 1
        if cls.passed == cls.last:
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """A connection in a transaction of its own."""
    with closing(sqlite3.connect(os.environ[DATABASE], timeout=10)) as connection, connection:
        connection.executescript(SCHEMA)
        yield connection


def write(call: str, statement: str, name: str) -> None:
    """One effect, with an instant before and one after it."""
    Instants.passes()
    with database() as connection:
        connection.execute("INSERT INTO calls VALUES (?)", (call,))
        connection.execute(statement, (name,))
    Instants.passes()


def parts() -> set[str]:
    with database() as connection:
        return {name for (name,) in connection.execute("SELECT name FROM parts")}


def calls(what: str) -> int:
    with database() as connection:
        found = connection.execute("SELECT count(*) FROM calls WHERE what = ?", (what,))
        return int(found.fetchone()[0])


def create(name: str, *, idempotency_key: str) -> dict[str, str]:
    """Create a part; a repeated key has no second effect."""
    write(f"create {name}", "INSERT OR IGNORE INTO parts VALUES (?)", name)
    return {"id": name}


def create_blindly(name: str) -> dict[str, str]:
    """Create a part without a key."""
    write(f"create {name}", "INSERT INTO parts VALUES (?)", name)
    return {"id": name}


def delete(part: dict[str, str]) -> None:
    """Delete a part, if it is there."""
    write(f"delete {part['id']}", "DELETE FROM parts WHERE name = ?", part["id"])


async def adelete(part: dict[str, str]) -> None:
    """The same, to be awaited."""
    delete(part)


def look_up(name: str) -> dict[str, str] | None:
    """The part of this name."""
    return {"id": name} if name in parts() else None


class DeadlyStore(SQLiteStore):
    """A store with an instant before each update and one after it."""

    def update(self, key: str, change: Change[Any, Any]) -> Any:
        Instants.passes()
        answer = super().update(key, change)
        Instants.passes()
        return answer


def order(store: str, kind: str, name: str) -> None:
    """Create three parts: all with keys; or the second one without a key, or looked up."""
    with transaction(store=DeadlyStore(store), name=name, lease=0.05, retry=QUICK) as tx:
        tx.do(create, "a", idempotency_key="1", undo=delete)
        match kind.split()[0]:
            case "blind":
                tx.do(create_blindly, "b", undo=delete)
            case "natural":
                tx.do(create_blindly, "b", undo=adelete, look_up=look_up, settle_time=0.0)
            case _:
                tx.do(create, "b", idempotency_key="2", undo=adelete_or_delete(kind))
        if kind.endswith("pay"):
            tx.do(create, "c", idempotency_key="3", irreversible=True)
        else:
            tx.do(create, "c", idempotency_key="3", undo=delete)
        if kind.endswith("fails"):
            raise ValueError("no stock")


def adelete_or_delete(kind: str) -> Any:
    """Async compensations are for recoveries: a sync transaction cannot await them."""
    return delete if kind.endswith("fails") else adelete


def forked(store: str, kind: str, name: str, last: int) -> int:
    """The exit status of a process that makes the order, until its instant `last`."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    Instants.last = last
    try:
        order(store, kind, name)
    except ValueError:
        os._exit(1)
    os._exit(0)


def main() -> None:
    """Serve orders until the input ends."""
    for line in sys.stdin:
        store, kind, name, last = line.rstrip("\n").split("\t")
        print(forked(store, kind, name, int(last)), flush=True)


if __name__ == "__main__":
    main()
