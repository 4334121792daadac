"""The official client, `ionq-core`, runs unchanged against the sandbox."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from apis.ionq.conftest import opened

PYTHON = os.environ.get("FAILWELL_OFFICIAL_PYTHON", sys.executable)
"""An interpreter that has the official clients."""


def test_the_official_client() -> None:
    """Circuits, programs, polling, pages, sessions, and every one of its error classes."""
    has_it = subprocess.run([PYTHON, "-c", "import ionq_core"], capture_output=True, timeout=60)
    if has_it.returncode:
        pytest.skip("ionq-core is not installed")
    with opened() as cloud:
        told = [cloud.base, *(cloud.keys[name] for name in ("key", "simulator_only", "revoked"))]
        script = Path(__file__).with_name("official_client.py")
        done = subprocess.run(
            [PYTHON, str(script), *told, cloud.url + "/sandbox/ionq"],
            capture_output=True,
            text=True,
            timeout=100,
        )
    assert (done.stdout, done.returncode) == ("well\n", 0), done.stderr
