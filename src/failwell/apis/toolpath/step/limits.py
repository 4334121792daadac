"""What no file may exceed, so that hostile text costs no more than honest text."""

from __future__ import annotations

from typing import Final

MAX_NESTING: Final = 32
"""Deepest list in a list, and longest chain of entities that stand for one another."""

MAX_EDGES: Final = 200_000
"""Most edges of all faces together."""

MAX_LENGTH_MM: Final = 1e6
"""Largest coordinate and radius."""

MAX_STRING: Final = 32_769
"""Most characters of a string that holds apostrophes."""

MAX_NAME: Final = 255
"""Most characters kept of the file name and of the schema."""
