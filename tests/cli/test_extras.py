"""What each part of the command line needs to have installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

SANDBOX = ("starlette", "uvicorn", "numpy", "scipy", "sklearn", "polars", "yaml", "jwt", "cmaes")


def without(packages: tuple[str, ...], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line where these packages are not installed."""
    script = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({packages!r}))\n"
        "from failwell.cli import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(
        command, input="HTTP/1.1 404 X\n\n", capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["docs", "toolpath"], ["explain"], ["ddl", "sqlite"], ["trace", "--help"]],
)
def test_most_verbs_need_no_sandbox(arguments: list[str]) -> None:
    """`failwell[cli]` is enough to explain, to trace and to document."""
    done = without(SANDBOX, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize(
    ("packages", "verb", "extra"),
    [
        (SANDBOX, "sandbox", "sandbox"),
        (SANDBOX, "demo", "sandbox"),
        (("cyclopts",), "docs", "cli"),
        (("rich",), "docs", "cli"),
        (("psycopg",), "trace --store=postgresql://a/b", "postgres"),
        (("psycopg",), "recover --store=postgresql://a/b", "postgres"),
        (("valkey", "redis"), "runs list --store=valkey://127.0.0.1:1", "valkey"),
    ],
)
def test_what_is_missing_is_named(packages: tuple[str, ...], verb: str, extra: str) -> None:
    """Without what a verb needs, one line says how to get it, and the command fails."""
    done = without(packages, *verb.split())
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(f"pip install 'failwell[{extra}]'\n")
    assert done.stderr.count("\n") == 1
