"""What a batch raises where not all of its calls went well."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from failwell.batch.calls import Remainder
from failwell.errors import FailwellError

T = TypeVar("T")

_SHOWN = 5
"""Numbers of calls that a line lists."""


class GatherError(ExceptionGroup[Exception]):
    """Some calls of a batch failed: one group for each cause, whatever their number.

    `results` has each call's result in its place, None where there is none; `failures` each error
    by its call's number. `remainder` are the calls that may safely be made now: those that were
    not started, and those that failed and left nothing behind. `unsettled` are the numbers of
    writes that may have taken effect: ask `client.settle(error.failures[number])` first.
    """

    results: list[Any]
    failures: Mapping[int, Exception]
    remainder: Remainder[Any]
    unsettled: tuple[int, ...]

    def __new__(cls, message: str, exceptions: Sequence[Exception], /, **facts: Any) -> GatherError:
        made = super().__new__(cls, message, exceptions)
        made.results, made.failures = facts["results"], facts["failures"]
        made.remainder, made.unsettled = facts["remainder"], facts["unsettled"]
        return made

    def __init__(self, message: str, exceptions: Sequence[Exception], /, **facts: Any) -> None:
        super().__init__(message, exceptions)

    @classmethod
    def of(
        cls,
        results: list[Any],
        failures: Mapping[int, Exception],
        remainder: Remainder[Any],
        unsettled: Sequence[int],
        *,
        not_started: int,
    ) -> GatherError:
        """The error of a batch with these failures, of which there must be one."""
        said = f"{len(failures)} of {len(results)} calls failed"
        said += f", {not_started} were not started" if not_started else ""
        said += f", {len(unsettled)} may have taken effect" if unsettled else ""
        return cls(
            said,
            by_cause(failures),
            results=results,
            failures=dict(failures),
            remainder=remainder,
            unsettled=tuple(unsettled),
        )

    def derive(self, excs: Sequence[Exception], /) -> GatherError:  # type: ignore[override]
        """A part of the group, with the same facts."""
        return type(self)(self.message, excs, **self._facts())

    def _facts(self) -> dict[str, Any]:
        return {
            "results": self.results,
            "failures": self.failures,
            "remainder": self.remainder,
            "unsettled": self.unsettled,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        facts = {name: _portable(value, other) for name, value, other in self._spares()}
        members = [_portable(error, _words(error)) for error in self.exceptions]
        return _regroup, (type(self), self.message, members, facts)

    def _spares(self) -> list[tuple[str, Any, Any]]:
        """Each fact, and what stands for it in another process where it cannot go there."""
        in_words = {number: _words(error) for number, error in self.failures.items()}
        return [
            ("results", self.results, [None] * len(self.results)),
            ("failures", self.failures, in_words),
            ("remainder", self.remainder, Remainder[Any]((), ())),
            ("unsettled", self.unsettled, ()),
        ]


def _words(error: Exception) -> Exception:
    return Exception(f"{type(error).__qualname__}: {error}")


def _portable(value: T, other: T) -> T:
    """The value, or the other one where it would not survive pickling."""
    try:
        pickle.loads(pickle.dumps(value))
    except Exception:
        return other
    return value


def _regroup(
    cls: type[GatherError], message: str, members: list[Exception], facts: dict[str, Any]
) -> GatherError:
    return cls(message, members, **facts)


def by_cause(failures: Mapping[int, Exception]) -> list[Exception]:
    """One group for each cause, the most frequent first."""
    causes: dict[tuple[Any, ...], list[int]] = {}
    for number in sorted(failures):
        causes.setdefault(_cause(failures[number]), []).append(number)
    ranked = sorted(causes.values(), key=len, reverse=True)
    return [_group([failures[n] for n in numbers], numbers) for numbers in ranked]


def _cause(error: Exception) -> tuple[Any, ...]:
    if isinstance(error, FailwellError):
        return type(error), error.failure.api, error.status_code, error.code
    return (type(error),)


def _group(errors: list[Exception], numbers: list[int]) -> Exception:
    first = errors[0]
    words = [type(first).__name__]
    if isinstance(first, FailwellError):
        words += [str(word) for word in (first.status_code, first.code) if word is not None]
    shown = ", ".join(map(str, numbers[:_SHOWN])) + (", …" if len(numbers) > _SHOWN else "")
    plural = "s" if len(numbers) > 1 else ""
    return ExceptionGroup(f"{' '.join(words)}: call{plural} {shown}", errors)
