"""What people call an API.

A failure carries its API's name alone, also into a journal and through pickle; whoever tells it to
people asks here.
"""

from __future__ import annotations

_titles: dict[str, str] = {}
"""Those that contracts have given, by name."""


def known(name: str, title: str) -> str:
    """The title that a contract of this name gives itself, and goes by from now on; the name with
    a capital where it gives none."""
    if not title:
        return name[:1].upper() + name[1:]
    _titles[name] = title
    return title


def title_of(name: str) -> str:
    """What people call the API of this name."""
    return _titles.get(name) or known(name, "")
