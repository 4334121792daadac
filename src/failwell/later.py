"""Facts that are made out only when somebody looks.

Most exceptions are caught, looked at in a word or two, and dropped: what takes long to read and to
scrub of secrets waits until it is asked for. `Later` stands for one fact; `Joint` for several of
one struct, which are made out together. Who reads such a struct's fields meets neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import msgspec

P = TypeVar("P", bound="Patient")


class Later(msgspec.Struct, eq=False):
    """A fact that is made out when somebody looks, and then kept.

    What it is made of may hold secrets: no text shows it.
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

    __repr__ = object.__repr__  # the fields' would show what is secret


class Joint(Later, eq=False):
    """The same for several facts of one struct: what it makes has each under its own name, if only
    later."""

    __repr__ = object.__repr__


class Looked:
    """A field of a struct that may be there only later: whoever reads it sees the fact."""

    def __init__(self, name: str, field: Any) -> None:
        self._name = name
        self._field = field

    def __get__(self, struct: object, cls: type) -> Any:
        if struct is None:
            return self
        value = self._field.__get__(struct)
        return _made(value, self._name) if type(value) in _LATE else value


class Patient(msgspec.Struct, frozen=True, eq=False):
    """A struct of which some fields may wait; in every text, comparison and pickle it is whole.

    Which ones `may_wait` is said once its class is made.
    """

    waiting: ClassVar[dict[str, Any]] = {}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _facts(self) == _facts(other)

    def __hash__(self) -> int:
        return hash(_facts(self))

    def __repr__(self) -> str:
        return msgspec.Struct.__repr__(whole(self))

    def __reduce__(self) -> Any:
        return msgspec.Struct.__reduce__(whole(self))


def may_wait(cls: type[Patient], *names: str) -> None:
    """Let these fields of the class be there only later."""
    cls.waiting = {name: getattr(cls, name) for name in names}
    for name, field in cls.waiting.items():
        setattr(cls, name, Looked(name, field))


def unread(struct: Patient, name: str) -> Any:
    """A field as it is, for another struct to have it under the same name: nobody looks yet."""
    return struct.waiting[name].__get__(struct)


def whole(struct: P) -> P:
    """The same facts with none to come later, which msgspec's own functions could not read."""
    if _LATE.isdisjoint(map(type, msgspec.structs.astuple(struct))):
        return struct
    raw = {name: field.__get__(struct) for name, field in struct.waiting.items()}
    made = {name: _made(value, name) for name, value in raw.items() if type(value) in _LATE}
    return msgspec.structs.replace(struct, **made)


_LATE = frozenset({Later, Joint})


def _made(value: Any, name: str) -> Any:
    if type(value) is Joint:
        value = getattr(value.look(), name)
    return value.look() if type(value) is Later else value


def _facts(struct: Patient) -> tuple[Any, ...]:
    return msgspec.structs.astuple(whole(struct))
