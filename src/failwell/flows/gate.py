"""What all calls to an origin go through, and how an attempt is let through or held back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from failwell.settings import Breaker, Budget, Governor

if TYPE_CHECKING:
    from failwell.policy.governor import Ticket


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that hold for an origin, and the key under which it is known to the store."""

    key: str
    budget: Budget | None = None
    breaker: Breaker | None = None
    governor: Governor | None = None


class Pass(msgspec.Struct, frozen=True, array_like=True):
    """The attempt may go after `wait` seconds, or, where it is not `due` then, ask the breaker.
    `ticket` is its place in the quota; `probing` says that all others wait for it; `calm` that
    its success is no news."""

    wait: float = 0.0
    ticket: Ticket | None = None
    probing: bool = False
    calm: bool = True
    due: bool = True


class Stay(msgspec.Struct, frozen=True, array_like=True):
    """The attempt may not go: ask again in `seconds`. `why` is "circuit" or "quota"; `number` is
    its place in the queue, `cause` what the last failure was, and `open_for` for how long the
    circuit is open at least."""

    why: Literal["circuit", "quota"]
    seconds: float
    number: int | None = None
    cause: str = ""
    open_for: float = 0.0


CALM = Pass()
