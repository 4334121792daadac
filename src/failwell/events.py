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


class HeldBack(msgspec.Struct, frozen=True):
    """Nothing was sent for `seconds`, for the quota had no room or the circuit was open; `why` is
    "quota" or "circuit"."""

    why: str
    seconds: float
    method: str
    url: str


class Renewed(msgspec.Struct, frozen=True):
    """The credential was over; a fresh one is there, and the request is sent again."""

    method: str
    url: str


class StoreFailed(msgspec.Struct, frozen=True):
    """A store could not be used; `then` says what was done about it."""

    error: Exception
    then: str


class JobSeen(msgspec.Struct, frozen=True):
    """A job was looked at: its state and its progress (0 to 1), as far as they are known by now;
    `error` is what the look ended in, where it did not show the job."""

    job_id: str
    url: str
    state: str
    progress: float | None = None
    error: FailwellError | None = None


Event = AttemptFailed | CallFailed | Recovered | HeldBack | Renewed | StoreFailed | JobSeen
Hook = Callable[[Event], None]
