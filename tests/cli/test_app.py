"""What all verbs have in common: their help, their mistakes, and how they end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cyclopts
import pytest

from failwell.cli.app import app


def verbs(of: cyclopts.App = app, *words: str) -> Iterator[tuple[str, ...]]:
    """Every verb, by the words that call it."""
    for word in of:
        if not word.startswith("-"):
            below = list(verbs(of[word], *words, word))
            yield from below or [(*words, word)]


VERBS = list(verbs())
VERBS_WITH_DATA = {"explain", "demo", "trace", "recover", "runs list", "runs end"}


def run(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command line as a process, in a narrow terminal."""
    return subprocess.run(
        [sys.executable, "-m", "failwell", *words],
        capture_output=True, text=True, timeout=60, check=False, cwd=folder,
        stdin=subprocess.DEVNULL, env={**os.environ, "COLUMNS": "40"},
    )  # fmt: skip


def test_the_verbs_are_these() -> None:
    """A verb that appears or disappears is a decision."""
    assert {" ".join(words) for words in VERBS} == {
        "sandbox", "explain", "demo", "trace", "docs", "ddl", "recover", "runs list", "runs end",
        "wait",
    }  # fmt: skip


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_everything_has_its_help(words: tuple[str, ...]) -> None:
    """Each verb opens with a sentence, and each of its arguments has one; data comes as JSON."""
    verb = app[words[0]] if len(words) == 1 else app[words[0]][words[1]]
    assert verb.help.splitlines()[0].endswith(".")
    arguments = list(verb.assemble_argument_collection(parse_docstring=True))
    assert arguments
    for argument in arguments:
        assert (argument.parameter.help or "").endswith("."), argument.name
    names = {argument.name for argument in arguments}
    assert ("--json" in names) == (" ".join(words) in VERBS_WITH_DATA)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("nonsense", 'Unknown command "nonsense"'),
        ("docs", "(see failwell docs --help)"),
        ("runs list", "(see failwell runs list --help)"),
        ("trace --limit x", "--limit"),
        ("explain --bogus", "--bogus"),
        ("explain --statu 404", "Did you mean --status?"),
        ("demo --faults awful", "heavy"),
        ("sandbox --port 99999", "there is no port 99999"),
        ("sandbox --only nobody", "matcraft"),
        ("sandbox --store nowhere", "names no store"),
    ],
)
def test_a_mistake_is_one_line(words: str, says: str) -> None:
    """However it is found, on standard error, with the status 2, and however narrow it is there."""
    done = run(*words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("failwell: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_contract_beside_the_caller(tmp_path: Path) -> None:
    """`module:NAME` is looked for in the current directory by every verb that takes a contract."""
    (tmp_path / "kiln.py").write_text("from failwell.apis.matcraft.contract import MATCRAFT as X")
    (tmp_path / "answer").write_text("HTTP/1.1 404 Not Found\n\n")
    script = "import sys; sys.path.remove(''); from failwell.cli import main; main()"
    for words in (("docs", "kiln:X"), ("explain", "answer", "--contract", "kiln:X")):
        done = subprocess.run(
            [sys.executable, "-c", script, *words],
            capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_goes_away() -> None:
    """`failwell docs flow | head -1` ends without a word."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "failwell", "docs", "flow"],
            stdout=pipe, stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, b"")
