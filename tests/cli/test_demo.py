"""`failwell demo`: the main job under bad weather, and an audit that cannot be talked round."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from failwell.cli import render
from failwell.sandbox.demo import Job, Report, _audit, step_files

DATA = Path(str(files("failwell.sandbox") / "data"))
GOOD, OTHER, REFUSED = "standoff_spacer", "t_slot_nut", "formed_sheet"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two parts that can be priced and one that cannot."""
    for name in (GOOD, OTHER, REFUSED):
        shutil.copy(DATA / f"{name}.step", tmp_path)
    return tmp_path


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The verb, as a process without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "failwell", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def summary(output: str) -> dict[str, int]:
    """The numbers of the summary line, which is the last."""
    words = output.splitlines()[-1].split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


def test_fair_weather(folder: Path) -> None:
    """Without faults: no retry, no replay, nothing twice, nothing lost, and a table of prices."""
    done = demo("--plain", "--faults", "none", "--files", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert summary(done.stdout) == {
        "files": 3,
        "faults": 0,
        "retries": 0,
        "replays": 0,
        "duplicates": 0,
        "lost": 0,
    }
    for name in (GOOD, OTHER):
        assert re.search(rf"^{name} +priced .*\$\d+\.\d\d +\d+:\d\d *$", done.stdout, re.MULTILINE)
    assert f"{REFUSED}: the part is a surface without a solid" in done.stdout
    assert "quota" in done.stdout


def test_bad_weather(folder: Path) -> None:
    """With faults and a dead Engine: they came, they were survived, and the books are right."""
    done = demo("--plain", "--files", str(folder), "--seed", "3")
    assert (done.returncode, done.stderr) == (0, "")
    told = summary(done.stdout)
    assert told["files"] == 3
    assert told["faults"] > 1
    assert told["retries"] > 0
    assert (told["duplicates"], told["lost"]) == (0, 0)
    assert "the Engine dead for" in done.stdout


@pytest.mark.parametrize("where", ["empty", "missing"])
def test_nothing_to_price(tmp_path: Path, where: str) -> None:
    """A folder without STEP files, and none at all: one line, a status that is not 0."""
    (tmp_path / "empty").mkdir()
    done = demo("--files", str(tmp_path / where))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert where in done.stderr


def test_the_files_that_come_with_it() -> None:
    """At least twelve real files come with failwell, in either spelling of the suffix."""
    assert len(step_files(None)) >= 12


def job(number: int, *, priced: bool = True, part: int | None = 0, program: int | None = 0) -> Job:
    """A job that believes it has this part and this program (0: its own number)."""

    def name(kind: str, given: int | None) -> str | None:
        return None if given is None else f"{kind}{given or number:04d}"

    return Job(
        name=f"job{number}",
        path=Path(),
        part=name("part", part),
        program=name("prog", program),
        cents=100 if priced else None,
        seconds=60 if priced else None,
    )


@pytest.mark.parametrize(
    ("jobs", "parts", "programs", "duplicates", "lost"),
    [
        ([job(1), job(2)], 2, 2, 0, 0),
        ([job(1), job(2)], 3, 2, 1, 0),
        ([job(1), job(2)], 2, 4, 2, 0),
        ([job(1), job(2)], 1, 2, 0, 1),
        ([job(1), job(2)], 3, 1, 1, 1),
        ([job(1), job(2, part=1)], 1, 2, 0, 1),
        ([job(1), job(2, program=1)], 2, 1, 0, 1),
        ([job(1), job(2, priced=False)], 2, 2, 0, 1),
        ([job(1), job(2, priced=False, part=None, program=None)], 1, 1, 0, 1),
        ([job(1), job(2, priced=False, part=None, program=None)], 2, 1, 1, 1),
        ([], 0, 0, 0, 0),
        ([], 1, 0, 1, 0),
    ],
)
def test_the_audit(jobs: list[Job], parts: int, programs: int, duplicates: int, lost: int) -> None:
    """What the sandbox created against what was told: whatever is nobody's is a duplicate, what
    was told twice or is not there is lost, and the one does not make up for the other."""
    assert _audit(jobs, {"parts": parts, "programs": programs}) == (duplicates, lost)


def test_a_refused_job_has_an_end() -> None:
    """A part that the Engine refuses is neither lost nor a duplicate."""
    refused = job(1, priced=False, program=None)
    refused.refused = "no solid"
    assert _audit([refused], {"parts": 1, "programs": 0}) == (0, 0)


@pytest.mark.parametrize(
    ("duplicates", "lost", "status"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (2, 3, 1)]
)
def test_the_status_tells_the_truth(
    duplicates: int, lost: int, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command fails when a duplicate or a loss is found, and its last line says so."""
    report = Report(
        jobs=(job(1),),
        weather="default",
        faults=4,
        retries=3,
        replays=2,
        duplicates=duplicates,
        lost=lost,
        took=1.0,
    )
    assert render.demo(report) == status
    told = summary(capsys.readouterr().out)
    assert (told["duplicates"], told["lost"], told["faults"]) == (duplicates, lost, 4)
