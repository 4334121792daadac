"""Many failures in plain words: cause by cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar, cast

import msgspec

from failwell import redaction
from failwell.errors import RollbackError
from failwell.explanation.record import Explanation, Retry
from failwell.explanation.single import WHEN, of_any

T = TypeVar("T")

MOST = 100
"""Causes of a group that are told one by one."""


def of_group(group: ExceptionGroup[Exception], fields: Mapping[str, str]) -> Explanation:
    """What the causes of a group mean together."""
    causes = _by_cause(_leaves(group), fields)
    failed = sum(cause.times for cause in causes)
    told = group.message.partition("\n")[0]
    retry: Retry = next(word for word in _WORST_FIRST if any(c.retry == word for c in causes))
    outcomes = {cause.outcome for cause in causes}
    return Explanation(
        happened=f"{redaction.text(told)}: {failed} failed, of {len(causes)} causes.",
        effect="Not the same for all: see each." if len(outcomes) > 1 else causes[0].effect,
        charge=_same(cause.charge for cause in causes) or "Not the same for all: see each.",
        retry=retry,
        when=WHEN[retry] if len(causes) > 1 else causes[0].when,
        advice=_same(cause.advice for cause in causes) or "See each cause.",
        ask=_same(cause.ask for cause in causes) or "",
        outcome=_same(outcomes),
        causes=tuple(causes[:MOST]),
        todo=tuple(map(str, group.todo)) if isinstance(group, RollbackError) else (),
    )


_WORST_FIRST: tuple[Retry, ...] = ("settle", "no", "yes")


def _leaves(group: ExceptionGroup[Exception]) -> Iterable[Exception]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaves(cast("ExceptionGroup[Exception]", error))
        else:
            yield error


def _by_cause(errors: Iterable[Exception], fields: Mapping[str, str]) -> list[Explanation]:
    """One explanation of each cause, that of its first error, the most frequent cause first."""
    causes: dict[object, Explanation] = {}
    for error in errors:
        told = of_any(error, fields)
        cause = (
            told.api,
            told.status,
            told.code,
            told.kind,
            told.outcome,
            told.kind or type(error),
        )
        first = causes.setdefault(cause, msgspec.structs.replace(told, times=0))
        causes[cause] = msgspec.structs.replace(first, times=first.times + 1)
    return sorted(causes.values(), key=lambda cause: -cause.times)


def _same(values: Iterable[T]) -> T | None:
    """The value that all share; None where they differ."""
    found = set(values)
    return found.pop() if len(found) == 1 else None
