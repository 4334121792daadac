"""A process without free descriptors is told of its failures as any other is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("exhausted.py")
MOCKED = ["well", "unavailable unknown", "unprocessable not_started", "connection unknown"]
REFUSED = "connection not_started"
"""What is said of a write for which there was no socket."""


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("sync", [*MOCKED, REFUSED]),
        ("async", MOCKED),
        ("httpx", [REFUSED]),
        ("requests", [REFUSED]),
    ],
)
def test_nothing_is_left_to_be_read(client: str, expected: list[str]) -> None:
    """Once a client is made, a call that fails opens no file to say so: each is raised as its own
    class, with its outcome, words and pickle."""
    command = [sys.executable, "-B", str(PROGRAM), client]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.stdout.splitlines() == expected, ran.stderr
