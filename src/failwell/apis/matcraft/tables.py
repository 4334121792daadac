"""CSV files of earlier experiments: checked when they come, read when a campaign starts."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from failwell.apis.matcraft.engine import Observation
from failwell.apis.matcraft.mdl import MalformedError, MistakesError, Parameter, Problem

MOST = 100
"""Mistakes that are told of one file."""


class Table(msgspec.Struct, frozen=True):
    """The header of a file and the number of its rows."""

    columns: list[str]
    rows: int


def check(content: bytes) -> Table:
    """What the file holds. Raises `MalformedError`, or `MistakesError` for rows that are ragged."""
    records = _records(content)
    columns = next(records, list[str]())
    if not columns or len(set(columns)) < len(columns) or not all(columns):
        raise MalformedError("The first line of the file must name each column, once")
    mistakes: list[dict[str, Any]] = []
    rows = 0
    for rows, record in enumerate(records, 1):
        if len(record) != len(columns) and len(mistakes) < MOST:
            message = f"The row has {len(record)} cells, the header {len(columns)}"
            mistakes.append({"path": f"rows[{rows - 1}]", "message": message, "value": len(record)})
    if not rows:
        raise MalformedError("The file has no rows below its header")
    if mistakes:
        raise MistakesError(_summary(mistakes), mistakes)
    return Table(columns, rows)


def preview(content: bytes, most: int) -> list[dict[str, str]]:
    """The first rows of a file that was checked."""
    records = _records(content)
    columns = next(records)
    return [dict(zip(columns, record, strict=True)) for record in islice(records, most)]


def match(problem: Problem, content: bytes) -> None:
    """Raises `MistakesError` unless the file has the problem's columns, with values to match."""
    mistakes = list(_differences(problem, next(_records(content))))
    if not mistakes:
        mistakes = list(islice(_wrong_cells(problem, content), MOST))
    if mistakes:
        raise MistakesError(_summary(mistakes), mistakes)


def observations(problem: Problem, content: bytes) -> tuple[Observation, ...]:
    """The rows of a file that matches."""
    return tuple(
        Observation(
            {one.name: _typed(one, row[one.name]) for one in problem.parameters},
            tuple(float(row[one.name]) for one in problem.objectives),
        )
        for row in _rows(content)
    )


def _differences(problem: Problem, columns: list[str]) -> Iterator[dict[str, Any]]:
    for name in problem.columns:
        if name not in columns:
            yield {"path": name, "message": "This column is missing", "value": None}
    for name in columns:
        if name not in problem.columns:
            yield {"path": name, "message": "This column is unexpected", "value": name}


def _wrong_cells(problem: Problem, content: bytes) -> Iterator[dict[str, Any]]:
    choices = {one.name: one.choices for one in problem.parameters if one.choices}
    varied = {one.name for one in problem.parameters}
    for place, row in enumerate(_rows(content)):
        for name, text in row.items():
            fault = _fault(text, choices.get(name), finite=name in varied)
            if fault is not None:
                yield {"path": f"rows[{place}].{name}", "message": fault, "value": text[:100]}


def _fault(text: str, choices: tuple[str, ...] | None, *, finite: bool) -> str | None:
    """What is wrong with a cell. An objective may be `nan`: it is the surrogate that minds."""
    if choices is not None:
        return None if text in choices else f"Use one of {', '.join(choices)}"
    try:
        number = float(text)
    except ValueError:
        return "Give a number"
    return None if math.isfinite(number) or not finite else "Give a finite number"


def _typed(parameter: Parameter, text: str) -> float | str:
    return text if parameter.type == "categorical" else float(text)


def _summary(mistakes: list[dict[str, Any]]) -> str:
    first = f"{mistakes[0]['path']}: {mistakes[0]['message']}"
    return first if len(mistakes) == 1 else f"{len(mistakes)} problems in the file; {first}"


def _rows(content: bytes) -> Iterator[dict[str, str]]:
    records = _records(content)
    columns = next(records)
    for record in records:
        yield dict(zip(columns, record, strict=True))


def _records(content: bytes) -> Iterator[list[str]]:
    """The records of the file, empty lines left out. Raises `MalformedError`."""
    try:
        text = io.StringIO(content.decode("utf-8-sig"), newline="")
        for record in csv.reader(text, strict=True):
            if record:
                yield record
    except (UnicodeDecodeError, csv.Error) as error:
        raise MalformedError(f"The file is not CSV in UTF-8: {error}") from None
