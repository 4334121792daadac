"""What one call is made under, how it may have begun, and how it may end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from failwell.contract import Contract
from failwell.flows.gate import Gate, Pass, Stay
from failwell.model import Attempt, Reply, Response
from failwell.settings import Retry


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What one call is made under. `ends` is in monotonic seconds; `roll` throws the dice, in
    [0, 1); `rewindable` says whether the body can be sent from its beginning once more. `gate` is
    what all calls to the origin go through; `renews` says that a fresh credential can be had, and
    `gets_existing` that a record which is there already is an answer, too."""

    contract: Contract
    retry: Retry | None
    roll: Callable[[], float]
    ends: float | None = None
    rewindable: Callable[[], bool] = lambda: True
    gate: Gate | None = None
    renews: bool = False
    gets_existing: bool = False


How = Literal["answered", "found", "existing", "replayed"]
"""Where an answer comes from: the write itself; a record that was looked for after a lost answer;
one that was there before; an answer that was kept."""


class Done(msgspec.Struct, frozen=True):
    """The call went well, after those attempts that did not. The `response` has no `native` where
    it is a record out of another answer, or an answer that was kept."""

    response: Response
    attempts: tuple[Attempt, ...]
    how: How = "answered"


class Begun(msgspec.Struct, frozen=True):
    """A call whose first attempt was made before its flow: how that was let through, what came of
    it (`reply`, None where it was not sent), when it was sent and when it was over, in monotonic
    seconds."""

    passed: Pass | Stay
    reply: Reply | None = None
    at: float = 0.0
    over: float = 0.0
