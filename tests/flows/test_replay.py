"""A used key that is refused with the first answer in `result`: the call's answer, read from it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from failwell.actions import Emit, Send, Wait
from failwell.contract import Code, Contract, Idempotency
from failwell.dialects import Nested
from failwell.errors import ConflictError, FailwellError
from failwell.events import Recovered
from failwell.flows.call import call
from failwell.flows.settle import settle
from failwell.flows.terms import Done, Terms
from failwell.model import Outcome, Request, Response, Sent
from failwell.settings import Retry
from failwell.testing import Clock, Played, Script, answer, play
from samples import html, lost, post

KEPT = Contract(
    name="kept",
    dialect=Nested(),
    codes=(Code(code="EXISTS", status=409, transient=False), Code(code="OTHER", status=409)),
    idempotency=Idempotency.flow("EXISTS"),
)
PLAIN = msgspec.structs.replace(KEPT, idempotency=Idempotency.classic("EXISTS"))
RECORD = {"id": "7", "name": "a"}


def used(code: str = "EXISTS", status: int = 409, **more: Any) -> Response:
    """The key was used, and its first answer may be beside the refusal."""
    return answer(status, {"error": {"code": code, "message": "already"}, **more})


def run(of: Request, *lines: Any, contract: Contract = KEPT) -> Played[Done]:
    """Make the call with a script of replies; every line of it must be used."""
    clock = Clock()
    script = Script(*lines, clock=clock)
    terms = Terms(contract=contract, retry=Retry(jitter=None), roll=lambda: 0.5)
    played = play(call(of, terms, clock()), script, clock)
    assert script.left == 0
    return played


def error_of(played: Played[Done]) -> FailwellError:
    assert isinstance(played.error, FailwellError), played.error
    return played.error


def test_the_first_answer_of_a_used_key_is_the_calls_answer() -> None:
    """Lost, sent again with its key, 409 with `result`: done, and the result is the record."""
    played = run(post("k"), lost(), used(result=RECORD))
    done = played.result
    assert (done.how, done.response.status, done.response.native) == ("replayed", 200, None)
    assert msgspec.json.decode(done.response.body or b"") == RECORD
    assert [attempt.outcome for attempt in done.attempts] == [Outcome.UNKNOWN, Outcome.APPLIED]
    assert [type(action) for action in played.actions] == [Send, Emit, Wait, Send, Emit]
    assert isinstance(played.events[-1], Recovered)


@pytest.mark.parametrize("result", [None, [], "text", 0, {"nested": {"a": [1]}}])
def test_whatever_the_first_answer_was_is_handed_over_as_it_is(result: Any) -> None:
    """A key of an earlier run: the very first attempt is answered so, with any JSON, null too."""
    done = run(post("k"), used(result=result)).result
    assert done.how == "replayed"
    assert msgspec.json.decode(done.response.body or b"") == result


@pytest.mark.parametrize(
    ("of", "reply", "contract"),
    [
        (post("k"), used(), KEPT),
        (post(), used(result=RECORD), KEPT),
        (post("k"), used("OTHER", result=RECORD), KEPT),
        (post("k"), used(result=RECORD), PLAIN),
        (post("k"), answer(409, {"result": RECORD}), KEPT),
        (post("k"), html(409), KEPT),
        (post("k"), msgspec.structs.replace(used(result=RECORD), direct=False), KEPT),
    ],
    ids=["no result", "no key", "another code", "no such rule", "no envelope", "a page", "hop"],
)
def test_any_other_conflict_is_no_replay(of: Request, reply: Response, contract: Contract) -> None:
    """Without result, key, code, rule or envelope, or after a redirect, it is a plain 409."""
    error = error_of(run(of, reply, contract=contract))
    assert isinstance(error, ConflictError)
    assert error.outcome is Outcome.UNKNOWN


def test_a_refusal_that_was_cut_is_asked_for_again() -> None:
    """Its body broke off before the result: the key makes it safe to ask once more."""
    whole = used(result=RECORD)
    broken = msgspec.structs.replace(whole, body=(whole.body or b"")[:40])
    assert run(post("k"), lost(), broken, whole).result.how == "replayed"
    assert error_of(run(post(), broken)).outcome is Outcome.UNKNOWN


def test_a_key_that_is_still_in_use_is_waited_for() -> None:
    """Lost, then 409 without a result (the first is under way), then with it: done."""
    played = run(post("k"), lost(), used(), used(result=RECORD))
    assert played.result.how == "replayed"
    assert played.waits == [1.0, 2.0]


def test_settling_reads_the_first_answer() -> None:
    """The same request with the same key, days later: applied, and the record is the result."""
    sent = Sent(method="POST", url="https://x.test/things", at=0.0, key="k", body=b"{}")
    terms = Terms(contract=KEPT, retry=None, roll=lambda: 0.5)
    clock = Clock()
    script = Script(used(result=RECORD), clock=clock)
    flow = settle(sent, Outcome.UNKNOWN, terms, now=clock(), today=10.0)
    settled = play(flow, script, clock).result
    assert (settled.outcome, settled.record) == (Outcome.APPLIED, RECORD)
