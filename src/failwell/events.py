"""What hooks are told while a call is under way."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from failwell.errors import FailwellError
from failwell.model import Attempt, Failure


class AttemptFailed(msgspec.Struct, frozen=True):
    """An attempt failed and another follows after `attempt.wait` seconds."""

    attempt: Attempt
    failure: Failure
    key: str | None = None


class CallFailed(msgspec.Struct, frozen=True):
    """The call is over, and this is raised; `why` says what ended it."""

    error: FailwellError
    why: str


class Recovered(msgspec.Struct, frozen=True):
    """The call went well after some attempts that had not."""

    attempts: tuple[Attempt, ...]


class StoreFailed(msgspec.Struct, frozen=True):
    """A store could not be used; `then` says what was done about it."""

    error: Exception
    then: str


Event = AttemptFailed | CallFailed | Recovered | StoreFailed
Hook = Callable[[Event], None]
