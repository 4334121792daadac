"""Who fetches a fresh token, and what do the others do meanwhile?

The one who comes first holds a lease and fetches; the others wait, and take what came of it, a
token or a failure. After a failure nobody fetches for a while. A lease, and a pause, that a clock
which was put back would stretch is over.
"""

from __future__ import annotations

import msgspec

from failwell.actions import Step
from failwell.tokens import Token

BASE = 1.0
"""Seconds for which nobody fetches after a first failure; doubled with each in a row."""

CAP = 60.0
"""Seconds that such a pause lasts at most."""

YOUNG = 1.0
"""Seconds in which a token that is refused is not replaced: another one would be refused too."""

KEPT = 30 * 86400.0
"""Seconds that the record is kept after the last time that it was written."""


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of one account's token. `holder` fetches another until `until`; after
    `failures` in a row, of which the last was `why`, nobody does until `barred` (both by the
    store's clock); it was `transient` where it may pass."""

    token: Token | None = None
    holder: str | None = None
    until: float = 0.0
    failures: int = 0
    why: str = ""
    barred: float = 0.0
    transient: bool = False


_NOTHING = Standing()


class Mine(msgspec.Struct, frozen=True):
    """Whoever asked is to fetch it."""


class Busy(msgspec.Struct, frozen=True):
    """Another one fetches it, and is given up in so many seconds."""

    seconds: float


class Barred(msgspec.Struct, frozen=True):
    """Nobody fetches one for now: why, and whether that may pass."""

    why: str
    transient: bool = False


class _Change(msgspec.Struct, frozen=True):
    @property
    def record_type(self) -> type[Standing]:
        return Standing


class Read(_Change, frozen=True):
    """What is known; nothing is changed."""

    def __call__(self, record: Standing | None, now: float) -> Step[Standing, Standing]:
        return Step(record, record or _NOTHING)


class Put(_Change, frozen=True):
    """A token that was got otherwise takes the place of whatever was known."""

    token: Token | None

    def __call__(self, record: Standing | None, now: float) -> Step[Standing, None]:
        return Step(Standing(token=self.token), None, KEPT)


class Meet(_Change, frozen=True):
    """The token of one process meets that of all: the one that was got later stays, and is the
    answer. Of a token of unknown age nobody is told."""

    token: Token | None

    def __call__(self, record: Standing | None, now: float) -> Step[Standing, Token | None]:
        known = (record or _NOTHING).token
        if self.token is None or self.token.got_at is None:
            return Step(record, known)
        if known is not None and (known.got_at or 0.0) >= self.token.got_at:
            return Step(record, known)
        return Step(Standing(token=self.token), self.token, KEPT)


class Claim(_Change, frozen=True, kw_only=True):
    """`holder` wants a token other than the one whose digest is `spent`, at the time of day `at`
    (epoch seconds), and would fetch it within `lease` seconds."""

    holder: str
    spent: str | None
    at: float
    lease: float

    def __call__(
        self, record: Standing | None, now: float
    ) -> Step[Standing, Token | Mine | Busy | Barred]:
        known = record or _NOTHING
        token = known.token
        if token is not None and token.digest != self.spent and not token.is_over(self.at):
            return Step(record, token)
        if known.holder is not None and now < known.until <= now + self.lease:
            return Step(record, Busy(known.until - now))
        barred = _barred(known, now, self.at)
        if barred is not None:
            return Step(record, barred)
        taken = msgspec.structs.replace(known, holder=self.holder, until=now + self.lease)
        return Step(taken, Mine(), KEPT)


class Land(_Change, frozen=True, kw_only=True):
    """`holder` has got the token; one whose lease has gone to another keeps it for itself."""

    holder: str
    token: Token

    def __call__(self, record: Standing | None, now: float) -> Step[Standing, None]:
        if record is None or record.holder != self.holder:
            return Step(record, None)
        return Step(Standing(token=self.token), None, KEPT)


class Fall(_Change, frozen=True, kw_only=True):
    """`holder` could not fetch it: `why`, or None where it was only broken off."""

    holder: str
    why: str | None
    transient: bool = False

    def __call__(self, record: Standing | None, now: float) -> Step[Standing, None]:
        if record is None or record.holder != self.holder:
            return Step(record, None)
        idle = msgspec.structs.replace(record, holder=None, until=0.0)
        if self.why is None:
            return Step(idle, None, KEPT)
        failures = min(record.failures + 1, 16)
        pause = min(BASE * 2 ** (failures - 1), CAP)
        fallen = msgspec.structs.replace(
            idle,
            failures=failures,
            why=self.why,
            barred=now + pause,
            transient=self.transient,
        )
        return Step(fallen, None, KEPT)


def is_due(known: Standing, leeway: float, at: float) -> bool:
    """Whether another token is to be fetched before the next request: there is none, or its time
    is over in `leeway` seconds; of a short-lived one, half of the time it was given."""
    token = known.token
    if token is None:
        return True
    if token.expires_at is None:
        return False
    if token.got_at is not None:
        leeway = min(leeway, max(token.expires_at - token.got_at, 0.0) / 2)
    return token.is_over(at + leeway)


def _barred(known: Standing, now: float, at: float) -> Barred | None:
    """Why nobody is to fetch a token now; None where somebody may."""
    if now < known.barred <= now + CAP:
        return Barred(known.why, known.transient)
    token = known.token
    if token is None or token.got_at is None or token.is_over(at):
        return None
    if 0 <= at - token.got_at < YOUNG:
        return Barred("the API refuses a token that was fetched a moment ago")
    return None
