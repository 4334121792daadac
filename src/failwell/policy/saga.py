"""What of a transaction is undone next, and what can only be told?

A transaction is a saga (Garcia-Molina and Salem, 1987): steps that took effect one by one, each
with the compensation that takes its effect back. Its states:

    step      begun → done → undoing → undone
                    ↘ nothing              (proven: it left nothing behind)
                    ↘ unsure → done | nothing | left
              done, undoing → left         (for people: the to-do list)
    saga      forward → committed
                      ↘ backward → rolled_back | left

A step that cannot be undone is the point of no return (the *pivot*): with it the saga is
committed, and nothing may follow that could call for going back.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from failwell.model import Outcome
from failwell.policy import backoff
from failwell.policy.setback import Setback
from failwell.settings import Retry


class State(StrEnum):
    """How far one step is."""

    BEGUN = "begun"
    UNSURE = "unsure"
    DONE = "done"
    NOTHING = "nothing"
    UNDOING = "undoing"
    UNDONE = "undone"
    LEFT = "left"


class Phase(StrEnum):
    """How far the transaction is."""

    FORWARD = "forward"
    COMMITTED = "committed"
    BACKWARD = "backward"
    ROLLED_BACK = "rolled_back"
    LEFT = "left"

    @property
    def is_over(self) -> bool:
        """Nothing is to be done any more: committed, or nothing is left."""
        return self is Phase.COMMITTED or self is Phase.ROLLED_BACK


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step, as far as a decision needs to know it.

    `undoable`: it has a compensation. `settleable`: it can be asked what became of it, by key or
    natural key. `repeatable`: its compensation may be made again where nobody knows whether it
    was made; `keyed`: it may because it carries a key that the API honours. `tries` counts the
    failures of what is being tried now; `outcome` is what is known of a step that is `left`, and
    `hopeful` that another day may bring it to an end.
    """

    label: str
    undoable: bool = True
    settleable: bool = False
    irreversible: bool = False
    repeatable: bool = True
    keyed: bool = False
    state: State = State.BEGUN
    tries: int = 0
    why: str = ""
    outcome: Outcome | None = None
    hopeful: bool = False


class Saga(msgspec.Struct, frozen=True, kw_only=True):
    """The whole transaction. `tolerant` lets steps follow one that cannot be undone."""

    steps: tuple[Step, ...] = ()
    phase: Phase = Phase.FORWARD
    tolerant: bool = False


def refusal(saga: Saga, step: Step) -> str | None:
    """Why this step must not begin; None where it may."""
    if saga.phase is Phase.COMMITTED and saga.steps:
        return (
            f"{saga.steps[-1].label} cannot be undone and has been done: nothing may follow it. "
            "Do irreversible steps last, or say transaction(allow_irreversible=True)"
        )
    if saga.phase is not Phase.FORWARD:
        return f"the transaction is over ({saga.phase}): {step.label} is not begun"
    if step.irreversible and step.undoable:
        return f"{step.label} is marked irreversible and has an undo: give one of them"
    if not step.irreversible and not step.undoable:
        return f"{step.label} has no undo: give undo=..., or say irreversible=True"
    return None


def begin(saga: Saga, step: Step) -> Saga:
    """The saga with one more step, which is under way."""
    return msgspec.structs.replace(saga, steps=(*saga.steps, step))


def succeed(saga: Saga, number: int) -> Saga:
    """The step took effect. One that cannot be undone commits all before it with it."""
    saga = _set(saga, number, state=State.DONE, tries=0, why="")
    if saga.steps[number].irreversible and not saga.tolerant:
        return msgspec.structs.replace(saga, phase=Phase.COMMITTED)
    return saga


def fail(saga: Saga, number: int, outcome: Outcome | None, why: str) -> Saga:
    """The step failed; `outcome` says what is known of its effect (None: it can have none)."""
    if outcome is None or outcome.nothing_done:
        return _set(saga, number, state=State.NOTHING, why=why)
    return _set(saga, number, state=State.UNSURE, outcome=outcome, why=why)


def commit(saga: Saga) -> Saga:
    """The transaction went well."""
    return msgspec.structs.replace(saga, phase=Phase.COMMITTED)


def turn(saga: Saga) -> Saga:
    """The transaction goes back from here on."""
    return msgspec.structs.replace(saga, phase=Phase.BACKWARD)


def reopen(saga: Saga) -> Saga:
    """What was left although it might still be undone is tried once more, from its beginning."""
    steps = tuple(
        msgspec.structs.replace(step, state=_before(step), tries=0) if _is_hopeful(step) else step
        for step in saga.steps
    )
    return msgspec.structs.replace(saga, steps=steps)


def pivot(saga: Saga) -> int | None:
    """The step under way where it is the point of no return, and can be asked after."""
    if saga.phase is not Phase.FORWARD or saga.tolerant or not saga.steps:
        return None
    last = saga.steps[-1]
    wanted = last.irreversible and last.settleable and last.state is State.BEGUN
    return len(saga.steps) - 1 if wanted else None


Way = Literal["settle", "undo", "leave"]


def decide(saga: Saga) -> tuple[int, Way] | None:
    """The step that is next on the way back, the newest first, and what is done about it."""
    for number in reversed(range(len(saga.steps))):
        way = _way(saga.steps[number])
        if way is not None:
            return number, way
    return None


def _way(step: Step) -> Way | None:
    match step.state:
        case State.BEGUN | State.UNSURE:
            # To ask again by its key would carry out what could then not be taken back.
            return "settle" if step.settleable and not step.irreversible else "leave"
        case State.DONE:
            return "undo" if step.undoable else "leave"
        case State.UNDOING:
            return "undo" if step.repeatable else "leave"
        case State.NOTHING | State.UNDONE | State.LEFT:
            return None


def undoing(saga: Saga, number: int) -> Saga:
    """The compensation of the step is about to be made."""
    return _set(saga, number, state=State.UNDOING)


def undone(saga: Saga, number: int) -> Saga:
    """The compensation of the step was made."""
    return _set(saga, number, state=State.UNDONE, tries=0, why="")


def settled(saga: Saga, number: int, outcome: Outcome, why: str) -> Saga:
    """It was found out what became of the step, as far as it could be."""
    if outcome is Outcome.APPLIED:
        return succeed(saga, number)
    if outcome.nothing_done:
        return _set(saga, number, state=State.NOTHING, tries=0, why=why)
    saga = _set(saga, number, outcome=outcome, why=why)
    return leave(saga, number)


def stumble(
    saga: Saga, number: int, setback: Setback, retry: Retry, roll: float
) -> tuple[Saga, float | None]:
    """What was tried met this: the saga, and the wait before it is tried again (seconds); None
    where it is given up for now.

    `roll` is a throw of the dice, in [0, 1). `Retry-After` is a floor under the backoff; one past
    `retry.max_wait` is not waited for.
    """
    tries = saga.steps[number].tries + 1
    saga = _set(saga, number, tries=tries, why=setback.why)
    is_long = setback.retry_after is not None and setback.retry_after > retry.max_wait
    if not setback.again or is_long or tries > retry.max_retries:
        return leave(saga, number, hopeful=setback.later), None
    wait = backoff.delay(retry, tries - 1, roll)
    return saga, max(wait, setback.retry_after or 0.0)


def leave(saga: Saga, number: int, *, hopeful: bool = False) -> Saga:
    """The step goes onto the to-do list."""
    step = saga.steps[number]
    outcome = Outcome.APPLIED if step.state in _STANDS else step.outcome or Outcome.UNKNOWN
    return _set(saga, number, state=State.LEFT, outcome=outcome, hopeful=hopeful)


def finish(saga: Saga) -> Saga:
    """The way back is at its end: all is undone, or something is left."""
    is_left = any(step.state is State.LEFT for step in saga.steps)
    return msgspec.structs.replace(saga, phase=Phase.LEFT if is_left else Phase.ROLLED_BACK)


_STANDS = (State.DONE, State.UNDOING)


def _before(step: Step) -> State:
    return State.DONE if step.outcome is Outcome.APPLIED and step.undoable else State.UNSURE


def _is_hopeful(step: Step) -> bool:
    return step.state is State.LEFT and step.hopeful


def _set(saga: Saga, number: int, **changes: object) -> Saga:
    step = msgspec.structs.replace(saga.steps[number], **changes)
    steps = (*saga.steps[:number], step, *saga.steps[number + 1 :])
    return msgspec.structs.replace(saga, steps=steps)
