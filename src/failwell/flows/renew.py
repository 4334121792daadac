"""A fresh token, fetched once for all who need it.

Told once for sync and async, and for both circles: the threads and tasks of one process, whose
state is in memory, and the processes that share a store. `Send` stands for the fetching itself.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from failwell.actions import Flow, Send, Update, Wait
from failwell.contract import TRANSIENT
from failwell.model import Request
from failwell.policy import deadline
from failwell.policy.renewal import Barred, Busy, Claim, Fall, Land
from failwell.tokens import NoTimeError, RefreshError, Token

_FIRST_LOOK, _LAST_LOOK = 0.005, 0.25
"""Seconds between two looks at what another one is fetching: doubled from the first to the last."""


class Renewing(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted: under `key`, a token other than the one whose digest is `spent`, by `ends`
    (monotonic seconds). `holder` is who asks; `at` the time of day (epoch seconds); `lease`
    (seconds) how long one may fetch before another one begins. One who is not `patient` does not
    wait for another."""

    key: str
    holder: str
    spent: str | None
    at: float
    lease: float
    ends: float | None
    patient: bool = True


def renew(wanted: Renewing) -> Flow[Token]:
    """The token that another one has fetched by then, or that is fetched now.

    Raises `RefreshError` where there is none, for all who wait; `NoTimeError` for one whose time
    is over.
    """
    claim = Claim(holder=wanted.holder, spent=wanted.spent, at=wanted.at, lease=wanted.lease)
    pause = _FIRST_LOOK
    while True:
        answer, now = yield from Update(wanted.key, claim)
        match answer:
            case Token():
                return answer
            case Barred(why, transient):
                raise RefreshError(why, transient=transient)
            case Busy(seconds):
                left = deadline.left(wanted.ends, now)
                if not wanted.patient or left == 0:
                    raise NoTimeError("the call has no time left to wait for a fresh token")
                yield from Wait(min(pause, seconds, seconds if left is None else left))
                pause = min(pause * 2, _LAST_LOOK)
            case _:
                return (yield from _fetched(wanted, now))


def _fetched(wanted: Renewing, now: float) -> Flow[Token]:
    key, holder = wanted.key, wanted.holder
    fetch = Send(Request(method="REFRESH", url=key), 1, deadline.left(wanted.ends, now))
    try:
        reply, _ = yield from fetch
    except GeneratorExit:
        raise
    except Exception as error:
        failure = _told(error)
    except BaseException:
        yield from Update(key, Fall(holder=holder, why=None))
        raise
    else:
        token = cast("Token", cast("Any", reply))
        if token.got_at is None:
            token = msgspec.structs.replace(token, got_at=wanted.at)
        yield from Update(key, Land(holder=holder, token=token))
        return token
    if isinstance(failure, NoTimeError):
        yield from Update(key, Fall(holder=holder, why=None))
    else:
        fall = Fall(holder=holder, why=str(failure), transient=failure.transient)
        yield from Update(key, fall)
    raise failure


def _told(error: Exception) -> RefreshError:
    """What went wrong, without the words of the exception: they may quote the request, which
    carries the refresh token, or an answer with the new one."""
    if isinstance(error, RefreshError):
        return type(error)(str(error), transient=error.transient)
    status = getattr(getattr(error, "response", error), "status_code", None)
    said = f" (status {status})" if isinstance(status, int) else ""
    why = f"the token could not be refreshed: {type(error).__name__}{said}"
    return RefreshError(why, transient=status in TRANSIENT or _is_fault(error))


_FAULTS = {"TransportError", "ConnectionError", "APIConnectionError", "Timeout", "TimeoutError"}


def _is_fault(error: Exception) -> bool:
    """Whether no answer came: told by the names of its classes, for whoever refreshes may do so
    with any library."""
    return any(cls.__name__ in _FAULTS for cls in type(error).__mro__)
