"""A change applied inside a transaction of the caller's, on the caller's own connection.

What it writes stands or falls with whatever else the transaction writes. It takes a plain
`sqlite3` or psycopg connection, a SQLAlchemy connection or session, or Django's `connection`; the
store's records must be in the same database.
"""

from __future__ import annotations

import inspect
import sqlite3
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar, cast

import msgspec

from failwell.actions import Change
from failwell.stores import postgres_sql, sqlite_sql

R = TypeVar("R")
A = TypeVar("A")

Statements = Generator[tuple[str, tuple[Any, ...]], Any, A]
"""Statements with their parameters; each is answered by its first row, or None."""

Execute = Callable[[str, tuple[Any, ...]], Any]
"""Executes one statement; its first row, or None."""


def apply(connection: Any, key: str, change: Change[R, A]) -> A:
    """Apply `change` to the record under `key` inside the caller's transaction; its answer.

    Raises `TypeError` for a connection that it does not know, or that must be awaited, and
    `ValueError` for one on which each statement is a transaction of its own.
    """
    if _is_async(connection):
        raise TypeError(f"{type(connection).__name__} must be awaited: use acommit")
    sql, execute = _known(connection)
    steps = _steps(sql, key, change)
    try:
        statement = next(steps)
        while True:
            statement = steps.send(execute(*statement))
    except StopIteration as end:
        answer: A = end.value
        return answer


async def aapply(connection: Any, key: str, change: Change[R, A]) -> A:
    """The same, for psycopg's `AsyncConnection`, SQLAlchemy's `AsyncSession` and
    `AsyncConnection`, and any that `apply` takes."""
    if hasattr(connection, "run_sync"):
        return cast("A", await connection.run_sync(apply, key, change))
    if not _is_async(connection):
        return apply(connection, key, change)
    _check_psycopg(connection)
    steps = _steps(postgres_sql, key, change)
    try:
        statement = next(steps)
        while True:
            cursor = await _psycopg_cursor(connection).execute(*statement)
            row = await cursor.fetchone() if cursor.description else None
            statement = steps.send(row)
    except StopIteration as end:
        answer: A = end.value
        return answer


def _steps(sql: Any, key: str, change: Change[R, A]) -> Statements[A]:
    """Read the record under a lock, apply the change, write what it made of it."""
    kept = yield sql.LOCK, (sql.name(key),)
    now = time.time() if sql is sqlite_sql else float((yield sql.CLOCK, ())[0])
    record, ends = None, None
    if kept is not None and kept[0] is not None:
        record, ends = msgspec.msgpack.decode(bytes(kept[0]), type=change.record_type), kept[1]
    step = change(record, now)
    if step.record is None:
        yield sql.DELETE, (sql.name(key),)
    elif step.record is not record:
        ends = ends if step.ttl is None else now + step.ttl
        yield sql.UPDATE, (msgspec.msgpack.encode(step.record), ends, sql.name(key))
    return step.answer


def _known(connection: Any) -> tuple[Any, Execute]:
    """The SQL that the connection's database speaks, and how a statement is executed on it."""
    if isinstance(connection, sqlite3.Connection):
        return sqlite_sql, _on_sqlite(connection)
    if hasattr(connection, "vendor"):
        return _of_vendor(connection.vendor), _on_django(connection)
    if hasattr(connection, "get_bind") and hasattr(connection, "connection"):
        connection = connection.connection()
    if hasattr(connection, "exec_driver_sql"):
        return _of_vendor(connection.dialect.name), _on_sqlalchemy(connection)
    if _is_psycopg(connection):
        _check_psycopg(connection)
        return postgres_sql, _on_psycopg(connection)
    raise TypeError(
        f"{type(connection).__name__} is not a connection that failwell can write through: give a "
        "sqlite3 or psycopg connection, a SQLAlchemy connection or session, or Django's connection"
    )


def _on_sqlite(connection: sqlite3.Connection) -> Execute:
    def execute(statement: str, parameters: tuple[Any, ...]) -> Any:
        cursor = connection.cursor()
        cursor.row_factory = None
        return _row(cursor.execute(statement, parameters))

    _begin_sqlite(connection, lambda: connection.execute("BEGIN IMMEDIATE"))
    return execute


def _on_psycopg(connection: Any) -> Execute:
    def execute(statement: str, parameters: tuple[Any, ...]) -> Any:
        return _row(_psycopg_cursor(connection).execute(statement, parameters))

    return execute


def _on_sqlalchemy(connection: Any) -> Execute:
    import sqlalchemy

    def execute(statement: str, parameters: tuple[Any, ...]) -> Any:
        named = {f"p{n}": value for n, value in enumerate(parameters)}
        for name in named:
            statement = statement.replace(mark, f":{name}", 1)
        result = connection.execute(sqlalchemy.text(statement), named)
        return result.first() if result.returns_rows else None

    driver = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        mark = "?"
        _begin_sqlite(driver, lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    else:
        mark = "%s"
        _check_psycopg(driver)
    return execute


def _on_django(connection: Any) -> Execute:
    """Django spells a placeholder `%s` for every database."""

    def execute(statement: str, parameters: tuple[Any, ...]) -> Any:
        cursor = connection.cursor()
        cursor.execute(statement.replace("?", "%s"), parameters)
        return _row(cursor)

    if not connection.in_atomic_block and connection.get_autocommit():
        raise ValueError(_NO_TRANSACTION)
    return execute


_NO_TRANSACTION = (
    "no transaction is open on this connection, which commits each statement by itself: begin one, "
    "so that the answer stands or falls with the effects"
)


def _begin_sqlite(driver: Any, begin: Callable[[], object]) -> None:
    """See to it that a transaction is open: as `sqlite3` itself does before a first INSERT."""
    if driver.in_transaction:
        return
    if driver.isolation_level is None or getattr(driver, "autocommit", False) is True:
        raise ValueError(_NO_TRANSACTION)
    begin()


def _check_psycopg(driver: Any) -> None:
    is_idle = getattr(getattr(driver, "info", None), "transaction_status", None) == 0
    if is_idle and driver.autocommit:
        raise ValueError(_NO_TRANSACTION)


def _psycopg_cursor(connection: Any) -> Any:
    from psycopg.rows import tuple_row

    return connection.cursor(row_factory=tuple_row)


def _row(cursor: Any) -> Any:
    return cursor.fetchone() if cursor.description else None


def _is_psycopg(connection: Any) -> bool:
    return any(cls.__module__.partition(".")[0] == "psycopg" for cls in type(connection).__mro__)


def _is_async(connection: Any) -> bool:
    """Whether it is an asynchronous connection or session that `aapply` takes."""
    if hasattr(connection, "run_sync"):
        return True
    return _is_psycopg(connection) and inspect.iscoroutinefunction(connection.commit)


def _of_vendor(vendor: str) -> Any:
    known = {"sqlite": sqlite_sql, "postgresql": postgres_sql}
    if vendor not in known:
        raise TypeError(f"failwell keeps no records in {vendor}: use SQLite or PostgreSQL")
    return known[vendor]
