"""Failures off the wire, whose words are made out only when somebody looks.

Most exceptions are caught, looked at in a word or two, and dropped: what takes long to read and to
scrub of secrets waits until it is asked for. A `LateFailure` is a `Failure`, and a `LateAttempt` an
`Attempt`, of which some facts wait; in every text, comparison and pickle it is whole. One that did
not come off the wire is plain, and pays nothing for this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, cast

import msgspec

from failwell.model import Attempt, Failure

T = TypeVar("T")
L = TypeVar("L", bound="Late")

WAITING: Any = msgspec.UNSET
"""Stands in the place of a fact until somebody looks."""

Source = Callable[[], Any]
"""Gives an object that has each fact that waits under its own name. It is a function, so that what
the facts are made of, which may hold secrets, is in no field."""


class Joint(msgspec.Struct, eq=False, kw_only=True):
    """Facts that are made out all together, once; `told` of it is a source.

    What it is made of may hold secrets: no text shows it.
    """

    made: Any = None

    def told(self) -> Any:
        """The facts."""
        if self.made is None:
            self.made = self.tell()
        return self.made

    def tell(self) -> Any:
        """Make the facts out: of what, only a subclass knows."""
        raise NotImplementedError  # abstract; `abc` would need a metaclass joined with msgspec's

    __repr__ = object.__repr__  # the fields' would show what is secret


class Late:
    """A struct some facts of which wait, beside the `plain` one that has the same facts."""

    __slots__ = ()
    plain: ClassVar[Any]

    def told(self) -> Any:
        """An object that has each fact that waits under its own name."""
        raise NotImplementedError  # abstract, as above: each subclass has another

    def whole(self) -> Any:
        """The same facts in a plain struct."""
        known: dict[str, Any] = msgspec.structs.asdict(cast("msgspec.Struct", self))
        told = self.told()
        facts = {
            name: getattr(told, name) if known[name] is WAITING else known[name]
            for name in self.plain.__struct_fields__
        }
        return self.plain(**facts)

    def __eq__(self, other: object) -> bool:
        return bool(self.whole() == whole(other))

    def __hash__(self) -> int:
        return hash(self.whole())

    def __repr__(self) -> str:
        return repr(self.whole())

    def __reduce__(self) -> Any:
        return self.whole().__reduce__()


def whole(struct: T) -> T:
    """The same facts with none that wait, which msgspec's own functions could not read."""
    if isinstance(struct, Late):
        plain: T = struct.whole()
        return plain
    return struct


class _Looked:
    """A field of a fact that waits: whoever reads it sees the fact, which is then kept."""

    def __init__(self, name: str, field: Any) -> None:
        self._name = name
        self._field = field

    def __get__(self, struct: Any, cls: type) -> Any:
        if struct is None:
            return self
        fact = self._field.__get__(struct)
        if fact is WAITING:
            fact = getattr(struct.told(), self._name)
            self._field.__set__(struct, fact)
        return fact


def _seen(cls: type[L]) -> type[L]:
    """The class, in which each field may wait that it and the plain one both spell out."""
    for name in cls.__annotations__.keys() & set(cls.plain.__struct_fields__):
        setattr(cls, name, _Looked(name, getattr(cls.plain, name)))
    return cls


@_seen
class LateFailure(Late, Failure, frozen=True, kw_only=True, eq=False):
    """A failure as a dialect reads it: what it says in words may wait."""

    plain = Failure

    message: Any = WAITING
    code: Any = WAITING
    details_json: Any = WAITING
    issues: Any = WAITING
    request_id: Any = WAITING
    timestamp: Any = WAITING
    source: Source

    def told(self) -> Any:
        """What its source tells."""
        return self.source()


@_seen
class KeptFailure(LateFailure, frozen=True, kw_only=True, eq=False):
    """A failure as a call keeps it: all may wait that decides nothing."""

    api: Any = WAITING
    method: Any = WAITING
    url: Any = WAITING
    body: Any = WAITING
    advice: Any = WAITING
    charged: Any = WAITING
    support: Any = WAITING


@_seen
class LateAttempt(Late, Attempt, frozen=True, kw_only=True, eq=False):
    """An attempt, of which its `failure` tells what is said in words."""

    plain = Attempt

    method: Any = WAITING
    url: Any = WAITING
    request_id: Any = WAITING
    failure: Failure

    def told(self) -> Failure:
        """Its failure, which has them."""
        return self.failure
