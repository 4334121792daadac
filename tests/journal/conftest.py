"""Journals in real stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from journal.servers import Postgres
from journal.servers import postgres as serving


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for all tests."""
    with serving() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """An empty schema."""
    with postgres.schema() as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A file that is not there yet."""
    return f"sqlite:///{tmp_path / 'journal.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """Run the test on each store."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
