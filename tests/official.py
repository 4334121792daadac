"""The official SDKs live in an environment of their own, and so do the tests that import them.

Those tests are collected here as any others are; what runs them is the other environment's pytest,
once a file, whose reports are then shown as if they were ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FILES = (
    "docs/adopt.md",
    "tests/apis/flow/test_official_v1.py",
    "tests/apis/flow/test_official_v2.py",
    "tests/apis/ionq/test_official.py",
    "tests/apis/ionworks/test_official.py",
    "tests/test_adopt.py",
)
SECONDS = 110
"""For all tests of a file; a single one is ended by `timeout` of pyproject.toml."""


def interpreter() -> Path:
    """The Python that has the SDKs, which need not exist."""
    own = ROOT / ".venv" / "official" / "bin" / "python"
    return Path(os.environ.get("FAILWELL_OFFICIAL_PYTHON", own))


def _elsewhere(path: Path) -> bool:
    """Whether the tests of this file are for the other Python."""
    return path in {ROOT / name for name in FILES} and Path(sys.executable) != interpreter()


class OfficialFile(pytest.File):
    """A file of tests that the other Python runs."""

    def collect(self) -> Iterator[OfficialTest]:
        """The tests that the other pytest finds in it."""
        python = interpreter()
        if not python.exists():
            raise self.CollectError(f"{python} is missing: `make test` sets it up")
        done = self._pytest("--collect-only", "--verbosity=-1", str(self.path))
        if done.returncode:
            raise self.CollectError(done.stdout + done.stderr)
        for line in done.stdout.splitlines():
            if line.startswith(self.nodeid + "::"):
                yield OfficialTest.from_parent(self, name=line.removeprefix(self.nodeid + "::"))

    @cached_property
    def reports(self) -> dict[str, list[Any]]:
        """What became of each test of the session, by its id: the reports of its phases."""
        chosen = [item.nodeid for item in self.session.items if item.parent is self]
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / "reports"
            done = self._pytest(f"--reports={written}", *chosen)
            self.said = done.stdout + done.stderr
            found: dict[str, list[Any]] = {}
            for line in written.read_text().splitlines() if written.exists() else ():
                read = self.config.hook.pytest_report_from_serializable
                report = read(config=self.config, data=json.loads(line))
                found.setdefault(report.nodeid, []).append(report)
        return found

    def _pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(interpreter()), "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False
        )


class OfficialTest(pytest.Item):
    """One of its tests."""

    parent: OfficialFile

    def reportinfo(self) -> tuple[Path, None, str]:
        """What it is called in the summary."""
        return self.path, None, self.name

    def runtest(self) -> None:
        """Fail: this is for a test of which the other pytest has not reported."""
        pytest.fail(f"{interpreter()} did not run it:\n{self.parent.said}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Put the tests of the other Python in the place of what cannot be imported in this one."""
    found = yield
    return [OfficialFile.from_parent(parent, path=file_path)] if _elsewhere(file_path) else found


def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Show what the other pytest has reported of this test, if it has."""
    if not isinstance(item, OfficialTest) or item.nodeid not in item.parent.reports:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in item.parent.reports[item.nodeid]:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--reports` is how the other pytest is told where to report."""
    parser.addoption("--reports", type=Path, help="write each report to this file, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Report, where that is wanted."""
    if config.getoption("reports") is not None:
        config.pluginmanager.register(_Reporter(config))


class _Reporter:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        write = self._config.hook.pytest_report_to_serializable
        line = json.dumps(write(config=self._config, report=report))
        with self._config.getoption("reports").open("a") as file:
            file.write(line + "\n")
