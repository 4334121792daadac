"""A flow played from beginning to end, and what it did on the way."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from failwell.actions import Action, Emit, Flow, Send, Wait
from failwell.drive import Rim, drive
from failwell.events import Event
from failwell.testing.clock import Clock
from failwell.testing.script import Script

T = TypeVar("T")


class Played(msgspec.Struct, Generic[T], frozen=True):
    """What a flow did: its `actions` in order, and its `result` or the `error` it raised."""

    actions: tuple[Action, ...]
    result: T | None = None
    error: BaseException | None = None

    @property
    def sends(self) -> list[Send]:
        """What it sent."""
        return [action for action in self.actions if isinstance(action, Send)]

    @property
    def waits(self) -> list[float]:
        """How long it slept, each time (seconds)."""
        return [action.seconds for action in self.actions if isinstance(action, Wait)]

    @property
    def events(self) -> list[Event]:
        """What it told the hooks."""
        return [action.event for action in self.actions if isinstance(action, Emit)]


def play(flow: Flow[T], script: Script, clock: Clock) -> Played[T]:
    """Drive a flow with a script and a hand-moved clock; what it did, and how it ended."""
    log: list[Action] = []
    rim = Rim(clock=clock, sleep=clock.sleep)
    try:
        result = drive(recorded(flow, log), script, rim)
    except BaseException as error:
        return Played(tuple(log), error=error)
    return Played(tuple(log), result)


def recorded(flow: Flow[T], log: list[Action]) -> Flow[T]:
    """The same flow, which writes each of its actions to `log` as it is performed."""
    try:
        action = next(flow)
        while True:
            log.append(action)
            try:
                answer = yield action
            except GeneratorExit:
                raise
            except BaseException as error:
                action = flow.throw(error)
            else:
                action = flow.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        flow.close()
