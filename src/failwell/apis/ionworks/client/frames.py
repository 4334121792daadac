"""Tables in and out: polars or pandas where they are installed, else plain Python.

A table is a polars or pandas frame, a mapping of columns, or a list of rows. Time series travel as
Parquet, which takes polars, or pandas with pyarrow.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, TypeAlias, cast

from failwell.errors import InvalidRequestError

Backend: TypeAlias = Literal["polars", "pandas", "rows"]
Columns: TypeAlias = dict[str, list[Any]]

BACKENDS: tuple[Backend, ...] = ("polars", "pandas", "rows")
VARIABLE = "IONWORKS_DATAFRAME_BACKEND"


def chosen(backend: str | None) -> Backend:
    """The kind of table that is given back: the one asked for, here or by the variable
    `IONWORKS_DATAFRAME_BACKEND`, else polars, pandas or rows, whichever is there first.

    Raises `InvalidRequestError` for a name that is none.
    """
    wanted = backend or os.environ.get(VARIABLE) or next(filter(_is_there, BACKENDS))
    for known in BACKENDS:
        if wanted == known:
            return known
    raise InvalidRequestError.of(
        f"dataframe_backend={wanted!r}: must be one of {', '.join(BACKENDS)}"
    )


def _is_there(backend: Backend) -> bool:
    return backend == "rows" or find_spec(backend) is not None


def columns_of(table: object) -> Columns:
    """The columns of a table. Raises `InvalidRequestError` for what is none."""
    kind = type(table).__module__.partition(".")[0]
    frame = cast("Any", table)
    if kind == "polars":
        table = frame.to_dict(as_series=False)
    elif kind == "pandas":
        table = frame.to_dict("list")
    if isinstance(table, Mapping):
        return _lists(cast("Mapping[str, Any]", table))
    if isinstance(table, Iterable) and not isinstance(table, (str, bytes)):
        return _of_rows(list(cast("Iterable[Any]", table)))
    raise InvalidRequestError.of(
        f"A {type(table).__name__} is no table: give a frame, columns by name, or a list of rows"
    )


def _lists(columns: Mapping[str, Any]) -> Columns:
    """The columns as lists of equal length; numpy's arrays and series among them, too."""
    found: Columns = {}
    for name, values in columns.items():
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise InvalidRequestError.of(f"The column {name!r} is not a list of values")
        found[str(name)] = _list(cast("Iterable[Any]", values))
    lengths = {name: len(values) for name, values in found.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidRequestError.of(f"The columns are not equally long: {lengths}")
    return found


def _list(values: Any) -> list[Any]:
    """The values as plain Python has them, out of numpy's or a frame's own."""
    if hasattr(values, "tolist"):
        return list(values.tolist())
    return list(values)


def _of_rows(rows: list[Any]) -> Columns:
    if not all(isinstance(row, Mapping) for row in rows):
        raise InvalidRequestError.of("The rows of a table are mappings from column to value")
    names = dict.fromkeys(name for row in rows for name in row)
    return {str(name): [row.get(name) for row in rows] for name in names}


def table_of(columns: Columns, backend: Backend) -> Any:
    """A table of these columns, as the backend makes it."""
    if backend != "rows":
        return import_module(backend).DataFrame(columns)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def parquet_of(columns: Columns) -> bytes:
    """These columns as a Parquet file. Raises `InvalidRequestError` where nothing can write one,
    or the values of a column are not of one kind."""
    library, file = _parquet(), io.BytesIO()
    try:
        frame = import_module(library).DataFrame(columns)
        if library == "polars":
            frame.write_parquet(file, compression="zstd")
        else:
            frame.to_parquet(file)
    except Exception as error:
        raise InvalidRequestError.of(f"The table cannot be written: {error}") from error
    return file.getvalue()


def read_parquet(content: bytes, backend: Backend) -> Any:
    """The table in a Parquet file. Raises `InvalidRequestError` where nothing can read one."""
    library = backend if backend != "rows" else _parquet()
    frame = import_module(library).read_parquet(io.BytesIO(content))
    if backend != "rows":
        return frame
    return frame.to_dicts() if library == "polars" else frame.to_dict("records")


def _parquet() -> str:
    """The library that reads and writes Parquet here."""
    if find_spec("polars") is not None:
        return "polars"
    if find_spec("pandas") is not None and find_spec("pyarrow") is not None:
        return "pandas"
    raise InvalidRequestError.of(
        "Time series travel as Parquet, which nothing here reads or writes",
        advice="Install polars, or pandas and pyarrow: pip install 'failwell[ionworks]'.",
    )
