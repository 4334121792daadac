"""What is written down of a run: each piece of work, its calls, and the attempts of each call.

Clients report by the hook `heard`; a piece of work says which call it is making by `calling`.
Times are in seconds from the beginning of the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from failwell.errors import FailwellError
from failwell.events import AttemptFailed, CallFailed, Event, HeldBack, Recovered, Renewed
from failwell.explanation import Explanation, explain


class Try(msgspec.Struct, frozen=True):
    """An attempt that did not go well: when it ended, how, and the wait that followed; `again`
    where another one did."""

    at: float
    ended: str
    wait: float = 0.0
    effect: str = ""
    again: bool = True


class Call(msgspec.Struct):
    """One step of a piece of work: from `began`, for `took` seconds. `saved` says what brought it
    to its end where something went wrong: a retry, a replay, a look-up, a settling. It was `held`
    back for so many seconds, `queued` of them for the sake of a quota."""

    name: str
    began: float
    took: float = 0.0
    tries: list[Try] = []
    held: float = 0.0
    queued: float = 0.0
    renewed: int = 0
    replayed: bool = False
    saved: str = ""
    failed: bool = False


class Item(msgspec.Struct):
    """One piece of work: a file, a circuit, a campaign. `state` is for people; `result` is what
    came of it and `refused` why it rightly came to nothing, in words; one of them makes it done.
    `is_mistake` where what was given is no such thing, so that there was no work to do.
    `created` are the ids that it was told, by their kind."""

    api: str
    name: str
    state: str = "waiting"
    calls: list[Call] = []
    result: str | None = None
    refused: str | None = None
    is_mistake: bool = False
    error: str | None = None
    surfaced: list[Explanation] = []
    created: dict[str, list[str]] = {}

    @property
    def done(self) -> bool:
        return self.result is not None or self.refused is not None

    @property
    def retries(self) -> int:
        return sum(one.again for call in self.calls for one in call.tries)

    @property
    def replays(self) -> int:
        return sum(call.replayed for call in self.calls)

    def told(self, kind: str, identifier: object) -> None:
        """Write down the id of something that was created for this piece of work."""
        self.created.setdefault(kind, []).append(str(identifier))


class Outage(msgspec.Struct, frozen=True):
    """A component of a system was stopped, and started again."""

    api: str
    component: str
    began: float
    ended: float


Watcher = Callable[[list[Item]], None]

_now: ContextVar[tuple[Item, Call, float] | None] = ContextVar("failwell_show", default=None)


class Stage:
    """The run: its pieces of work, its outages, its clock, and who watches."""

    def __init__(self, watch: Watcher) -> None:
        self.items: list[Item] = []
        self.outages: list[Outage] = []
        self.began = time.monotonic()
        self._watch = watch

    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began

    def add(self, item: Item) -> Item:
        """One more piece of work."""
        self.items.append(item)
        return item

    def changed(self) -> None:
        """Tell whoever watches."""
        self._watch(self.items)

    @contextmanager
    def calling(self, item: Item, state: str) -> Generator[Call]:
        """A step of the work, under its name; what clients report meanwhile belongs to it."""
        call = Call(state, self.now())
        item.calls.append(call)
        item.state = state
        self.changed()
        token = _now.set((item, call, self.began))
        try:
            yield call
        except FailwellError as error:
            call.failed = True
            item.surfaced.append(explain(error))
            raise
        finally:
            call.took = self.now() - call.began
            _now.reset(token)


def heard(event: Event) -> None:
    """The hook of every client in the run."""
    current = _now.get()
    if current is None:
        return
    _, call, began = current
    at = time.monotonic() - began
    match event:
        case AttemptFailed(attempt, failure):
            ended = attempt.fault or f"{attempt.status} {failure.code or ''}".strip()
            effect = attempt.outcome.value if attempt.outcome else ""
            call.tries.append(Try(at, ended, attempt.wait or 0.0, effect))
        case CallFailed(error, _):
            call.tries.append(_last(error, at))
        case Recovered():
            call.saved = call.saved or ("replay" if call.replayed else "retry")
        case HeldBack(why, seconds):
            call.held += seconds
            call.queued += seconds if why == "quota" else 0.0
        case Renewed():
            call.renewed += 1
        case _:
            pass


def replayed() -> None:
    """An answer of the call that is under way was a replay."""
    current = _now.get()
    if current is not None:
        current[1].replayed = True


def _last(error: FailwellError, at: float) -> Try:
    last = error.attempts[-1] if error.attempts else None
    ended = (last and (last.fault or str(last.status))) or type(error).__name__
    return Try(at, ended, 0.0, error.outcome.value if error.outcome else "", again=False)
