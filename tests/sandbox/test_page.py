"""The page of a run, in a real browser where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from failwell.sandbox.demo import Report
from failwell.sandbox.demo.page import page
from failwell.sandbox.demo.story import Call, Item, Outage, Try

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")


def recorded() -> Report:
    """A run at two systems, with what a page has to bear."""
    lost = Try(at=0.5, ended="ReadError", wait=0.25, effect="unknown")
    part = Item("toolpath", "<b>bracket</b>", "priced", result="$1.00 & more")
    part.calls = [Call("creating the part", 0.0, 1.0, [lost], saved="replay", replayed=True)]
    part.told("parts", "part1")
    job = Item("ionq", "bell", "refused", refused="34 qubits, simulator has 29")
    job.calls = [Call("submitting", 0.2, 0.1), Call("running", 0.4, 1.5)]
    job.told("jobs", "job1")
    return Report(
        items=(part, job),
        weather="default",
        faults=2,
        duplicates=0,
        lost=0,
        took=2.0,
        outages=(Outage("ionq", "simulator", 0.5, 1.0),),
        created={"toolpath": {"parts": 1, "programs": 0}, "ionq": {"jobs": 1}},
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The page of that run."""
    path = tmp_path / "report.html"
    path.write_text(page(recorded()), "utf-8")
    return path


class Text(HTMLParser):
    """The text of a page, and its elements that were not closed."""

    _VOID = frozenset({"meta", "br", "img", "link", "input", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(path: Path) -> str:
    """The page as a browser has it, or as it is where there is none. It has nothing to complain
    of."""
    if CHROMIUM is None:
        return path.read_text("utf-8")
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
            *(f"--user-data-dir={path.parent / 'profile'}", "--dump-dom", path.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert "CONSOLE" not in done.stderr
    return done.stdout


def test_a_browser_shows_it(file: Path) -> None:
    """Verdict, figures, books, lanes, what failed and what saved it; each element closed, nothing
    of the data taken for markup."""
    read = Text()
    read.feed(rendered(file))
    read.close()
    assert read.open == []
    for said in (
        "Nothing was lost, nothing was done twice.",
        "two APIs that fail",
        "<b>bracket</b>",
        "$1.00 & more",
        "1 done",
        "0 done, 1 rightly refused",
        "the simulator was stopped for a while",
        "34 qubits, simulator has 29",
        "ReadError",
        "replay, 0.2 s",
    ):
        assert said in read.text
    assert "<b>bracket" not in file.read_text("utf-8")


def test_it_is_one_file(file: Path) -> None:
    """No script, and nothing that is loaded from elsewhere."""
    html = file.read_text("utf-8")
    assert "<script" not in html
    assert not re.search(r"(?:src|href)=|url\(|@import", html)


def test_it_is_light_and_dark(file: Path) -> None:
    """Both have colours of their own."""
    html = file.read_text("utf-8")
    assert "color-scheme: light dark" in html
    assert "prefers-color-scheme: dark" in html
