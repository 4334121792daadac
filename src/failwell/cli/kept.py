"""The store that a verb looks into: one that is there already."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from failwell import stores
from failwell.actions import Store


@contextmanager
def kept(url: str) -> Generator[Store]:
    """The store at this URL, closed at the end.

    A name that is mistyped must not be taken for a new store, of which all is well: raises
    `ValueError` for a file that is not there, for memory, which no other process can see, and for a
    URL that names no store; `StoreError` where it cannot be opened.
    """
    parts = urlsplit(url)
    if parts.scheme == "memory":
        raise ValueError("--store memory: is gone with the process that kept something in it")
    file = unquote(parts.path[1:])
    if parts.scheme == "sqlite" and not parts.netloc and file and not Path(file).is_file():
        raise ValueError(f"--store {url}: there is no file {file!r}, so nothing is kept in it")
    with closing(cast("Any", stores.open(url))) as store:
        yield store
