"""The way back of a transaction: tables, and a walk through its states."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from failwell.flows.saga import Finding, Keep, Pause, Settle, Terms, Undo, recover, roll_back
from failwell.model import Outcome
from failwell.policy import saga
from failwell.policy.saga import Phase, Saga, State, Step
from failwell.policy.setback import Setback
from failwell.settings import Retry

RETRY = Retry(max_retries=2, base=1.0, cap=10.0, jitter=None)
TERMS = Terms(retry=RETRY, roll=lambda: 0.5)


def step(label: str = "a", **facts: object) -> Step:
    return Step(**{"label": label, **facts})  # type: ignore[arg-type]


def of(*steps: Step, phase: Phase = Phase.FORWARD, tolerant: bool = False) -> Saga:
    return Saga(steps=steps, phase=phase, tolerant=tolerant)


def pay(**facts: object) -> Step:
    return step("pay", undoable=False, irreversible=True, **facts)


@pytest.mark.parametrize(
    ("before", "following", "why"),
    [
        (of(), step(), None),
        (of(), step(undoable=False), "has no undo"),
        (of(), step(irreversible=True), "give one of them"),
        (of(), pay(), None),
        (of(pay(state=State.DONE), phase=Phase.COMMITTED), step(), "nothing may follow"),
        (of(pay(state=State.DONE), tolerant=True), step(), None),
        (of(step(state=State.UNDONE), phase=Phase.ROLLED_BACK), step(), "is over"),
    ],
)
def test_what_must_not_begin(before: Saga, following: Step, why: str | None) -> None:
    """A step begins only where it can be undone, or nothing can follow it."""
    said = saga.refusal(before, following)
    assert (said is None) if why is None else (why in (said or ""))


@pytest.mark.parametrize(
    ("facts", "way"),
    [
        ({"state": State.DONE}, "undo"),
        ({"state": State.UNSURE}, "leave"),
        ({"state": State.UNSURE, "settleable": True}, "settle"),
        ({"state": State.BEGUN, "settleable": True}, "settle"),
        ({"state": State.UNDOING}, "undo"),
        ({"state": State.UNDOING, "repeatable": False}, "leave"),
        ({"state": State.NOTHING}, None),
        ({"state": State.UNDONE}, None),
        ({"state": State.LEFT}, None),
        ({"state": State.DONE, "irreversible": True, "undoable": False}, "leave"),
        ({"state": State.UNSURE, "irreversible": True, "settleable": True}, "leave"),
    ],
)
def test_what_is_done_about_a_step(facts: dict[str, object], way: str | None) -> None:
    """What took effect is undone, what is unknown is asked after; never is anything guessed."""
    decision = saga.decide(of(step(**facts)))
    assert decision == (None if way is None else (0, way))


def test_retries_wait_longer_and_end() -> None:
    """Each failure doubles the wait; `Retry-After` is a floor under it, and too long a one ends."""
    begun = saga.undoing(of(step(state=State.DONE)), 0)
    first, wait = saga.stumble(begun, 0, Setback(why="x"), RETRY, 0.0)
    assert wait == 1.0
    second, wait = saga.stumble(first, 0, Setback(why="x", retry_after=7.0), RETRY, 0.0)
    assert wait == 7.0
    third, wait = saga.stumble(second, 0, Setback(why="x"), RETRY, 0.0)
    assert (wait, third.steps[0].state, third.steps[0].hopeful) == (None, State.LEFT, True)
    _, wait = saga.stumble(begun, 0, Setback(why="x", retry_after=121.0), RETRY, 0.0)
    assert wait is None


def test_what_was_left_in_hope_is_tried_again() -> None:
    """What the API's absence left on the list is undone on another day; a guess is not."""
    hopeful = step(state=State.LEFT, outcome=Outcome.APPLIED, hopeful=True, tries=3)
    hopeless = step(state=State.LEFT, outcome=Outcome.UNKNOWN)
    again = saga.reopen(of(hopeful, hopeless, phase=Phase.LEFT))
    assert [s.state for s in again.steps] == [State.DONE, State.LEFT]
    assert again.steps[0].tries == 0


Answer = Callable[[object], object]


def walked(flow: object, answer: Answer) -> tuple[list[object], object]:
    """The deeds of a flow, each answered (or met with an error); and what it returned."""
    deeds: list[object] = []
    deed = next(flow)  # type: ignore[call-overload]
    try:
        for _ in range(200):
            deeds.append(deed)
            reply = answer(deed)
            going = flow.throw if isinstance(reply, Exception) else flow.send  # type: ignore[attr-defined]
            deed = going(reply)
    except StopIteration as end:
        return deeds, end.value
    raise AssertionError("the flow does not end")


def test_the_newest_step_is_undone_first() -> None:
    """Compensations run in the reverse order of their steps, each announced before it is made."""
    deeds, ended = walked(
        roll_back(of(step("a", state=State.DONE), step("b", state=State.DONE)), TERMS),
        lambda deed: None,
    )
    assert [d for d in deeds if isinstance(d, Undo)] == [Undo(1), Undo(0)]
    at = deeds.index(Undo(1))
    announced = deeds[at - 1]
    assert isinstance(announced, Keep)
    assert announced.saga.steps[1].state is State.UNDOING
    assert ended.saga.phase is Phase.ROLLED_BACK  # type: ignore[attr-defined]


def test_a_failing_compensation_stops_no_other() -> None:
    """It is retried after growing waits, then left; the next one is made all the same."""
    deeds, ended = walked(
        roll_back(of(step("a", state=State.DONE), step("b", state=State.DONE)), TERMS),
        lambda deed: ValueError("no") if deed == Undo(1) else None,
    )
    assert [d for d in deeds if isinstance(d, (Undo, Pause))] == [
        Undo(1), Pause(1.0), Undo(1), Pause(2.0), Undo(1), Undo(0),
    ]  # fmt: skip
    assert [s.state for s in ended.saga.steps] == [State.UNDONE, State.LEFT]  # type: ignore[attr-defined]
    assert [str(e) for e in ended.errors] == ["no"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("outcome", "phase", "undone"),
    [
        (Outcome.APPLIED, Phase.COMMITTED, False),
        (Outcome.NOT_STARTED, Phase.ROLLED_BACK, True),
        (Outcome.UNKNOWN, Phase.LEFT, True),
    ],
)
def test_a_point_of_no_return_under_way_is_asked_after(
    outcome: Outcome, phase: Phase, undone: bool
) -> None:
    """A recovery commits where the last, irreversible step turns out to have been done."""
    begun = of(step("a", state=State.DONE), pay(settleable=True))
    deeds, ended = walked(
        recover(begun, TERMS),
        lambda d: Finding(outcome=outcome, why="seen") if isinstance(d, Settle) else None,
    )
    assert ended.saga.phase is phase  # type: ignore[attr-defined]
    assert (Undo(0) in deeds) is undone


def test_a_point_of_no_return_that_cannot_be_asked_after_yet_waits() -> None:
    """While the API is away nothing is undone that may turn out to be committed."""
    begun = of(step("a", state=State.DONE), pay(settleable=True))
    deeds, ended = walked(
        recover(begun, TERMS), lambda d: OSError("away") if isinstance(d, Settle) else None
    )
    assert ended.saga == begun  # type: ignore[attr-defined]
    assert Undo(0) not in deeds


class Walk(RuleBasedStateMachine):
    """Any mixture of steps, failures, deaths and recoveries."""

    def __init__(self) -> None:
        super().__init__()
        self.saga = Saga()
        self.real: dict[int, bool] = {}  # is the effect of the step there?
        self.is_dead = False

    @precondition(lambda self: self.saga.phase.is_over or len(self.saga.steps) == 6)
    @rule()
    def start_over(self) -> None:
        self.saga, self.real, self.is_dead = Saga(), {}, False

    @precondition(lambda self: self.saga.phase is Phase.FORWARD and len(self.saga.steps) < 6)
    @precondition(lambda self: not self.is_dead)
    @rule(
        fate=st.sampled_from(
            ["done", "refused", "lost, done", "lost, undone", "killed, done", "killed, undone"]
        ),
        irreversible=st.booleans(),
        settleable=st.booleans(),
    )
    def do(self, fate: str, irreversible: bool, settleable: bool) -> None:
        following = step(
            irreversible=irreversible, undoable=not irreversible, settleable=settleable
        )
        if saga.refusal(self.saga, following) is not None:
            return
        number = len(self.saga.steps)
        self.saga = saga.begin(self.saga, following)
        self.real[number] = fate.split()[-1] == "done"
        self.is_dead = fate.startswith("killed")
        if fate == "done":
            self.saga = saga.succeed(self.saga, number)
        elif not self.is_dead:
            outcome = Outcome.NOT_STARTED if fate == "refused" else Outcome.UNKNOWN
            self.saga = saga.fail(self.saga, number, outcome, fate)

    @precondition(lambda self: not self.saga.phase.is_over)
    @rule(troubles=st.lists(st.sampled_from(["ok", "fails", "dies"]), max_size=30))
    def go_back(self, troubles: list[str]) -> None:
        left = iter(troubles)
        flow = recover(self.saga, TERMS)
        answer: object = None
        for _ in range(300):
            try:
                deed = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
            except StopIteration as end:
                self.saga = end.value.saga
                return
            answer = self.perform(deed, left)
            if answer == "dies":
                flow.close()
                return
        raise AssertionError("the way back does not end")

    def perform(self, deed: object, left: object) -> object:
        if isinstance(deed, Keep):
            self.saga = deed.saga
            return None
        if isinstance(deed, Pause):
            return None
        trouble = next(left, "ok")  # type: ignore[call-overload]
        if trouble != "ok":
            return "dies" if trouble == "dies" else ConnectionError("lost")
        assert isinstance(deed, (Undo, Settle))
        if isinstance(deed, Settle):
            outcome = Outcome.APPLIED if self.real[deed.number] else Outcome.NOT_STARTED
            return Finding(outcome=outcome, why="seen")
        assert self.real[deed.number] or self.saga.steps[deed.number].state is State.UNDOING
        self.real[deed.number] = False
        return None

    @invariant()
    def rolled_back_means_nothing_is_left(self) -> None:
        if self.saga.phase is Phase.ROLLED_BACK:
            assert not any(self.real.values())

    @invariant()
    def whatever_is_there_is_known_of(self) -> None:
        if self.saga.phase is Phase.LEFT:
            left = {n for n, s in enumerate(self.saga.steps) if s.state is State.LEFT}
            assert {n for n, there in self.real.items() if there} <= left

    @invariant()
    def nothing_follows_the_point_of_no_return(self) -> None:
        done = [s.irreversible and s.state is State.DONE for s in self.saga.steps]
        assert not any(done[:-1])
        assert not any(done) or self.saga.phase is Phase.COMMITTED


TestWalk = Walk.TestCase
