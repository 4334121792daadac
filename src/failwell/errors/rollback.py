"""The exception of a transaction that could not be undone as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from failwell.errors.base import portable
from failwell.model import Todo


class RollbackError(ExceptionGroup[Exception]):
    """A transaction failed and not all of it could be undone: `todo` lists what is left.

    `first` is the error that ended the transaction. It is the first of the group; those of the
    compensations that failed follow it, so `except*` finds each by its class. It is no
    `FailwellError`, for that is the record of one call's failure, and this is about many calls.
    """

    first: Exception
    todo: tuple[Todo, ...]

    def __new__(
        cls,
        message: str,
        exceptions: Sequence[Exception],
        /,
        *,
        first: Exception,
        todo: Sequence[Todo],
    ) -> RollbackError:
        made = super().__new__(cls, message, exceptions)
        made.first, made.todo = first, tuple(todo)
        return made

    def __init__(
        self,
        message: str,
        exceptions: Sequence[Exception],
        /,
        *,
        first: Exception,
        todo: Sequence[Todo],
    ) -> None:
        super().__init__(message, exceptions)

    @classmethod
    def of(
        cls, first: Exception, todo: Sequence[Todo], errors: Sequence[Exception] = ()
    ) -> RollbackError:
        """The group of the first error and those of the compensations, with its to-do list."""
        left = "".join(f"\n  - {item}" for item in todo)
        message = f"{first}\nNot all of it could be undone. To do:{left}"
        return cls(message, [first, *errors], first=first, todo=todo)

    def derive(self, excs: Sequence[Exception], /) -> RollbackError:  # type: ignore[override]
        """A part of the group, with the same to-do list."""
        return type(self)(self.message, excs, first=self.first, todo=self.todo)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        members = [portable(error) for error in self.exceptions]
        at = next((n for n, e in enumerate(self.exceptions) if e is self.first), None)
        first = portable(self.first) if at is None else members[at]
        state = {"__notes__": self.__notes__} if hasattr(self, "__notes__") else None
        return _regroup, (type(self), self.message, members, first, self.todo), state


def _regroup(
    cls: type[RollbackError],
    message: str,
    members: list[Exception],
    first: Exception,
    todo: tuple[Todo, ...],
) -> RollbackError:
    return cls(message, members, first=first, todo=todo)
