"""Tables in and out, and what is wrong with a time series before it is uploaded."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import failwell
from failwell.apis.ionworks import IonworksError
from failwell.apis.ionworks.client import frames, uploads
from failwell.apis.ionworks.client.checks import issues_of

COLUMNS: dict[str, list[Any]] = {"Time [s]": [0.0, 1.0, 2.0], "Step count": [0, 0, 1]}
ROWS = [{"Time [s]": float(n), "Step count": n // 2} for n in range(3)]


@pytest.mark.parametrize(
    "table",
    [
        COLUMNS,
        ROWS,
        pl.DataFrame(COLUMNS),
        pd.DataFrame(COLUMNS),
        {name: np.asarray(values) for name, values in COLUMNS.items()},
        {name: pl.Series(values) for name, values in COLUMNS.items()},
        {name: iter(values) for name, values in COLUMNS.items()},
    ],
    ids=["columns", "rows", "polars", "pandas", "numpy", "series", "iterators"],
)
def test_whatever_is_a_table(table: object) -> None:
    """Its columns, as plain lists."""
    assert frames.columns_of(table) == COLUMNS


@pytest.mark.parametrize("bad", [7, "text", b"x", [1, 2], {"a": "text"}, {"a": 1}, None])
def test_whatever_is_no_table(bad: object) -> None:
    """It is refused."""
    with pytest.raises(ValueError, match=r"table|list of values|mappings"):
        frames.columns_of(bad)


def test_columns_of_different_lengths() -> None:
    """They are refused, with their lengths."""
    with pytest.raises(ValueError, match="not equally long"):
        frames.columns_of({"a": [1], "b": [1, 2]})


def test_there_and_back() -> None:
    """Parquet keeps columns and values, in every kind of table."""
    file = frames.parquet_of(COLUMNS)
    polars, pandas = (frames.read_parquet(file, each) for each in ("polars", "pandas"))
    assert polars.equals(pl.DataFrame(COLUMNS))
    assert pandas.equals(pd.DataFrame(COLUMNS))
    assert frames.read_parquet(file, "rows") == frames.table_of(COLUMNS, "rows") == ROWS


def test_a_column_of_several_kinds() -> None:
    """It is refused, not guessed at."""
    with pytest.raises(ValueError, match="cannot be written"):
        frames.parquet_of({"a": [1, "x", object()]})


class _Without:
    """The search for modules, from which some are missing."""

    def __init__(self, *missing: str) -> None:
        self._missing = missing

    def __call__(self, name: str) -> object:
        return None if name in self._missing else name


@pytest.fixture
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(frames.VARIABLE, raising=False)
    monkeypatch.setattr(frames, "find_spec", _Without("polars", "pandas"))


@pytest.mark.usefixtures("_plain")
def test_without_polars_and_pandas() -> None:
    """Rows are given, and Parquet is refused with what to install."""
    assert frames.chosen(None) == "rows"
    with pytest.raises(failwell.InvalidRequestError, match="Parquet") as caught:
        frames.parquet_of(COLUMNS)
    assert "failwell[ionworks]" in caught.value.advice


def test_with_pandas_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """pandas and pyarrow do as well."""
    monkeypatch.setattr(frames, "find_spec", _Without("polars"))
    assert frames.read_parquet(frames.parquet_of(COLUMNS), "rows") == ROWS


GOOD: dict[str, list[Any]] = {
    "Time [s]": [0.0, 10.0, 10.0, 20.0],
    "Step count": [0, 0, 1, 1],
    "Current [A]": [1.0, 1.0, -1.0, -1.0],
    "Voltage [V]": [4.0, 3.9, 3.9, 4.0],
    "Discharge capacity [A.h]": [0.0, 0.003, 0.0, 0.0],
}


def test_a_good_series() -> None:
    """Nothing is wrong with it; nor with one that has gaps, or no current."""
    assert issues_of(GOOD) == []
    assert issues_of({**GOOD, "Voltage [V]": [4.0, None, 3.9, 4.0]}) == []
    assert issues_of({"Step count": [0, 1], "Voltage [V]": [3.0, 3.1]}) == []
    assert issues_of({**GOOD, "Current [A]": [0.0] * 4}) == []


@pytest.mark.parametrize(
    ("column", "values", "code"),
    [
        ("Time [s]", [5.0, 10.0, 10.0, 20.0], "time_start"),
        ("Time [s]", [0.0, 10.0, 9.0, 20.0], "time_goes_back"),
        ("Step count", [1, 1, 2, 2], "step_count_start"),
        ("Step count", [0, 0, 2, 2], "step_count_jump"),
        ("Step count", [0, 1, 0, 1], "step_count_jump"),
        ("Discharge capacity [A.h]", [0.0, 0.003, 0.003, 0.003], "not_reset"),
        ("Discharge capacity [A.h]", [0.0, -0.003, 0.0, 0.0], "falls"),
        ("Current [A]", [-1.0, -1.0, 1.0, 1.0], "current_sign"),
        ("Voltage [V]", [4.0, "3.9", 3.9, 4.0], "not_a_number"),
    ],
)
def test_what_is_wrong(column: str, values: list[Any], code: str) -> None:
    """Each rule by itself: the issue names the column."""
    (issue,) = issues_of({**GOOD, column: values})
    assert (issue.path, issue.code) == (column, code)


def test_without_steps_or_rows() -> None:
    """Steps are required, and at least one row."""
    missing = {name: values for name, values in GOOD.items() if name != "Step count"}
    assert [issue.code for issue in issues_of(missing)] == ["step_count_missing"]
    for empty in ({}, {"Step count": []}):
        assert [issue.code for issue in issues_of(empty)] == ["empty"]


def test_the_refusal() -> None:
    """It is an `IonworksError` and a `ValueError`, with every issue; nothing was sent."""
    series = {**GOOD, "Time [s]": [1.0, 0.0, 2.0, 3.0]}
    with pytest.raises(IonworksError) as caught:
        uploads.draft("c", {"measurement": {"name": "m"}, "time_series": series})
    error = caught.value
    assert isinstance(error, ValueError)
    assert [issue.code for issue in error.issues] == ["time_start", "time_goes_back"]
    assert error.outcome is failwell.Outcome.NOT_STARTED
    assert pickle.loads(pickle.dumps(error)) == error


@pytest.mark.parametrize(
    ("detail", "why"),
    [
        ({"measurement": {"name": "m"}}, "time_series"),
        ({"time_series": GOOD}, "by name"),
        ("m", "by name"),
    ],
)
def test_what_is_no_measurement(detail: Any, why: str) -> None:
    """It is refused before anything is sent."""
    with pytest.raises(ValueError, match=why):
        uploads.draft("c", detail)
