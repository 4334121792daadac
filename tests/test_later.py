"""Facts that are made out only when somebody looks: nobody can tell the difference."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from types import MemberDescriptorType
from typing import Any

import msgspec
import pytest

from failwell import redaction
from failwell.drive import Rim, drive
from failwell.errors import BadRequestError
from failwell.flows.call import call
from failwell.flows.terms import Terms
from failwell.hooks.logging import log
from failwell.later import KeptFailure, LateAttempt, whole
from failwell.model import Attempt, Failure, Issue, Kind
from failwell.policy import evidence
from failwell.testing import answer
from samples import OWN, post

SECRET = "tok-5f0c55d4c0b9"
AT_ONCE = Failure(
    kind=Kind.BAD_REQUEST,
    message="no",
    details_json=b'["a"]',
    issues=(Issue(message="a"),),
    body=b"{}",
)
LONG = ("details_json", "issues", "body")
SHORT = [name for name in Failure.__struct_fields__ if name not in LONG]
SAME = pytest.mark.parametrize(
    "same", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x)), whole]
)


class Noted:
    """Makes out the facts of `AT_ONCE`, and notes in `made` which ones."""

    def __init__(self, made: list[str]) -> None:
        self._made = made

    def __getattr__(self, name: str) -> Any:
        self._made.append(name)
        return getattr(AT_ONCE, name)


def late(made: list[str]) -> Failure:
    """The same failure, whose long facts note in `made` that they were made out."""
    said: dict[str, Any] = {name: getattr(AT_ONCE, name) for name in SHORT}
    return KeptFailure(**said, source=lambda: Noted(made))


def echo() -> Failure:
    """What is kept of an answer that shows the request's own credential everywhere."""
    details = [{"path": "a", "message": SECRET, "value": SECRET}]
    reply = answer(400, {"error": {"code": "bad_input", "message": "no", "details": details}})
    request = post(headers={"Authorization": f"Bearer {SECRET}"})
    verdict = evidence.judge(OWN, request, reply)
    assert verdict is not None
    return verdict.failure


def refusal() -> BadRequestError:
    """What a caller catches of a write that is refused, by an answer that shows its credential."""
    reply = answer(400, {"error": {"code": "bad_input", "message": f"no {SECRET}"}})
    request = post(headers={"Authorization": f"Bearer {SECRET}"})
    terms = Terms(contract=OWN, retry=None, roll=lambda: 0.5)
    with pytest.raises(BadRequestError) as caught:
        drive(call(request, terms, 0.0), lambda send: reply, Rim(hooks=[log]))
    return caught.value


def test_nothing_is_made_out_before_somebody_looks() -> None:
    """The short facts are there at once; each long one is made once, when it is asked for."""
    made: list[str] = []
    error = BadRequestError(late(made))
    assert (error.kind, error.message, str(error), error.code) == ("bad_request", "no", "no", None)
    assert made == []
    assert (error.body, error.body) == ("{}", "{}")
    assert made == ["body"]
    assert (error.details, error.issues) == (["a"], AT_ONCE.issues)
    assert made == ["body", "details_json", "issues"]
    assert error.failure == AT_ONCE
    assert len(made) == 3


@SAME
def test_it_is_the_same_failure(same: Callable[[Failure], Failure]) -> None:
    """Equal, with one hash and one text, copied and pickled like one that was whole at once."""
    for failure in (late([]), same(late([]))):
        assert failure == AT_ONCE
        assert failure in [AT_ONCE]
        assert failure == late([])
        assert failure != msgspec.structs.replace(AT_ONCE, body=b"")
        assert hash(failure) == hash(AT_ONCE)
        assert repr(failure) == repr(AT_ONCE)


def test_a_fact_can_be_replaced_before_it_was_made_out() -> None:
    """What is put in its place counts, and the others are still made out."""
    failure = msgspec.structs.replace(late([]), issues=(), message="other")
    assert (failure.issues, failure.message, failure.body) == ((), "other", b"{}")


def test_the_exception_hands_out_plain_facts() -> None:
    """msgspec's own functions, which see through every property, see whole facts in it."""
    error = BadRequestError(late([]))
    assert msgspec.to_builtins(error.failure) == msgspec.to_builtins(AT_ONCE)
    assert error.failure is error.failure
    assert whole(AT_ONCE) is AT_ONCE


def test_what_waits_is_in_no_text_and_no_pickle() -> None:
    """Before anybody has looked, what is to be scrubbed is hidden from every way of looking."""
    shown = [
        repr(echo()),
        repr(vars(BadRequestError(echo()))),
        pickle.dumps(echo()).decode("latin-1"),
    ]
    shown += [repr(getattr(echo(), name)) for name in KeptFailure.__struct_fields__]
    assert all(SECRET not in text for text in shown)
    assert "[redacted]" in shown[0]


def test_a_request_that_changes_later_changes_nothing() -> None:
    """The secrets are those that were sent, whatever becomes of the request's own fields."""
    headers = {"Authorization": f"Bearer {SECRET}"}
    reply = answer(400, {"error": {"code": "bad_input", "message": "no", "details": [SECRET]}})
    verdict = evidence.judge(OWN, post(headers=headers), reply)
    headers.clear()
    assert verdict is not None
    assert SECRET not in repr(verdict.failure)


def test_a_call_that_fails_makes_out_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the answer to the exception that is caught and dropped, nobody looks for a secret; who
    looks then finds none."""
    looked: list[str] = []
    secrets_of = redaction.secrets_of

    def watched(*given: Any) -> Any:
        looked.append("")
        return secrets_of(*given)

    monkeypatch.setattr(redaction, "secrets_of", watched)
    error = refusal()
    assert looked == []
    assert str(error) == "no [redacted]"
    assert error.attempts[0].url == post().url
    assert SECRET not in repr(error.attempts)
    assert len(looked) == 1


def test_attempts_can_be_written() -> None:
    """msgspec's own functions see whole attempts in an exception."""
    (attempt,) = msgspec.to_builtins(refusal().attempts)
    assert attempt["url"] == post().url


@SAME
def test_an_attempt_may_wait_for_its_failure(same: Callable[[Attempt], Attempt]) -> None:
    """It is the same attempt as one that was whole at once, and makes nothing else out."""
    made: list[str] = []
    attempt = same(LateAttempt(number=1, at=0.0, elapsed=0.5, failure=late(made)))
    assert attempt == Attempt(number=1, method="", url="", at=0.0, elapsed=0.5)
    assert made == []


def test_what_is_handed_out_is_plain() -> None:
    """Nobody meets the classes of what waits, in an exception or in a pickle."""
    error = refusal()
    assert {type(error.failure), type(pickle.loads(pickle.dumps(echo())))} == {Failure}
    assert [type(attempt) for attempt in error.attempts] == [Attempt]


def test_what_did_not_come_off_the_wire_is_read_at_once() -> None:
    """A failure that a server makes itself pays nothing for those that wait."""
    failure = OWN.fail("bad_input").failure
    assert type(failure) is Failure
    fields = {type(vars(Failure)[name]) for name in Failure.__struct_fields__}
    assert fields == {MemberDescriptorType}
