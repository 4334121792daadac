"""The official SDKs live in an environment of their own, and so do the tests that import them.

Those tests are collected here as any others are; what runs them is the other environment's pytest,
once a file. Each passes here if all that is reported of it there is that it passed.
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
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
FILES = (
    "docs/adopt.md",
    "tests/apis/flow/test_official_v1.py",
    "tests/apis/flow/test_official_v2.py",
    "tests/apis/ionq/test_official.py",
    "tests/apis/ionworks/test_official.py",
    "tests/test_adopt.py",
    "tests/test_adopt_runs.py",
)
SECONDS = 110
"""For all tests of a file; a single one is ended by `timeout` of pyproject.toml."""


WRITTEN = "FAILWELL_OFFICIAL_REPORTS"
"""The variable that names the file in which the other pytest reports."""


class Report(NamedTuple):
    """What one phase of a test came to."""

    nodeid: str
    outcome: str
    said: str


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
    def reports(self) -> dict[str, list[Report]]:
        """What became of each test of the session, by its id, in each of its phases."""
        chosen = [item.nodeid for item in self.session.items if item.parent is self]
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / "reports"
            done = self._pytest(*chosen, **{WRITTEN: str(written)})
            self.said = done.stdout + done.stderr
            found: dict[str, list[Report]] = {}
            for line in written.read_text().splitlines() if written.exists() else ():
                report = Report(*json.loads(line))
                found.setdefault(report.nodeid, []).append(report)
        return found

    def _pytest(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(interpreter()), "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=ROOT,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )


class OfficialTest(pytest.Item):
    """One of its tests."""

    parent: OfficialFile

    def runtest(self) -> None:
        """Fail with what the other pytest says, unless it says that all went well."""
        reports = self.parent.reports.get(self.nodeid)
        if not reports:
            pytest.fail(f"{interpreter()} did not run it:\n{self.parent.said}", pytrace=False)
        failed = [report for report in reports if report.outcome != "passed"]
        if failed:
            pytest.fail("\n".join(report.said for report in failed), pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """What it is called in the summary."""
        return self.path, None, self.name


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Put the tests of the other Python in the place of what cannot be imported in this one."""
    found = yield
    return [OfficialFile.from_parent(parent, path=file_path)] if _elsewhere(file_path) else found


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write the report down, where another pytest has asked for it."""
    written = os.environ.get(WRITTEN)
    if written is not None:
        said = "\n".join([report.longreprtext, *(text for _, text in report.sections)])
        with Path(written).open("a") as file:
            file.write(json.dumps(Report(report.nodeid, report.outcome, said)) + "\n")
