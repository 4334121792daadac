"""The official client, `ionq-core`, runs unchanged against the sandbox."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from apis.ionq.conftest import opened

OWN_ENVIRONMENT = Path(__file__).parents[3] / ".venv-official" / "bin" / "python"


def interpreter() -> str:
    """One that has the official client: the one that is named, the official clients' own, or this
    one. Fails where there is none."""
    named = os.environ.get("FAILWELL_OFFICIAL_PYTHON")
    if named is None and OWN_ENVIRONMENT.exists():
        named = str(OWN_ENVIRONMENT)
    found = named or sys.executable
    has_it = subprocess.run([found, "-c", "import ionq_core"], capture_output=True, timeout=60)
    if has_it.returncode:
        pytest.fail(f"{found} has no ionq-core; `make test` installs it (group `official`)")
    return found


def test_the_official_client() -> None:
    """Circuits, programs, polling, pages, sessions, and every one of its error classes."""
    python = interpreter()
    with opened() as cloud:
        told = [cloud.base, *(cloud.keys[name] for name in ("key", "simulator_only", "revoked"))]
        script = Path(__file__).with_name("official_client.py")
        done = subprocess.run(
            [python, str(script), *told, cloud.url + "/sandbox/ionq"],
            capture_output=True,
            text=True,
            timeout=100,
        )
    assert (done.stdout, done.returncode) == ("well\n", 0), done.stderr
