"""`failwell runs`: what it lists, what it ends, and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import failwell
from clients.fault_server import Act, Server
from clients.world import API


def runs(folder: Path, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "failwell", "runs", *words, "--store", "sqlite:///run.db"],
        cwd=folder,
        timeout=60,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A run of two writes, of which the second one's answer was lost; where it was sent."""
    with (
        Server([Act(), Act("reset")]) as server,
        failwell.Client(
            base_url=server.url,
            contract=API,
            trust_env=False,
            policy=failwell.Policy(retry=None),
            store=f"sqlite:///{tmp_path / 'run.db'}",
            run="pricing",
        ) as client,
    ):
        client.post("/records", json={"a": 1})
        with pytest.raises(failwell.APIConnectionError):
            client.post("/records", json={"a": 2})
        return server.url


def test_a_run_is_listed_and_ended(tmp_path: Path, url: str) -> None:
    """The list shows what is unfinished; the end is refused until one insists."""
    status, said, _ = runs(tmp_path, "list")
    assert status == 0
    first, second = said.splitlines()
    assert first.startswith("pricing: 2 writes, begun 20")
    assert second.startswith("  - unfinished since 20")
    assert second.endswith(f"POST {url}/records")

    (told,) = json.loads(runs(tmp_path, "list", "--json")[1])
    assert (told["name"], told["writes"], len(told["unfinished"])) == ("pricing", 2, 1)

    status, said, trouble = runs(tmp_path, "end", "pricing")
    assert (status, said) == (1, "")
    assert "nobody knows what became of POST" in trouble

    assert runs(tmp_path, "end", "pricing", "--force")[:2] == (
        0,
        "pricing: ended, 2 writes forgotten\n",
    )
    assert runs(tmp_path, "list")[:2] == (0, "no run is open\n")


def test_the_end_of_a_run_for_machines(tmp_path: Path, url: str) -> None:
    """`--json`: the run that was ended, as in the list."""
    (listed,) = json.loads(runs(tmp_path, "list", "--json")[1])
    status, said, _ = runs(tmp_path, "end", "pricing", "--force", "--json")
    assert (status, json.loads(said)) == (0, listed)


def test_a_run_that_is_not_there(tmp_path: Path, url: str) -> None:
    """One line on standard error, and 1."""
    status, said, trouble = runs(tmp_path, "end", "nothing")
    assert (status, said) == (1, "")
    assert "there is no run 'nothing' here" in trouble
    assert len(trouble.splitlines()) == 1


@pytest.mark.parametrize("words", [("list",), ("end", "pricing")])
def test_a_store_that_is_not_there_has_no_runs(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A mistyped name is told, and makes no file."""
    status, said, trouble = runs(tmp_path, *words)
    assert (status, said) == (2, "")
    assert "there is no file 'run.db'" in trouble
    assert list(tmp_path.iterdir()) == []
