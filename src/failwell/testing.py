"""Fakes for tests of code that uses failwell: time moved by hand, answers from a script.

Nothing here sleeps, opens a socket or throws dice. `StoreTests` holds what every store promises;
a store's own test is a subclass of a few lines.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from failwell.actions import Action, Emit, Flow, Send, Step, Store, Wait
from failwell.drive import Rim, drive
from failwell.events import Event
from failwell.model import Reply, Response
from failwell.policy.idempotency import Claim, Complete, Replay, Run, Stored

T = TypeVar("T")


class Clock:
    """Time that stands still until it is moved: call it for the time, `sleep` to move it on.

    `now` is in seconds, of whichever kind the test needs; `slept` lists the sleeps.
    """

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move on, without a sleep."""
        self.now += seconds

    def sleep(self, seconds: float) -> None:
        """Move on at once, and remember that this was a sleep."""
        self.slept.append(seconds)
        self.now += seconds

    async def asleep(self, seconds: float) -> None:
        """The same, to be awaited."""
        self.sleep(seconds)


Line = Reply | BaseException | Callable[[Send], Reply]


class Script:
    """A sender that answers from a list and records what it was asked to send, in `sends`.

    A line is a reply, an exception to raise, or a function of the `Send`. Each one moves `clock`
    on by `takes` seconds. Raises `AssertionError` where there are no lines left.
    """

    def __init__(self, *lines: Line, clock: Clock | None = None, takes: float = 0.0) -> None:
        self._lines = list(lines)
        self._clock = clock
        self._takes = takes
        self.sends: list[Send] = []

    @property
    def left(self) -> int:
        """Lines that have not been asked for."""
        return len(self._lines)

    def __call__(self, send: Send) -> Reply:
        self.sends.append(send)
        if not self._lines:
            raise AssertionError(f"the script has no line for send {len(self.sends)}: {send}")
        if self._clock is not None:
            self._clock.advance(self._takes)
        line = self._lines.pop(0)
        if isinstance(line, BaseException):
            raise line
        return line(send) if callable(line) else line

    async def later(self, send: Send) -> Reply:
        """The same, to be awaited."""
        return self(send)


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


def answer(
    status: int = 200,
    body: bytes | str | dict[str, Any] | Sequence[Any] = b"",
    /,
    at: float = 0.0,
    **headers: str,
) -> Response:
    """An answer as an API sends it: a dictionary or list is JSON; `retry_after` is a header."""
    from failwell.model import Headers

    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = msgspec.json.encode(body)
        fields.setdefault("content-type", "application/json")
    return Response(status=status, headers=Headers(fields), body=body, at=at)


class Tally(msgspec.Struct, frozen=True):
    """The record that `StoreTests` keeps: a count and some bytes."""

    count: int
    payload: bytes = b""


class Add(msgspec.Struct, frozen=True):
    """Count on by `by`, keep it for `ttl` seconds; answers the new count."""

    by: int = 1
    ttl: float | None = None
    payload: bytes = b""

    @property
    def record_type(self) -> type[Tally]:
        return Tally

    def __call__(self, record: Tally | None, now: float) -> Step[Tally, int]:
        count = self.by + (record.count if record else 0)
        return Step(Tally(count, self.payload), count, self.ttl)


class Look(msgspec.Struct, frozen=True):
    """Change nothing; answers the record and the store's time."""

    @property
    def record_type(self) -> type[Tally]:
        return Tally

    def __call__(self, record: Tally | None, now: float) -> Step[Tally, tuple[Tally | None, float]]:
        return Step(record, (record, now))


class Drop(msgspec.Struct, frozen=True):
    """Forget the record; answers whether there was one."""

    @property
    def record_type(self) -> type[Tally]:
        return Tally

    def __call__(self, record: Tally | None, now: float) -> Step[Tally, bool]:
        return Step(None, record is not None)


class Break(msgspec.Struct, frozen=True):
    """Raise in the middle of a change."""

    @property
    def record_type(self) -> type[Tally]:
        return Tally

    def __call__(self, record: Tally | None, now: float) -> Step[Tally, None]:
        raise ZeroDivisionError("the change itself fails")


class StoreTests(ABC):
    """What every store promises. Subclass it, and give `open`.

    It needs pytest, which finds the subclass where its name begins with `Test`.
    """

    @abstractmethod
    def open(self, clock: Callable[[], float]) -> Store:
        """A new, empty store that lives by `clock` (epoch seconds)."""

    def close(self, store: Store) -> None:
        """Let go of the store."""
        closes = getattr(store, "close", None)
        if closes is not None:
            closes()

    def test_a_new_key_has_no_record(self) -> None:
        """A change of a key that was never written is given None, and the store's own time."""
        clock = Clock()
        store = self.open(clock)
        clock.advance(7.5)
        assert store.update("new", Look()) == (None, 1_007.5)
        self.close(store)

    def test_a_record_comes_back_as_it_was_written(self) -> None:
        """A record is equal when it is read again, each byte of it."""
        store = self.open(Clock())
        store.update("k", Add(3, payload=bytes(range(256))))
        assert store.update("k", Look())[0] == Tally(3, bytes(range(256)))
        self.close(store)

    def test_keys_do_not_mix(self) -> None:
        """Each key has a record of its own, whatever is in the key."""
        store = self.open(Clock())
        keys = ["", "a", "A", "a ", "a:b", "é", "%", "_", "'", '"', "\n", "k" * 2000]
        for count, key in enumerate(keys, 1):
            store.update(key, Add(count))
        found = [store.update(key, Look())[0] for key in keys]
        assert found == [Tally(count) for count in range(1, len(keys) + 1)]
        self.close(store)

    def test_a_record_ends_when_its_time_is_up(self) -> None:
        """A record is there until its `ttl` has passed, and at that instant it is gone."""
        clock = Clock()
        store = self.open(clock)
        store.update("k", Add(ttl=10.0))
        clock.advance(9.99)
        assert store.update("k", Look())[0] == Tally(1)
        clock.advance(0.01)
        assert store.update("k", Look())[0] is None
        assert store.update("k", Add()) == 1
        self.close(store)

    def test_an_end_stays_where_no_new_one_is_set(self) -> None:
        """A change with a `ttl` of None neither shortens nor lengthens a record's life."""
        clock = Clock()
        store = self.open(clock)
        store.update("k", Add(ttl=10.0))
        clock.advance(6.0)
        assert store.update("k", Add()) == 2
        clock.advance(3.9)
        assert store.update("k", Look())[0] == Tally(2)
        clock.advance(0.1)
        assert store.update("k", Look())[0] is None
        self.close(store)

    def test_a_new_end_takes_the_place_of_the_old_one(self) -> None:
        """A change with a `ttl` counts from the store's time of that change."""
        clock = Clock()
        store = self.open(clock)
        store.update("k", Add(ttl=10.0))
        clock.advance(9.0)
        store.update("k", Add(ttl=10.0))
        clock.advance(9.0)
        assert store.update("k", Look())[0] == Tally(2)
        self.close(store)

    def test_a_record_without_an_end_stays(self) -> None:
        """A record that was never given a `ttl` is there after years."""
        clock = Clock()
        store = self.open(clock)
        store.update("k", Add())
        clock.advance(1e9)
        assert store.update("k", Look())[0] == Tally(1)
        self.close(store)

    def test_no_record_deletes(self) -> None:
        """A change that gives back no record deletes the one there was."""
        store = self.open(Clock())
        store.update("k", Add())
        assert store.update("k", Drop()) is True
        assert store.update("k", Drop()) is False
        assert store.update("k", Look())[0] is None
        self.close(store)

    def test_a_change_that_raises_changes_nothing(self) -> None:
        """What a change raises comes out as it is; the record is as before, the store usable."""
        import pytest

        store = self.open(Clock())
        store.update("k", Add(5))
        with pytest.raises(ZeroDivisionError, match="the change itself fails"):
            store.update("k", Break())
        assert store.update("k", Add()) == 6
        self.close(store)

    def test_two_threads_lose_no_update(self) -> None:
        """Each update of several threads at one key counts."""
        store = self.open(Clock())

        def work() -> None:
            for _ in range(100):
                store.update("k", Add())

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.update("k", Look())[0] == Tally(400)
        self.close(store)

    def test_many_dead_records_do_no_harm(self) -> None:
        """Records beyond their time are gone, however many there are and whoever reaps them."""
        clock = Clock()
        store = self.open(clock)
        for number in range(300):
            store.update(f"dead {number}", Add(ttl=1.0))
        store.update("alive", Add())
        clock.advance(2.0)
        for _ in range(600):
            store.update("busy", Add())
        assert store.update("alive", Look())[0] == Tally(1)
        assert all(store.update(f"dead {n}", Look())[0] is None for n in range(0, 300, 50))
        self.close(store)

    def test_it_keeps_the_records_of_idempotency(self) -> None:
        """A key that was claimed and completed replays the answer, to the byte."""
        store = self.open(Clock())
        claim = Claim(fingerprint="f", token="t", lease=30.0, retention=60.0)
        done = Stored(status=201, headers=(("content-type", "x/y"),), body=b"\x00\xff{}")
        assert store.update("k", claim) == Run()
        assert store.update("k", Complete(token="t", answer=done, retention=60.0)) is True
        assert store.update("k", claim) == Replay(done)
        self.close(store)
