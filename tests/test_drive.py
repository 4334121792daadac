"""The two drivers: one flow, the same deeds in both worlds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from failwell.actions import Action, Emit, Flow, Send, Update, Wait
from failwell.drive import AsyncStepped, Rim, Stepped, adrive, drive
from failwell.events import Event, Recovered
from failwell.flows.call import call
from failwell.flows.terms import Terms
from failwell.settings import Retry
from failwell.stores.memory import MemoryStore
from failwell.stores.threaded import ThreadedStore
from failwell.testing import Add, Clock, Script, answer, recorded
from samples import OWN, lost, own, post, refused, request

Driven = Callable[..., Any]


def sync(flow: Flow[Any], script: Script, clock: Clock, **rim: Any) -> Any:
    return drive(flow, script, Rim(clock=clock, sleep=clock.sleep, **rim))


def in_a_loop(flow: Flow[Any], script: Script, clock: Clock, **rim: Any) -> Any:
    return asyncio.run(adrive(flow, script.later, Rim(clock=clock, sleep=clock.asleep, **rim)))


WORLDS = pytest.mark.parametrize("world", [sync, in_a_loop])
SCRIPTS = {
    "well": [answer(200, {})],
    "twice": [own(503, "engine"), answer(201, {})],
    "to the end": [own(429, "slow_down", retry_after="2")] * 6,
    "mixed": [refused(), lost(), own(409, "conflict"), answer(200, {})],
    "raises": [lost(), OSError("broken")],
    "interrupted": [lost(), KeyboardInterrupt()],
}


def outcome_of(world: Driven, lines: list[Any]) -> tuple[list[Action], list[Event], object, float]:
    log: list[Action] = []
    events: list[Event] = []
    clock = Clock()
    terms = Terms(contract=OWN, retry=Retry(), roll=lambda: 0.5)
    flow = recorded(call(post("k"), terms, clock()), log)
    script = Script(*lines, clock=clock, takes=0.25)
    try:
        end: object = world(flow, script, clock, hooks=(events.append,))
    except BaseException as error:
        end = (type(error), str(error))
    return log, events, end, clock.now


@pytest.mark.parametrize("lines", SCRIPTS.values(), ids=SCRIPTS)
def test_both_drivers_do_the_same(lines: list[Any]) -> None:
    """The same script gives the same actions, events, result or exception, and time of day."""
    one, other = outcome_of(sync, lines), outcome_of(in_a_loop, lines)
    assert one == other
    assert len([action for action in one[0] if isinstance(action, Send)]) == len(lines)


@WORLDS
def test_each_answer_comes_with_the_time_after_the_deed(world: Driven) -> None:
    """What a flow is sent back is the answer of its action and the time when it was done."""
    clock = Clock(100.0)
    seen: list[tuple[Any, float]] = []

    def flow() -> Flow[str]:
        seen.append((yield from Send(request("GET"), 1)))
        seen.append((yield from Wait(5.0)))
        seen.append((yield from Emit(Recovered(()))))
        seen.append((yield from Update("k", Add(3))))
        return "done"

    reply = answer(200)
    script = Script(reply, clock=clock, takes=2.0)
    assert world(flow(), script, clock, store=MemoryStore()) == "done"
    assert seen == [(reply, 102.0), (None, 107.0), (None, 107.0), (3, 107.0)]
    assert clock.slept == [5.0]


def test_a_store_that_must_be_awaited_is() -> None:
    """The async driver takes a store of either kind."""
    store = ThreadedStore(MemoryStore())

    def flow() -> Flow[int]:
        count, _ = yield from Update("k", Add(3))
        return count

    assert in_a_loop(flow(), Script(), Clock(), store=store) == 3


@WORLDS
@pytest.mark.parametrize("error", [OSError("x"), KeyboardInterrupt(), StopAsyncIteration()])
def test_an_error_is_thrown_into_the_flow(world: Driven, error: BaseException) -> None:
    """The flow may speak to it, or answer it with another action."""

    def flow() -> Flow[str]:
        try:
            yield from Send(request("GET"), 1)
        except BaseException as caught:
            yield from Wait(1.0)
            return repr(caught)
        return "no error"

    clock = Clock()
    assert world(flow(), Script(error), clock) == repr(error)
    assert clock.slept == [1.0]


@WORLDS
@pytest.mark.parametrize("error", [OSError("x"), KeyboardInterrupt(), asyncio.CancelledError()])
def test_an_error_that_the_flow_lets_go_comes_out_as_it_is(
    world: Driven, error: BaseException
) -> None:
    """The very same object is raised, and the flow is over."""

    def flow() -> Flow[None]:
        yield from Send(request("GET"), 1)

    generator = flow()
    with pytest.raises(type(error)) as caught:
        world(generator, Script(error), Clock())
    assert caught.value is error
    assert generator.gi_frame is None  # type: ignore[attr-defined]


@WORLDS
def test_a_sleep_that_is_broken_off_reaches_the_flow(world: Driven) -> None:
    """An interruption of a wait is thrown in as one of a send is."""

    def broken(seconds: float) -> None:
        raise KeyboardInterrupt

    def flow() -> Flow[str]:
        try:
            yield from Wait(1.0)
        except KeyboardInterrupt:
            return "told"
        return "slept"

    clock = Clock()
    clock.sleep = broken  # type: ignore[method-assign]
    assert world(flow(), Script(), clock) == "told"


@WORLDS
def test_the_flow_is_always_closed(world: Driven) -> None:
    """Its clean-up runs when it ends, when it raises, and when the driver's own clock breaks."""
    closed: list[str] = []

    def flow(name: str) -> Flow[None]:
        try:
            yield from Send(request("GET"), 1)
        finally:
            closed.append(name)

    world(flow("ends"), Script(answer(200)), Clock())
    with pytest.raises(OSError, match="x"):
        world(flow("raises"), Script(OSError("x")), Clock())

    class Stopped(Clock):
        def __call__(self) -> float:
            raise RuntimeError("no time")

    kept = flow("clock")
    with pytest.raises(RuntimeError, match="no time"):
        world(kept, Script(answer(200)), Stopped())
    assert closed == ["ends", "raises", "clock"]


@WORLDS
def test_a_hook_that_raises_does_not_stop_the_call(
    world: Driven, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged with its traceback; the other hooks are told, and the call goes on."""
    told: list[Event] = []

    def broken(event: Event) -> None:
        raise RuntimeError("hook is broken")

    def flow() -> Flow[str]:
        yield from Emit(Recovered(()))
        return "went on"

    assert world(flow(), Script(), Clock(), hooks=(broken, told.append)) == "went on"
    assert told == [Recovered(())]
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("failwell", "ERROR")
    assert "the call goes on" in record.getMessage()
    assert "hook is broken" in caplog.text


@WORLDS
def test_an_interruption_in_a_hook_is_none_of_its_business(world: Driven) -> None:
    """Ctrl-C is never swallowed, wherever it strikes."""

    def interrupted(event: Event) -> None:
        raise KeyboardInterrupt

    def flow() -> Flow[None]:
        yield from Emit(Recovered(()))

    with pytest.raises(KeyboardInterrupt):
        world(flow(), Script(), Clock(), hooks=(interrupted,))


def test_a_cancelled_task_tells_the_flow() -> None:
    """Cancelling in the middle of an awaited send throws `CancelledError` into the flow."""
    seen: list[str] = []

    def flow() -> Flow[None]:
        try:
            yield from Send(request("GET"), 1)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def never(send: Send) -> Any:
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(adrive(flow(), never, Rim()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["cancelled"]


# --- Step by step --------------------------------------------------------------------------------


def sum_of_two(log: list[Any]) -> Flow[int]:
    """A flow that updates, sends, and updates again, whatever the sending came to."""
    one, _ = yield from Update("n", Add(1))
    try:
        reply, now = yield from Send(request("POST"), 1)
        log.append((reply, now))
    except OSError as error:
        log.append(error)
    two, _ = yield from Update("n", Add(1))
    return one + two


def test_a_flow_stops_at_its_send() -> None:
    """What comes before is done at once, what comes after when the answer is there, and the
    answer comes with the time of that moment."""
    clock, store, log = Clock(), MemoryStore(), list[Any]()
    stepped = Stepped(sum_of_two(log), Rim(clock=clock, store=store))
    assert (stepped.sends, stepped.result) == (Send(request("POST"), 1), None)
    assert store.update("n", Add(0)) == 1
    clock.sleep(5.0)
    reply = answer(200, {})
    assert stepped.answer(reply) == 3
    assert (stepped.sends, stepped.result, log) == (None, 3, [(reply, clock.now)])


def test_a_flow_is_told_that_its_send_failed() -> None:
    """The error is thrown into it where it waits; what it lets go comes out as it is."""
    log: list[Any] = []
    broken = OSError("broken")
    stepped = Stepped(sum_of_two(log), Rim(store=MemoryStore()))
    assert (stepped.fail(broken), log) == (3, [broken])
    stepped = Stepped(sum_of_two(log), Rim(store=MemoryStore()))
    with pytest.raises(KeyError):
        stepped.fail(KeyError("n"))


def test_a_flow_without_a_send_is_done_at_once() -> None:
    """Its result is there; an error of a deed reaches it, and one that it lets go comes out."""

    def flow() -> Flow[str]:
        yield from Wait(1.0)
        return "done"

    assert Stepped(flow(), Rim(sleep=lambda _: None)).result == "done"

    def broken(_: float) -> None:
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        Stepped(flow(), Rim(sleep=broken))


def test_a_flow_that_sends_twice_is_refused() -> None:
    """It cannot be performed in steps, and says so."""

    def flow() -> Flow[None]:
        yield from Send(request("POST"), 1)
        yield from Send(request("POST"), 2)

    with pytest.raises(RuntimeError, match="more than once"):
        Stepped(flow(), Rim()).answer(answer(200, {}))


class Awaited:
    """A store whose updates are awaited."""

    def __init__(self) -> None:
        self._store = MemoryStore()

    async def update(self, key: str, change: Any) -> Any:
        await asyncio.sleep(0)
        return self._store.update(key, change)


def test_the_same_step_by_step_where_steps_are_awaited() -> None:
    """`begin` stops at the send; an answer or an error then takes the flow to its end."""
    broken, reply = OSError("broken"), answer(200, {})

    async def main() -> None:
        clock, log = Clock(), list[Any]()
        stepped = AsyncStepped(sum_of_two(log), Rim(clock=clock, store=Awaited()))
        await stepped.begin()
        assert (stepped.sends, stepped.result) == (Send(request("POST"), 1), None)
        clock.sleep(5.0)
        assert (await stepped.answer(reply), log) == (3, [(reply, clock.now)])
        stepped = AsyncStepped(sum_of_two(log), Rim(store=Awaited()))
        await stepped.begin()
        assert (await stepped.fail(broken), log[1:]) == (3, [broken])

    asyncio.run(main())


def test_an_awaited_step_that_breaks_reaches_the_flow() -> None:
    """What a deed raises is thrown into the flow; sending twice is refused here, too."""

    def flow() -> Flow[str]:
        try:
            yield from Wait(1.0)
        except OSError as error:
            return str(error)
        yield from Send(request("POST"), 1)
        yield from Send(request("POST"), 2)
        return ""

    async def broken(_: float) -> None:
        raise OSError("broken")

    async def main() -> None:
        stepped = AsyncStepped(flow(), Rim(sleep=broken))
        await stepped.begin()
        assert (stepped.sends, stepped.result) == (None, "broken")
        stepped = AsyncStepped(flow(), Rim(sleep=lambda _: None))
        await stepped.begin()
        with pytest.raises(RuntimeError, match="more than once"):
            await stepped.answer(answer(200, {}))

    asyncio.run(main())
