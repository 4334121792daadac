"""How to send a body from its beginning once more, where that is certain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def of_file(file: Any) -> Callable[[], object] | None:
    """What puts a file back where it stands now; None where it cannot seek."""
    start = _position(file)
    return None if start is None else lambda: file.seek(start)


def stay() -> None:
    """Each reading of such a body begins at its beginning by itself."""


def _position(file: Any) -> int | None:
    try:
        position: int = file.tell()
        file.seek(position)
    except (AttributeError, OSError, ValueError):
        return None
    return position
