"""`failwell recover`: what it says of each transaction, and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ENGINE = """
import os, signal, sys
from pathlib import Path

import failwell

LOG = Path(__file__).with_name("log")


def create(name, idempotency_key=None):
    with LOG.open("a") as file:
        file.write(f"create {name}\\n")
    return {"id": name}


def delete(part):
    with LOG.open("a") as file:
        file.write(f"delete {part['id']}\\n")


def dies(name):
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with failwell.transaction(store="sqlite:///tx.db", name=sys.argv[1], lease=0.2) as tx:
        tx.do(create, "a", undo=delete)
        if sys.argv[2] == "under way":
            tx.do(dies, "b", undo=delete)
        dies("now")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "engine.py").write_text(ENGINE)
    return tmp_path


def killed(folder: Path, name: str, when: str = "") -> None:
    """A program that dies in the middle of its transaction."""
    done = subprocess.run([sys.executable, "engine.py", name, when], cwd=folder, timeout=60)
    assert done.returncode == -9


def recovered(folder: Path, *more: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "failwell", "recover", "--store", "sqlite:///tx.db", *more],
        cwd=folder,
        timeout=60,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return done.returncode, done.stdout, done.stderr


APP = ("--app", "engine", "--wait", "20")


def test_what_a_killed_program_did_is_undone(folder: Path) -> None:
    """A program that was run as a script is recovered by the name of its module; once."""
    killed(folder, "order-1")
    assert recovered(folder, *APP) == (
        0, "order-1: rolled back, nothing is left of it\n", "",
    )  # fmt: skip
    assert (folder / "log").read_text() == "create a\ndelete a\n"
    assert recovered(folder, *APP) == (0, "no transaction is unfinished\n", "")


def test_what_is_left_is_listed_until_it_is_forgotten(folder: Path) -> None:
    """A step under way without a key ends as a sentence, and the status says so."""
    killed(folder, "order-2", "under way")
    status, said, _ = recovered(folder, *APP)
    assert status == 1
    assert said.splitlines() == [
        "order-2: rolled back as far as it could be; to do:",
        "  - dies may or may not have taken effect. Look for it, and undo what is there.",
    ]
    status, said, _ = recovered(folder, *APP, "--json")
    (facts,) = json.loads(said)
    assert (status, facts["end"], facts["todo"][0]["outcome"]) == (1, "left", "unknown")
    assert facts["sentences"] == [
        "dies may or may not have taken effect. Look for it, and undo what is there."
    ]
    assert recovered(folder, "--forget", "order-2")[0] == 0
    assert recovered(folder, *APP)[1] == "no transaction is unfinished\n"
    status, _, trouble = recovered(folder, "--forget", "order-2")
    assert (status, "no transaction 'order-2'" in trouble) == (1, True)


def test_without_its_module_nothing_is_touched(folder: Path) -> None:
    """It says what is missing."""
    killed(folder, "order-3")
    status, said, _ = recovered(folder)
    assert status == 1
    assert "could not be brought to its end" in said
    assert "--app module" in said
    assert (folder / "log").read_text() == "create a\n"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--app", "nowhere"), "No module named 'nowhere'"),
        (("--app", "engine:LOG"), "LOG is not a failwell.Client"),
    ],
)
def test_an_app_that_makes_no_sense_is_refused(
    folder: Path, more: tuple[str, ...], why: str
) -> None:
    """In one line, without a traceback."""
    status, said, trouble = recovered(folder, *more)
    assert (status, said, why in trouble) == (2, "", True)
    assert "Traceback" not in trouble


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--store", "sqlite:///typo.db"), "there is no file 'typo.db'"),
        (("--store", "sqlite:///typo.db", "--forget", "order-1"), "there is no file 'typo.db'"),
        (("--store", "memory:"), "memory: is gone with the process"),
        (("--wait", "-1"), "--wait -1: it must be 0 seconds or more"),
    ],
)
def test_a_store_that_is_not_there_is_not_taken_for_one_in_order(
    folder: Path, more: tuple[str, ...], why: str
) -> None:
    """Nor made: the next look would find it, and it empty."""
    command = [sys.executable, "-m", "failwell", "recover", "--app", "engine", *more]
    if "--store" not in more:
        command += ["--store", "sqlite:///tx.db"]
    done = subprocess.run(command, cwd=folder, timeout=60, capture_output=True, text=True)
    assert (done.returncode, done.stdout, why in done.stderr) == (2, "", True)
    assert not list(folder.glob("*.db"))
