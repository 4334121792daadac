"""Modules that are named on the command line, of the user's own."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType


def imported(name: str, *, option: str) -> ModuleType:
    """The module, looked for in the current directory first, as `python -m` does.

    Raises `ValueError`, which names the `option`, where it cannot be imported.
    """
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except (ImportError, TypeError, ValueError) as error:  # none; a relative name; an empty one
        raise ValueError(f"{option} cannot be read: {error}") from None
