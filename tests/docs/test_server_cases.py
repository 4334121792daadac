"""`docs/server-cases.md` names the test that shows each case: every one of them exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
PAGE = TESTS.parent / "docs" / "server-cases.md"


def defined(file: Path) -> set[str]:
    """The test functions of a file, in classes or not."""
    nodes = ast.walk(ast.parse(file.read_text()))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in nodes if isinstance(node, functions)}


def rows() -> list[list[str]]:
    """The cells of each numbered case."""
    lines = PAGE.read_text().splitlines()
    return [line.strip("|").split("|") for line in lines if re.match(r"\| [AB]\d+ \|", line)]


def test_every_test_that_it_names_exists() -> None:
    """A test that was renamed or taken away is renamed or taken away here."""
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE.read_text())
    files = {file for file, _ in named}
    known = {(file, name) for file in files for name in defined(TESTS / file)}
    assert set(named) - known == set()
    assert len(named) > 80


def test_every_case_is_shown_or_said_to_be_missing() -> None:
    """The cases are numbered without a gap, and none is without a test or an honest word."""
    numbers = [row[0].strip() for row in rows()]
    for letter in "AB":
        own = [number for number in numbers if number[0] == letter]
        assert own == [f"{letter}{n}" for n in range(1, len(own) + 1)]
    for row in rows():
        assert len(row) == 4, row
        assert "::test_" in row[3] or row[3].strip().startswith("missing: "), row
