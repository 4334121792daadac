"""`failwell demo`: the main job under bad weather, and an audit that cannot be talked round."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

import failwell
from failwell.cli import render
from failwell.model import Failure, Kind, Outcome
from failwell.sandbox.demo import Report
from failwell.sandbox.demo.books import Audit, audit
from failwell.sandbox.demo.lines.toolpath import Parts
from failwell.sandbox.demo.page import page
from failwell.sandbox.demo.story import Call, Item, Stage, Try
from failwell.sandbox.demo.task import Task

DATA = Path(str(files("failwell.sandbox") / "data"))
GOOD, OTHER, REFUSED = "standoff_spacer", "t_slot_nut", "formed_sheet"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two parts that can be priced and one that cannot."""
    for name in (GOOD, OTHER, REFUSED):
        shutil.copy(DATA / f"{name}.step", tmp_path)
    return tmp_path


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The verb at Toolpath, as a process without a terminal."""
    return everywhere("--only", "toolpath", *arguments)


def everywhere(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The verb at all systems, as a process without a terminal."""
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
    told = summary(done.stdout)
    assert {name: count for name, count in told.items() if count} == {
        "files": 3,
        "calls": 14,
        "surfaced": 1,
    }
    assert list(told)[-2:] == ["duplicates", "lost"]
    for name in (GOOD, OTHER):
        priced = rf"^Toolpath +{name} +priced .*\$\d+\.\d\d, \d+:\d\d min *$"
        assert re.search(priced, done.stdout, re.MULTILINE)
    assert f"{REFUSED}: the part is a surface without a solid" in done.stdout
    assert "limits set for this run: Toolpath requests per minute 6,000\n" in done.stdout


def test_files_that_are_none(tmp_path: Path) -> None:
    """Two files of one stem are two pieces of work. What is no STEP file is refused in plain words
    and nothing of it is lost; the exit status says that not all was priced."""
    shutil.copy(DATA / f"{GOOD}.step", tmp_path / "p.step")
    shutil.copy(DATA / f"{OTHER}.step", tmp_path / "p.stp")
    (tmp_path / "empty.step").touch()
    (tmp_path / "binary.STEP").write_bytes(b"\0\xff" * 99)
    done = demo("--plain", "--faults", "none", "--files", str(tmp_path))
    assert (done.returncode, done.stderr) == (2, "")
    told = summary(done.stdout)
    assert (told["files"], told["duplicates"], told["lost"]) == (4, 0, 0)
    for name, price in (("p.step", r"\$11.85"), ("p.stp", r"\$8.23")):
        assert re.search(rf"^Toolpath +{name} +priced +{price}", done.stdout, re.MULTILINE)
    for name, why in (("empty.step", "is empty"), ("binary.STEP", "is binary, not STEP text")):
        assert re.search(rf"^Toolpath +{name} +refused *$", done.stdout, re.MULTILINE)
        assert f"{name}: The STEP file '{name}' {why}\n" in done.stdout


ENDS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@contextmanager
def begun(folder: Path, ignoring: signal.Signals | None = None) -> Generator[subprocess.Popen[str]]:
    """The verb in a session of its own, ignoring just this one of the signals that end it.

    What is ignored here is ignored by a child, as SIGHUP is where the tests run under `nohup`; what
    has a handler here is not.
    """
    before = {end: signal.getsignal(end) for end in ENDS}
    for end in ENDS:
        signal.signal(end, signal.SIG_IGN if end is ignoring else signal.default_int_handler)
    command = ["demo", "--plain", "--only", "toolpath", "--files", str(folder)]
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "failwell", *command],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
    finally:
        for end, handler in before.items():
            signal.signal(end, handler)
    with child:
        yield child


@pytest.mark.parametrize("ending", ENDS)
def test_ctrl_c_ends_the_run_and_its_sandbox(folder: Path, ending: signal.Signals) -> None:
    """The jobs end with the sandbox, so nobody is told how to wait for them again; a second signal
    does not cut that end short."""
    check_the_end(folder, [ending, ending])


@pytest.mark.parametrize(
    ("ignored", "ending"),
    [(signal.SIGHUP, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)],
    ids=["nohup", "background"],
)
def test_what_is_ignored_stays_so(
    folder: Path, ignored: signal.Signals, ending: signal.Signals
) -> None:
    """Under `nohup`, and in the background of a script: the run goes on, and another signal ends it
    as well as ever."""
    check_the_end(folder, [ending], ignored)


def check_the_end(
    folder: Path, endings: list[signal.Signals], ignored: signal.Signals | None = None
) -> None:
    """These signals end a run and its sandbox; one that is ignored does not."""
    with begun(folder, ignored) as child:
        watchdog = threading.Timer(60, child.kill)
        watchdog.start()
        assert child.stdout is not None
        assert any("measuring" in line for line in child.stdout)
        children = Path(f"/proc/{child.pid}/task/{child.pid}/children")
        sandbox = children.read_text().split() if children.exists() else []
        if ignored is not None:
            os.killpg(child.pid, ignored)
            assert "retries" in child.stdout.readline()
            assert "retries" in child.stdout.readline()
        for ending in endings:
            os.killpg(child.pid, ending)
            time.sleep(0.02)
        _, said = child.communicate()
        watchdog.cancel()
    assert ("Detached" in said, "Traceback" in said, child.returncode) == (False, False, 130)
    assert not any(Path(f"/proc/{one}").exists() for one in sandbox)


def test_fair_weather_for_machines(folder: Path) -> None:
    """With --json standard output is the report alone; what goes on is told beside it."""
    done = demo("--json", "--faults", "none", "--files", str(folder))
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert (told["figures"]["files"], told["figures"]["lost"]) == (3, 0)
    assert re.search(rf"^Toolpath +{GOOD} +priced", done.stderr, re.MULTILINE)


def test_bad_weather(folder: Path) -> None:
    """With faults and a dead Engine: they came, they were survived, and the books are right."""
    done = demo("--plain", "--files", str(folder), "--seed", "3")
    assert (done.returncode, done.stderr) == (0, "")
    told = summary(done.stdout)
    assert told["files"] == 3
    assert told["faults"] > 1
    assert told["retries"] > 0
    assert (told["duplicates"], told["lost"]) == (0, 0)
    assert "with a part stopped for a while" in done.stdout


RESULTS = {
    "Toolpath": (18, r"angle_bracket +priced .*\$"),
    "IonQ": (10, "grover_search +run .*101, 94.5%"),
    "Flow": (5, "liver +looked at .*300 reads, 45% GC"),
    "Ionworks": (5, "nmc_pulses +done .*36.0 and 18.0 mΩ"),
    "MatCraft": (5, "heat_treatment +found .*hardness 189"),
}
"""How many files there are at each system, and what comes of one of them."""

REFUSED_AT = {
    "formed_sheet": "the part is a surface without a solid",
    "too_many_qubits": "The circuit has 34 qubits, simulator has 29",
    "short_quality": "Read 84 (from line 333): it has 76 bases and 40 qualities",
    "empty_volume": "ZeroDivisionError: float division by zero",
    "mistaken_kiln": "mistakes at domain, parameters[0].bounds",
}
"""What is refused, and why."""


def check_results(output: str) -> None:
    """Every system's work is there, with its results, and what was refused, with its reason."""
    for system, (count, result) in RESULTS.items():
        assert len(set(re.findall(rf"^{system} +(\S+)", output, re.MULTILINE))) == count
        assert re.search(rf"^{system} +{result}", output, re.MULTILINE), system
    for name, reason in REFUSED_AT.items():
        assert f"{name}: {reason}" in output


def test_fair_weather_everywhere() -> None:
    """All five systems without faults: each does its work, and refuses what it should."""
    done = everywhere("--plain", "--faults", "none")
    assert (done.returncode, done.stderr) == (0, "")
    check_results(done.stdout)
    told = summary(done.stdout)
    assert told["files"] == sum(count for count, _ in RESULTS.values())
    assert told["waits"] > 0
    assert told["surfaced"] == 6
    assert [told[name] for name in ("faults", "replays", "duplicates", "lost")] == [0] * 4


def test_bad_weather_everywhere() -> None:
    """All five with faults, each with a part stopped: the same results, and the books are right."""
    done = everywhere("--plain", "--seed", "3")
    assert done.returncode == 0, done.stdout
    check_results(done.stdout)
    told = summary(done.stdout)
    assert min(told[name] for name in ("faults", "retries", "tokens", "waits", "surfaced")) > 0
    assert (told["duplicates"], told["lost"]) == (0, 0)


@pytest.mark.parametrize(("where", "status"), [("empty", 2), ("missing", 1)])
def test_nothing_to_price(tmp_path: Path, where: str, status: int) -> None:
    """A folder without STEP files, and none at all: one line, a status that is not 0."""
    (tmp_path / "empty").mkdir()
    done = demo("--files", str(tmp_path / where))
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert where in done.stderr


def test_a_report_that_cannot_be_left(tmp_path: Path) -> None:
    """A folder that is not there is told before the work begins."""
    done = demo("--report", str(tmp_path / "missing" / "report.html"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"failwell: there is no folder {tmp_path / 'missing'}\n"


def test_the_files_that_come_with_it() -> None:
    """At least twelve real files come with failwell, in either spelling of the suffix."""
    assert len(Parts().items()) >= 12


def job(number: int, *, priced: bool = True, part: int | None = 0, program: int | None = 0) -> Item:
    """A piece of work that believes it has this part and this program (0: its own number)."""
    item = Item("toolpath", f"job{number}", result="$1.00" if priced else None)
    for kind, given in (("parts", part), ("programs", program)):
        if given is not None:
            item.told(kind, f"{kind}{given or number:04d}")
    return item


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
def test_the_audit(jobs: list[Item], parts: int, programs: int, duplicates: int, lost: int) -> None:
    """What the sandbox created against what was told: whatever is nobody's is a duplicate, what
    was told twice or is not there is lost, and the one does not make up for the other."""
    created = {"toolpath": {"parts": parts, "programs": programs}}
    assert audit(jobs, created) == Audit(duplicates, lost)


def test_a_refused_job_has_an_end() -> None:
    """A part that the Engine refuses is neither lost nor a duplicate."""
    refused = job(1, priced=False, program=None)
    refused.refused = "no solid"
    assert audit([refused], {"toolpath": {"parts": 1, "programs": 0}}) == Audit(0, 0)


@pytest.mark.parametrize(
    ("duplicates", "lost", "status"), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (2, 3, 1)]
)
def test_the_status_tells_the_truth(
    duplicates: int, lost: int, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command fails when a duplicate or a loss is found, and its last line says so."""
    report = Report(
        items=(job(1),),
        weather="default",
        faults=4,
        duplicates=duplicates,
        lost=lost,
        took=1.0,
    )
    assert render.demo(report) == status
    told = summary(capsys.readouterr().out)
    assert (told["duplicates"], told["lost"], told["faults"]) == (duplicates, lost, 4)
    mistaken = Item("toolpath", "empty", refused="It is empty", is_mistake=True)
    report = msgspec.structs.replace(report, items=(job(1), mistaken))
    assert render.demo(report) == (status or 2)


def test_the_report_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """One object: the figures of the summary, and each piece of work."""
    report = Report(items=(job(1),), weather="heavy", faults=4, duplicates=0, lost=1, took=1.5)
    assert render.demo(report, as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["weather"], told["seconds"]) == ("heavy", 1.5)
    assert told["figures"] == report.figures
    assert told["works"] == [
        {
            "api": "toolpath", "name": "job1", "state": "waiting", "retries": 0, "replays": 0,
            "result": "$1.00", "trouble": None,
        }
    ]  # fmt: skip


class Unanswered(failwell.APIConnectionError):
    """A write whose answer was lost."""


async def lost() -> str:
    raise Unanswered(Failure(kind=Kind.CONNECTION, message="lost", outcome=Outcome.UNKNOWN))


def test_a_write_without_a_name_is_looked_for() -> None:
    """What turns up is taken for it, and nothing is sent a second time."""
    item = Item("ionq", "bell")
    task = Task(None, item, Stage(lambda _: None))

    async def there() -> str:
        return "job-1"

    assert asyncio.run(task.unnamed("submitting", lost, there)) == "job-1"
    assert [call.saved for call in item.calls] == ["a look at the list"]
    assert item.surfaced == []


def test_a_write_that_does_not_turn_up_is_sent_anew() -> None:
    """After the looks; the error that a person had to decide about is kept."""
    item = Item("ionq", "bell")
    task = Task(None, item, Stage(lambda _: None))
    sends = iter([lost, lost])

    async def send() -> str:
        one = next(sends, None)
        return "job-2" if one is None else await one()

    async def nothing() -> None:
        return None

    assert asyncio.run(task.unnamed("submitting", send, nothing)) == "job-2"
    assert [call.failed for call in item.calls] == [True, True, False]
    assert len(item.surfaced) == 2


def test_the_page_tells_what_failed_and_what_saved_it() -> None:
    """One file that loads nothing: each failed attempt, what saved its call, and no markup that
    came from outside."""
    item = job(1)
    item.name = "<script>alert(1)</script>"
    lost = Try(at=0.5, ended="ReadError", wait=0.25, effect="unknown")
    item.calls = [Call("creating", 0.0, 1.0, [lost], saved="replay", replayed=True)]
    report = Report(items=(item,), weather="default", faults=1, duplicates=0, lost=0, took=2.0)
    html = page(report)
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "ReadError" in html
    assert "replay, 0.2 s" in html
    assert "Nothing was lost, nothing was done twice." in html
    assert not re.search(r"(?:src|href)=", html)
