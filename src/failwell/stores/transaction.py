"""A change applied inside a transaction of the caller's, on the caller's own connection.

What it writes stands or falls with whatever else the transaction writes. It takes a plain
`sqlite3` or psycopg connection, a SQLAlchemy connection or session, or Django's `connection`; the
store's records must be in the same database.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any, TypeVar

import msgspec

from failwell.actions import Change
from failwell.stores import postgres_sql, sqlite_sql

R = TypeVar("R")
A = TypeVar("A")


def apply(connection: Any, key: str, change: Change[R, A]) -> A:
    """Apply `change` to the record under `key` inside the caller's transaction; its answer.

    Raises `TypeError` for a connection that it does not know.
    """
    cursor, sql = _cursor(connection)
    cursor.execute(_placed(sql.LOCK, connection), (sql.name(key),))
    statement, answer = _decided(sql, key, cursor.fetchone(), change)
    if statement is not None:
        cursor.execute(_placed(statement[0], connection), statement[1])
    return answer


async def aapply(connection: Any, key: str, change: Change[R, A]) -> A:
    """The same for psycopg's `AsyncConnection`, SQLAlchemy's `AsyncSession` and `AsyncConnection`.

    Raises `TypeError` for a connection that it does not know.
    """
    if hasattr(connection, "run_sync"):
        ran: A = await connection.run_sync(lambda inner: apply(inner, key, change))
        return ran
    if not type(connection).__name__.startswith("Async"):
        return apply(connection, key, change)
    cursor, sql = _cursor(connection)
    await cursor.execute(sql.LOCK, (sql.name(key),))
    statement, answer = _decided(sql, key, await cursor.fetchone(), change)
    if statement is not None:
        await cursor.execute(*statement)
    return answer


def _decided(
    sql: Any, key: str, kept: tuple[Any, Any] | None, change: Change[R, A]
) -> tuple[tuple[str, tuple[Any, ...]] | None, A]:
    """The statement that carries the change out, if there is anything to do, and its answer."""
    now = time.time()
    record, ends = None, None
    if kept is not None and kept[0] is not None:
        record, ends = msgspec.msgpack.decode(bytes(kept[0]), type=change.record_type), kept[1]
    step = change(record, now)
    if step.record is None:
        return (sql.DELETE, (sql.name(key),)), step.answer
    if step.record is record:
        return None, step.answer
    ends = ends if step.ttl is None else now + step.ttl
    return (sql.UPDATE, (msgspec.msgpack.encode(step.record), ends, sql.name(key))), step.answer


def _cursor(connection: Any) -> tuple[Any, Any]:
    """A cursor of the caller's transaction, and the SQL that its database speaks."""
    if isinstance(connection, sqlite3.Connection):
        return connection.cursor(), sqlite_sql
    if hasattr(connection, "vendor"):
        return connection.cursor(), _of_vendor(connection.vendor)
    if hasattr(connection, "get_bind"):
        connection = connection.connection()
    if hasattr(connection, "dialect"):
        vendor = connection.dialect.name
        return connection.connection.cursor(), _of_vendor(vendor)
    if type(connection).__module__.partition(".")[0] == "psycopg":
        return connection.cursor(), postgres_sql
    raise TypeError(
        f"{type(connection).__name__} is not a connection that failwell can write through: give a "
        "sqlite3 or psycopg connection, a SQLAlchemy connection or session, or Django's connection"
    )


def _of_vendor(vendor: str) -> Any:
    known = {"sqlite": sqlite_sql, "postgresql": postgres_sql}
    if vendor not in known:
        raise TypeError(f"failwell keeps no records in {vendor}: use SQLite or PostgreSQL")
    return known[vendor]


def _placed(sql: str, connection: Any) -> str:
    """Django spells a placeholder `%s` for every database."""
    return sql.replace("?", "%s") if hasattr(connection, "vendor") else sql
