"""The two worlds that every scenario of the clients runs in."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.world import World


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest) -> World:
    """Run the test once with the sync client and once with the async one."""
    return World(request.param)


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    """A file of ten digits."""
    path = tmp_path / "digits.txt"
    path.write_bytes(b"0123456789")
    return path
