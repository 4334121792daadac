"""The calls of a batch, and those of them that are left."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, cast

import msgspec

from failwell.errors import InvalidRequestError
from failwell.places import Finder, encoded, place_of

P = ParamSpec("P")
T = TypeVar("T")

KEY = "idempotency_key"
"""The argument that makes it safe to make a call again whatever became of it."""


class Call(Generic[T]):
    """A function with its arguments, to be called later. Where the function can be imported and
    the arguments are JSON, it can be saved."""

    __slots__ = ("args", "function", "named")

    def __init__(self, function: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> None:
        self.function: Callable[..., T] = function
        self.args: tuple[Any, ...] = args
        self.named: dict[str, Any] = named

    def __call__(self) -> T:
        return self.function(*self.args, **self.named)

    @property
    def is_keyed(self) -> bool:
        """Whether it carries a key, under which it may be made again."""
        return self.named.get(KEY) is not None

    def __repr__(self) -> str:
        return f"Call({getattr(self.function, '__qualname__', self.function)}, …)"


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """One call in a file; `number` is its place in the whole batch."""

    number: int
    function: str
    args: list[Any]
    named: dict[str, Any]


class SavedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """The file: calls in their order."""

    version: int = 1
    calls: tuple[Saved, ...]


class Remainder(Generic[T]):
    """The calls of a batch that may safely be made now, or made again; `numbers` are their places
    in the whole batch. Give it to `gather` to go on."""

    def __init__(self, calls: Sequence[Callable[[], T]], numbers: Sequence[int]) -> None:
        self.calls = tuple(calls)
        self.numbers = tuple(numbers)

    def __iter__(self) -> Iterator[Callable[[], T]]:
        return iter(self.calls)

    def __len__(self) -> int:
        return len(self.calls)

    def __repr__(self) -> str:
        return f"Remainder({len(self)} calls)"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it into a file, as JSON: it is there whole, or not at all.

        Raises `InvalidRequestError` for a call that is no `Call` of an importable function with
        JSON arguments, or that holds a secret.
        """
        pairs = zip(self.numbers, self.calls, strict=True)
        saved = SavedBatch(calls=tuple(_saved(number, call) for number, call in pairs))
        write_whole(Path(path), msgspec.json.encode(saved))

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], modules: Sequence[str] | None = None
    ) -> Remainder[Any]:
        """Read it back. The file names functions that will be called: trust it like code, or say
        in which `modules` they may be.

        Raises `InvalidRequestError` for a file that is no saved remainder, and for a function that
        is not found.
        """
        try:
            saved = msgspec.json.decode(Path(path).read_bytes(), type=SavedBatch)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InvalidRequestError.of(f"{path} is no saved remainder: {error}") from None
        calls = [_loaded(one, modules) for one in saved.calls]
        return cls(calls, [one.number for one in saved.calls])


def _saved(number: int, call: Callable[[], Any]) -> Saved:
    if not isinstance(call, Call):
        raise InvalidRequestError.of(
            f"Call {number} of the batch cannot be saved: it is no failwell.Call",
            advice="Write failwell.Call(function, *arguments) in the place of a lambda.",
        )
    known = cast("Call[Any]", call)
    place = place_of(known.function)
    encoded((known.args, known.named), place)
    return Saved(number=number, function=place, args=list(known.args), named=known.named)


def _loaded(saved: Saved, modules: Sequence[str] | None) -> Call[Any]:
    home = saved.function.partition(":")[0]
    if home == "__main__":
        function: Any = getattr(sys.modules["__main__"], saved.function.partition(":")[2], None)
        if not callable(function):
            raise InvalidRequestError.of(f"{saved.function} is not found in this program")
    else:
        function = Finder([home] if modules is None else modules)(saved.function)
    return Call(function, *saved.args, **saved.named)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    draft = path.with_name(path.name + ".tmp")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
