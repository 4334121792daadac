"""The pace of an API that refuses without a word of its quota.

After the first refusal the pause that was asked for is kept; then the calls come back one by one,
faster and faster, until the next refusal. How many were answered from the pause until then says
what the API bears; from there on a little more is asked for from time to time, and each further
refusal takes some of it back.
"""

from __future__ import annotations

import msgspec

from failwell.policy.governor.meter import AHEAD
from failwell.policy.governor.records import Guess

_SEEK, _REGAIN = 8.0, 1.02
_YIELD, _SLOWEST = 0.95, 1.0
_STORED = 2.0


def first(pace: float, retry_after: float, now: float) -> Guess:
    """The guess after the first refusal; `pace` is at how many calls a second it came to that."""
    resumes = now + retry_after
    return Guess(rate=max(pace, _SLOWEST), since=resumes, at=resumes)


def flowed(guess: Guess, now: float) -> Guess:
    """The guess as it is now."""
    passed = now - guess.at
    if passed <= 0:
        return guess
    gain = (_REGAIN if guess.is_measured else _SEEK) ** min(passed, 1.0)
    level = max(min(guess.level + guess.rate * passed, _STORED), guess.level)
    return msgspec.structs.replace(guess, level=level, at=now, rate=guess.rate * gain)


def turn(guess: Guess, now: float) -> float:
    """Seconds until the next call's turn."""
    return max((1 - guess.level) / guess.rate, 0.0) + max(guess.at - now, 0.0)


def delay(guess: Guess, before: int, now: float) -> float:
    """Seconds after which to ask again, for a call that has `before` others in front of it; 0
    where its turn is known."""
    ahead = 0 if guess.level >= _STORED else before
    due = turn(guess, now) + ahead / guess.rate
    return 0.0 if due <= AHEAD else max(due - AHEAD / 2, due / 2)


def taken(guess: Guess) -> Guess:
    """The guess once a call was given its turn."""
    return msgspec.structs.replace(guess, level=guess.level - 1)


def answered(guess: Guess) -> Guess:
    """The guess after an answer that was no refusal."""
    return msgspec.structs.replace(guess, answers=guess.answers + 1)


def refused(guess: Guess, retry_after: float, now: float) -> Guess:
    """The guess after another refusal; those that come in its pause are no news."""
    resumes = max(guess.since, now + retry_after)
    if now < guess.since or not guess.answers:
        return msgspec.structs.replace(guess, since=resumes, at=max(guess.at, resumes))
    borne = guess.answers / max(now - guess.since, 1e-3)
    rate = max(min(guess.rate, borne) * _YIELD, _SLOWEST)
    return Guess(rate=rate, since=resumes, at=resumes, is_measured=True)
