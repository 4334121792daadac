"""How to send a body from its beginning once more, where that is certain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

Rewind = Callable[[], object]


def of_file(file: Any) -> Rewind | None:
    """What puts a file back where it stands now; None where it cannot seek."""
    start = _position(file)
    return None if start is None else lambda: file.seek(start)


def of_stream(stream: object, httpx: ModuleType) -> Rewind | None:
    """How to begin a request's stream again; `httpx` is the module that made it, httpx or httpx2.

    Of an iterable of the caller's own nobody knows whether a second reading starts anew, goes on
    where the first stopped, or finds nothing: None.
    """
    if isinstance(stream, httpx.ByteStream):
        return stay
    is_its_own = type(stream).__module__.partition(".")[0] == httpx.__name__
    if not is_its_own or not isinstance(stream, httpx.SyncByteStream):
        return None
    fields = getattr(stream, "fields", None)
    if fields is not None:  # multipart: it goes back to the start of each file by itself
        files = [field.file for field in fields if hasattr(field, "file")]
        return stay if all(map(_is_repeatable, files)) else None
    source = getattr(stream, "_stream", None)
    if hasattr(source, "read"):
        return of_file(source)
    return stay if isinstance(source, Sequence) else None


def stay() -> None:
    """Each reading of such a body begins at its beginning by itself."""


def _is_repeatable(file: object) -> bool:
    return isinstance(file, (str, bytes)) or _position(file) is not None


def _position(file: Any) -> int | None:
    try:
        position: int = file.tell()
        file.seek(position)
    except (AttributeError, OSError, ValueError):
        return None
    return position
