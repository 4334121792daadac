"""Timing by ratios: the machine's noise hits all cases of a round alike, and so cancels out.

It is the processor's time that counts, so that a case is not charged for what else runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

Repeat = Callable[[int], object]
"""Does one thing that many times."""

SLICE = 0.004
"""Seconds that one case is timed for in one round: short, so that its neighbours in the round
meet the same machine."""


@dataclass(frozen=True)
class Case:
    """One thing to time; `target` is the largest ratio to the bare case that is good enough."""

    name: str
    repeat: Repeat
    target: float | None = None


@dataclass(frozen=True)
class Row:
    """What was measured of one case: the median of its ratios to the bare case of the same round,
    and the median time of one run in microseconds. A case that was not run has a note instead;
    `detail` says more of one that was."""

    name: str
    ratio: float = 0.0
    micros: float = 0.0
    target: float | None = None
    note: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Table:
    """The rows of one measure, a bare case before those that are compared with it."""

    title: str
    rows: Sequence[Row]


def compare(bare: Case, cases: Sequence[Case], rounds: int) -> list[Row]:
    """The bare case and the others, each timed once in every round; each round begins elsewhere."""
    everyone = [bare, *cases]
    counts = [_count(case.repeat) for case in everyone]
    times: list[list[float]] = [[] for _ in everyone]
    for turn in range(rounds):
        for place in range(len(everyone)):
            i = (place + turn) % len(everyone)
            times[i].append(_timed(everyone[i].repeat, counts[i]) / counts[i])
    return [
        row(case.name, own, times[0], case.target)
        for case, own in zip(everyone, times, strict=True)
    ]


def row(name: str, own: Sequence[float], bare: Sequence[float], target: float | None) -> Row:
    """The row of a case, from its times and those of the bare case in the same rounds (s)."""
    ratio = median(mine / theirs for mine, theirs in zip(own, bare, strict=True))
    return Row(name, ratio, median(own) * 1e6, target)


def _count(repeat: Repeat) -> int:
    """How often the thing is done in one slice. Its first time, which may compile and import, does
    not count."""
    repeat(1)
    count = 1
    while _timed(repeat, count) < SLICE / 2:
        count *= 2
    return count


def _timed(repeat: Repeat, count: int) -> float:
    began = time.process_time()
    repeat(count)
    return time.process_time() - began
