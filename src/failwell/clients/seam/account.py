"""What goes along with an answer: what failwell knows of the call that it ended."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import msgspec

from failwell.clients import families
from failwell.clients.seam.theirs import Theirs
from failwell.contract import Contract
from failwell.errors import BadResponseError, FailwellError
from failwell.flows.lookup import status_of
from failwell.flows.terms import Done, How
from failwell.model import Attempt, Fault, Outcome, Reply, Request, Response


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What failwell knows of the call that an answer ended.

    `error` is what `failwell.Client` would have raised (None where the call went well), and
    `attempts` are those that failed. `how` says where the answer comes from: "answered"; "found"
    where the write's own was lost and its record was looked for; "existing" where it is the record
    that was there before; "replayed" where the API, or a run, had kept it.
    """

    attempts: tuple[Attempt, ...] = ()
    error: FailwellError | None = None
    how: How = "answered"

    @classmethod
    def of(cls, ended: Done | FailwellError) -> Account:
        """The account of a call that ended so."""
        if isinstance(ended, FailwellError):
            return cls(attempts=ended.attempts, error=ended)
        return cls(attempts=ended.attempts, how=ended.how)

    @property
    def outcome(self) -> Outcome | None:
        """Whether the write took effect; None for a read and for a call that went well."""
        return None if self.error is None else self.error.outcome


latest: ContextVar[Account | None] = ContextVar("failwell_account", default=None)
"""The account of the answer that was handed on last, in this thread or task."""


def status_for(done: Done, contract: Contract, request: Request) -> int:
    """The status of what is handed on: that which the write is answered with, if its record was
    found."""
    own = status_of(contract, request) if done.how == "found" else None
    return done.response.status if own is None else own


class Last:
    """The last reply of a call; its exception tells only what the reply proves."""

    def __init__(self) -> None:
        self.reply: Reply | None = None

    def keep(self, reply: Reply, *, aside: bool) -> Reply:
        """The reply, kept, unless it is to a read that only looks for the call's record."""
        if not aside:
            self.reply = reply
        return reply

    def answer(self, ended: Done | FailwellError, made: Callable[[Done], Any]) -> Any:
        """The library's own answer that ended the call, `made` where it came in the body of
        another; None where there is none that its caller can read."""
        if isinstance(ended, FailwellError):
            refusal = self._refusal(ended)
            return None if refusal is None else refusal.native
        native = ended.response.native
        return made(ended) if native is None or ended.how == "found" else native

    def _refusal(self, error: FailwellError) -> Response | None:
        """A GraphQL failure comes with 200."""
        if not isinstance(self.reply, Response) or isinstance(error, BadResponseError):
            return None
        return None if error.status_code is None else self.reply

    def raised(self, error: Done | FailwellError, theirs: Theirs) -> FailwellError:
        """The error of a call without such an answer, as one of both families."""
        assert isinstance(error, FailwellError)
        if isinstance(self.reply, Fault) and self.reply.cause is not None:
            return families.joined(error, type(self.reply.cause))
        return theirs.join(error)
