"""Given the verdict on an attempt, is there another, and when?

The order matters. *Judge first, count after*: an attempt that must not be repeated stops the
call whatever its number. *Ask before any wait*: nothing is slept that leads to a refusal.
"""

from __future__ import annotations

import msgspec

from failwell.policy import backoff
from failwell.settings import Retry


class Again(msgspec.Struct, frozen=True):
    """Send again after `wait` seconds."""

    wait: float


class Stop(msgspec.Struct, frozen=True):
    """Do not send again; `why` is one of "permanent", "unsafe", "body", "off", "exhausted",
    "expired", "deadline" and "too_long"."""

    why: str


class Facts(msgspec.Struct, frozen=True):
    """What the decision rests on. `made` counts the attempts so far; `left` is how many seconds
    the call has, None for no deadline; `roll` is a throw of the dice, in [0, 1); `key_left` is for
    how many seconds the key still makes it safe, None where safety does not rest on a key; `most`
    is how many sends in all the codes of the answers allow, None for as many as the policy."""

    transient: bool
    repeatable: bool
    rewindable: bool
    sent: bool
    retry_after: float | None
    made: int
    left: float | None
    roll: float
    key_left: float | None = None
    most: int | None = None


def decide(retry: Retry | None, facts: Facts) -> Again | Stop:
    """Whether there is another attempt, and after how long.

    `Retry-After` is a floor under the backoff and is never cut short: where it does not fit, the
    call ends at once.
    """
    if not facts.transient:
        return Stop("permanent")
    if not facts.repeatable:
        return Stop("unsafe")
    if not facts.rewindable:
        return Stop("body")
    if retry is None:
        return Stop("off")
    if facts.made > retry.max_retries or (facts.most is not None and facts.made >= facts.most):
        return Stop("exhausted")
    wait = backoff.delay(retry, facts.made - 1, facts.roll, sent=facts.sent)
    if facts.retry_after is not None:
        wait = max(wait, facts.retry_after)
        if facts.left is None and facts.retry_after > retry.max_wait:
            return Stop("too_long")
    if facts.key_left is not None and wait >= facts.key_left:
        return Stop("expired")
    if facts.left is not None and wait >= facts.left:
        return Stop("deadline")
    return Again(wait)


def may_resend(facts: Facts) -> bool:
    """Whether sending again is safe and possible, whatever the attempt failed of."""
    return facts.repeatable and facts.rewindable
