"""Facts that are made out only when somebody looks.

Most exceptions are caught, looked at in a word or two, and dropped: what takes long to read and to
scrub of secrets waits until it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec


class Later(msgspec.Struct, eq=False):
    """A fact that is made out when somebody looks, compares or pickles, and then kept.

    It stands in a `Looked` field, whose reader never meets it. What it is made of may hold
    secrets: no text and no pickle shows it.
    """

    make: Callable[[], Any] | None
    made: Any = None

    def look(self) -> Any:
        """The fact itself."""
        make = self.make
        if make is not None:
            self.made = make()
            self.make = None
        return self.made

    def __eq__(self, other: object) -> bool:
        return bool(self.look() == (other.look() if type(other) is Later else other))

    def __hash__(self) -> int:
        return hash(self.look())

    def __repr__(self) -> str:
        return repr(self.look())

    def __reduce__(self) -> tuple[Any, ...]:
        fact = self.look()
        return cast("type[Any]", type(fact)), (fact,)


class Looked:
    """A field of a struct that may be there only `Later`: whoever reads it sees the fact."""

    def __init__(self, field: Any) -> None:
        self._field = field

    def __get__(self, struct: object, cls: type) -> Any:
        if struct is None:
            return self
        value = self._field.__get__(struct)
        return value.look() if type(value) is Later else value
