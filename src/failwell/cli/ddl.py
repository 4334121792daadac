"""`failwell ddl`: the table that keeps idempotency keys."""

from __future__ import annotations

from typing import Literal

from failwell.cli import render
from failwell.stores import postgres_sql, sqlite_sql


def ddl(database: Literal["sqlite", "postgresql"], /) -> None:
    """Print the SQL that makes the table for idempotency keys, for your own migrations.

    Parameters
    ----------
    database
        Whose SQL.
    """
    schema = sqlite_sql.SCHEMA if database == "sqlite" else postgres_sql.SCHEMA
    render.text(schema.strip() + "\n")
