"""One transaction under way: its steps, what they gave, and how it ends."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from failwell import redaction
from failwell.actions import StoreError
from failwell.errors import InvalidRequestError, RollbackError
from failwell.flows import saga as flow
from failwell.model import Outcome, Todo
from failwell.policy import saga as policy
from failwell.policy.saga import Phase, Saga, State
from failwell.policy.setback import outcome_of, said
from failwell.settings import Retry
from failwell.transactions.durable import Durable
from failwell.transactions.ledger import Ledger
from failwell.transactions.work import Work

_SHOWN = 200
"""Characters of a result that a to-do shows."""


class Course:
    """The steps of a transaction in their order; written into `ledger`, where there is one.

    Where it is written down its methods block, so async code calls them in threads; steps may run
    beside each other, so each change of it is made and kept under one lock.
    """

    def __init__(self, saga: Saga, retry: Retry, ledger: Ledger | None = None) -> None:
        self.saga = saga
        self.works: list[Work] = []
        self.terms = flow.Terms(retry=retry, roll=random.random)
        self._ledger = ledger
        self._lock = threading.RLock()

    @property
    def is_kept(self) -> bool:
        """Whether it is written down, so that `keep` and its like do block."""
        return self._ledger is not None

    def begin(self, work: Work) -> int:
        """One more step is about to be done; its number.

        Raises `InvalidRequestError` for one that must not be, and what the ledger raises.
        """
        with self._lock:
            before = self.saga
            why = policy.refusal(before, work.step)
            if why is not None:
                raise InvalidRequestError.of(why)
            self.works.append(work)
            self.saga = policy.begin(before, work.step)
            try:
                self.keep()
            except BaseException:
                self.works.pop()
                self.saga = before
                raise
            return len(self.works) - 1

    def succeed(self, number: int) -> None:
        """The step took effect. Raises `InvalidRequestError` where its result is of no use."""
        with self._lock:
            self.saga = _after(self.saga, number, self.works[number].made)
            self.keep()
        flaw = self.works[number].flaw
        if flaw is not None:
            raise InvalidRequestError.of(flaw)

    def fail(self, number: int, error: BaseException) -> None:
        """The step raised `error`, which says what is known of its effect."""
        with self._lock, suppress(StoreError):  # the error itself is what matters now
            outcome, why = outcome_of(error), said(error)
            self.saga = policy.fail(self.saga, number, outcome, why)
            self.keep()

    def commit(self) -> None:
        """The transaction went well."""
        self.saga = policy.commit(self.saga)
        self.keep()

    def keep(self) -> None:
        """Write down how far it is, where it is written down at all."""
        if self._ledger is not None:
            written = tuple(work.written for work in self.works if isinstance(work, Durable))
            self._ledger.keep(self.saga, written)

    def let_go(self) -> None:
        """Hold it no longer: it is over, or somebody else may bring it to its end."""
        if self._ledger is not None:
            with suppress(StoreError):
                self._ledger.let_go(self.saga.phase)

    def todo(self) -> tuple[Todo, ...]:
        """What is left for people, in the order in which it was done."""
        return tuple(
            _todo(work, step)
            for work, step in zip(self.works, self.saga.steps, strict=True)
            if step.state is State.LEFT
        )

    def tell(self, first: BaseException, errors: Sequence[Exception]) -> RollbackError | None:
        """What the way back came to: the error to raise in the place of `first`, or a note on it.

        An interruption, such as Ctrl-C or a cancelled task, is never replaced.
        """
        todo = self.todo()
        if todo and isinstance(first, Exception):
            return RollbackError.of(first, todo, errors)
        if todo:
            left = "\n".join(f"  - {item}" for item in todo)
            first.add_note(f"failwell: not all of it could be undone. To do:\n{left}")
            return None
        count = sum(step.state is State.UNDONE for step in self.saga.steps)
        if count:
            first.add_note(f"failwell: rolled back, {count} step{'s' * (count > 1)} undone")
        return None

    def tell_committed(self, first: BaseException) -> None:
        """A note on an error that came too late to undo anything."""
        done = self.saga.steps[-1].label if self.saga.steps else "it"
        first.add_note(f"failwell: nothing was rolled back: {done} had committed the transaction")

    def tell_interrupted(self, interruption: BaseException) -> None:
        """A note on what broke off the way back itself."""
        open_ = [s.label for s in self.saga.steps if s.state not in _ENDED]
        if open_:
            interruption.add_note(
                f"failwell: the rollback was broken off; still to be undone: {', '.join(open_)}"
            )

    @property
    def is_committed(self) -> bool:
        """The point of no return is behind it."""
        return self.saga.phase is Phase.COMMITTED


_ENDED = (State.UNDONE, State.NOTHING)


def _after(saga: Saga, number: int, made: bool | None) -> Saga:
    """The saga after a step that went well. What was there before it is not undone with it."""
    if made is False:
        return policy.fail(saga, number, Outcome.NOT_STARTED, "Its record was there before")
    if made is None and not saga.steps[number].irreversible:
        return policy.fail(saga, number, Outcome.UNKNOWN, "Its record may have been there before")
    return policy.succeed(saga, number)


def _todo(work: Work, step: policy.Step) -> Todo:
    assert step.outcome is not None
    return Todo(
        step=step.label,
        outcome=step.outcome,
        why=step.why,
        result=_shown(work.result),
        irreversible=step.irreversible,
    )


def _shown(result: object) -> str:
    """A result, to find by it what it stands for: scrubbed and bounded."""
    if result is None:
        return ""
    try:
        said = redaction.scrub(msgspec.json.encode(result)).decode()
    except (TypeError, ValueError, RecursionError):
        return type(result).__name__
    return said if len(said) <= _SHOWN else said[: _SHOWN - 1] + "…"
