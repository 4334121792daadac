"""How long one waits for another's token, and what is written down: action lists."""

from __future__ import annotations

from typing import Any

import pytest

from failwell.actions import Send, Update, Wait
from failwell.flows.renew import Renewing, renew
from failwell.policy.renewal import Barred, Busy, Fall, Land, Mine
from failwell.tokens import NoTimeError, RefreshError, Token

WANTED = Renewing(key="k", holder="me", spent="digest", at=5.0, lease=30.0, ends=None)


def actions(answers: list[Any], wanted: Renewing = WANTED) -> tuple[list[Any], Any]:
    """What the flow asks for, given these answers to all but its waits, and how it ends."""
    flow, seen, now, left = renew(wanted), [], 0.0, list(answers)
    try:
        action = flow.send(None)  # type: ignore[arg-type]
        while True:
            seen.append(action)
            if isinstance(action, Wait):
                now += action.seconds
                action = flow.send((None, now))
                continue
            answer = left.pop(0)
            is_raised = isinstance(answer, BaseException)
            action = flow.throw(answer) if is_raised else flow.send((answer, now))
    except StopIteration as end:
        return seen, end.value
    except BaseException as error:
        return seen, error


def test_the_one_who_fetches() -> None:
    """Claim, fetch, write down when it was got: three actions."""
    seen, token = actions([Mine(), Token("new-1"), None])
    assert token == Token("new-1", got_at=5.0)
    assert [type(action) for action in seen] == [Update, Send, Update]
    assert seen[-1].change == Land(holder="me", token=token)


def test_the_looks_at_another_one_become_rarer() -> None:
    """From 5 ms to a quarter of a second, and never beyond the end of the other one's lease."""
    seen, token = actions([*[Busy(30.0)] * 8, Busy(0.1), Token("new-1")])
    waits = [round(action.seconds, 3) for action in seen if isinstance(action, Wait)]
    assert waits == [0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.25, 0.25, 0.1]
    assert token == Token("new-1")


def test_no_wait_is_longer_than_the_call() -> None:
    """The last wait ends with the deadline; then it is said that the time is over."""
    wanted = Renewing(key="k", holder="me", spent=None, at=5.0, lease=30.0, ends=0.02)
    seen, error = actions([Busy(30.0)] * 9, wanted)
    assert sum(action.seconds for action in seen if isinstance(action, Wait)) == 0.02
    assert isinstance(error, NoTimeError)


@pytest.mark.parametrize(
    ("raised", "why", "told"),
    [
        (ValueError("tok-secret"), "the token could not be refreshed: ValueError", True),
        (RefreshError("it is down"), "it is down", True),
        (RefreshError("it is away", transient=True), "it is away", True),
        (ConnectionResetError(), "the token could not be refreshed: ConnectionResetError", True),
        (NoTimeError("no time"), "no time", False),
    ],
)
def test_a_failure_is_written_down(raised: Exception, why: str, told: bool) -> None:
    """In words of our own; the caller's own deadline is nobody else's failure."""
    seen, error = actions([Mine(), raised, None])
    assert (isinstance(error, RefreshError), str(error)) == (True, why)
    passes = isinstance(raised, ConnectionError) or getattr(raised, "transient", False)
    assert error.transient is passes
    assert seen[-1].change == Fall(
        holder="me", why=why if told else None, transient=told and passes
    )
    assert (error.__cause__, error.__context__) == (None, None)


def test_an_interruption_gives_the_lease_back() -> None:
    """Ctrl-C while fetching: the next one need not wait, and the interruption goes on."""
    seen, error = actions([Mine(), KeyboardInterrupt(), None])
    assert isinstance(error, KeyboardInterrupt)
    assert seen[-1].change == Fall(holder="me", why=None)


def test_a_pause_is_told() -> None:
    """Where nobody may fetch, what is known is raised."""
    for passes in (False, True):
        _, error = actions([Barred("it is down", passes)])
        assert (type(error), str(error), error.transient) == (RefreshError, "it is down", passes)
