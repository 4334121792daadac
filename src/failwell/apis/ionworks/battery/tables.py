"""Tables of numbers by column, and the Parquet files that hold them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Table: TypeAlias = dict[str, Array]

TIME, CURRENT, VOLTAGE = "Time [s]", "Current [A]", "Voltage [V]"
STEP, CYCLE, TEMPERATURE = "Step count", "Cycle count", "Temperature [degC]"
CHARGED, DISCHARGED = "Charge capacity [A.h]", "Discharge capacity [A.h]"
CHARGED_ENERGY, DISCHARGED_ENERGY = "Charge energy [W.h]", "Discharge energy [W.h]"

MOST_ROWS = 2_000_000

_NUMBERS = frozenset({TIME, CURRENT, VOLTAGE, STEP, CYCLE})


class TableError(ValueError):
    """A table that cannot be used, and why, in a sentence for whoever uploaded it."""


def table_of(columns: Mapping[str, Any], *wanted: str) -> Table:
    """The columns that are numbers; those `wanted` must be there.

    Raises `TableError`, also for text where time, current, voltage or a count should be.
    """
    table: Table = {}
    for name, values in columns.items():
        try:
            table[name] = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            if name in wanted or name in _NUMBERS:
                raise TableError(f"The column {name!r} does not hold numbers") from None
    missing = [name for name in wanted if name not in table]
    if missing:
        raise TableError(f"There is no column {', '.join(map(repr, missing))}")
    lengths = {len(column) for column in table.values()}
    if len(lengths) != 1 or not min(lengths):
        raise TableError("The columns must be equally long and not empty")
    for name in wanted:
        if not np.isfinite(table[name]).all():
            raise TableError(f"The column {name!r} has gaps: each row needs a finite number")
    return table


def read(path: Path, *wanted: str) -> Table:
    """The table in a Parquet file. Raises `TableError` for a file that is none."""
    try:
        rows = pl.scan_parquet(path).select(pl.len()).collect().item()
        if rows > MOST_ROWS:
            raise TableError(f"The file has {rows} rows, and {MOST_ROWS} may be")
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise TableError(f"The file is not a readable Parquet file: {reason}") from None
    return table_of({column.name: column.to_numpy() for column in frame}, *wanted)


def write(path: Path, columns: Mapping[str, Any]) -> None:
    """Write a Parquet file; it is there whole or not at all."""
    part = path.with_suffix(".part")
    pl.DataFrame({name: np.asarray(values) for name, values in columns.items()}).write_parquet(part)
    part.rename(path)
