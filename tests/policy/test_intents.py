"""What is kept of the writes of a run: who is who, what was begun, what came back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell.model import Headers, Outcome, Response
from failwell.policy.idempotency import Stored
from failwell.policy.intents import (
    KEPT_ANSWER,
    Anew,
    Begin,
    Begun,
    Drop,
    Fail,
    Finish,
    Intent,
    Look,
    New,
    Other,
    identity,
    kept,
    slot,
)
from failwell.stores.memory import MemoryStore
from failwell.testing import Clock, answer
from samples import OWN, post

JSON = Headers({"content-type": "application/json"})
STORED = Stored(status=201, headers=(("content-type", "application/json"),), body=b'{"id":1}')


def begin(token: str = "t1", fingerprint: str = "f", key: str | None = "k1") -> Begin:
    return Begin(fingerprint=fingerprint, token=token, what="POST https://a/b", key=key, tag="g1")


@given(
    st.lists(
        st.tuples(st.none() | st.text(max_size=8), st.text(max_size=8), st.integers(0, 99)),
        max_size=8,
        unique_by=lambda who: ("n", who[0]) if who[0] is not None else ("f", who[1], who[2]),
    ),
    st.text(max_size=5),
    st.text(max_size=5),
)
def test_no_two_writes_share_a_slot(
    whos: list[tuple[str | None, str, int]], run: str, generation: str
) -> None:
    """Whatever runs, names and fingerprints hold, each write has a record of its own."""
    slots = {slot(run, generation, identity(*who)) for who in whos}
    slots |= {slot(run, generation + "'", identity(*who)) for who in whos}
    assert len(slots) == 2 * len(whos)


def test_a_new_write_is_written_down() -> None:
    """With its key, its tag and the store's time."""
    step = begin()(None, 5.0)
    assert step.record == Intent(
        fingerprint="f", at=5.0, token="t1", what="POST https://a/b", key="k1", tag="g1"
    )
    assert step.answer == New(step.record)
    assert step.ttl is None


def test_a_write_that_was_begun_keeps_its_key() -> None:
    """The second beginning learns the first one's key, and how old it is."""
    first = begin()(None, 5.0).record
    step = begin("t2", key="k2")(first, 65.0)
    assert isinstance(step.answer, Begun)
    assert (step.answer.intent.key, step.answer.age) == ("k1", 60.0)
    assert step.record is not None
    assert (step.record.token, step.record.at) == ("t2", 5.0)


def test_a_clock_that_jumps_back_makes_no_age_below_nothing() -> None:
    """An age is never negative."""
    first = begin()(None, 5.0).record
    assert begin()(first, 1.0).answer == Begun(first, 0.0)


def test_a_name_that_is_taken_is_refused() -> None:
    """Another fingerprint under the same identity leaves the record as it was."""
    first = begin()(None, 5.0).record
    step = begin(fingerprint="other")(first, 6.0)
    assert step.answer == Other("POST https://a/b")
    assert step.record is first


def test_what_came_back_is_there_for_the_next_one() -> None:
    """A finished write stays finished: a late failure of another attempt changes nothing."""
    first = begin()(None, 5.0).record
    done = Finish(STORED)(first, 6.0)
    assert done.answer is True
    step = begin("t2")(done.record, 7.0)
    assert isinstance(step.answer, Begun)
    assert step.answer.intent.answer == STORED
    late = Fail(token="t1", outcome=Outcome.NOT_STARTED)(step.record, 8.0)
    assert late.record == step.record
    assert Finish(STORED)(None, 9.0).answer is False


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_failure_is_forgotten_where_nothing_was_done(outcome: Outcome) -> None:
    """A write that left nothing may be begun anew; of any other the key is kept, and the word."""
    first = begin()(None, 5.0).record
    after = Fail(token="t1", outcome=outcome)(first, 6.0).record
    if outcome.nothing_done:
        assert after is None
    else:
        assert after is not None
        assert (after.key, after.outcome) == ("k1", outcome)


def test_only_its_own_attempt_may_forget_it() -> None:
    """Once another process has gone on with it, the first one's failure says nothing."""
    first = begin()(None, 5.0).record
    second = begin("t2")(first, 6.0).record
    assert Fail(token="t1", outcome=Outcome.NOT_STARTED)(second, 7.0).record is second


def test_it_begins_anew_only_in_its_own_hands() -> None:
    """After a proof that nothing was done it gets a new key; not where another one is on it."""
    held = begin("t2")(begin()(None, 5.0).record, 6.0).record
    anew = Anew(begin=begin("t2", key="k2"))(held, 9.0)
    assert isinstance(anew.answer, New)
    assert (anew.answer.intent.key, anew.answer.intent.at) == ("k2", 9.0)
    assert isinstance(Anew(begin=begin("t3"))(held, 9.0).answer, Begun)


@given(st.lists(st.sampled_from(["begin", "fail", "lose", "finish", "wait"]), max_size=12))
def test_no_order_of_events_loses_a_key(events: list[str]) -> None:
    """As long as it is not known that nothing was done, every beginning has the same key; once
    it is finished, every beginning has the same answer."""
    clock = Clock()
    store = MemoryStore(clock)
    key: str | None = None
    done = False
    token = "t"
    for number, event in enumerate(events):
        match event:
            case "begin":
                token = f"t{number}"
                found = store.update("w", begin(token, key=f"k{number}"))
                assert not isinstance(found, Other)
                assert isinstance(found, New) == (key is None)
                assert found.intent.key == (key or f"k{number}")
                assert (found.intent.answer is not None) == done
                key = found.intent.key
            case "fail":
                store.update("w", Fail(token=token, outcome=Outcome.NOT_STARTED))
                key = key if done else None
            case "lose":
                store.update("w", Fail(token=token, outcome=Outcome.UNKNOWN))
            case "finish":
                done = store.update("w", Finish(STORED))
                assert done == (key is not None)
            case _:
                clock.advance(10.0)
    assert (store.update("w", Look()) is None) == (key is None)
    store.update("w", Drop())
    assert store.update("w", Look()) is None


def test_the_answer_is_kept_as_a_replay_carries_it() -> None:
    """Status, the contract's headers, the body; neither cookies nor what belongs to one answer."""
    reply = answer(201, {"id": 7}, location="/jobs/7", set_cookie="a=b", date="now")
    stored = kept(OWN, post("k"), reply)
    assert dict(stored.headers).keys() == {"content-type", "location"}
    assert (stored.status, json.loads(stored.body), stored.whole) == (201, {"id": 7}, True)


ASKED = Headers({"authorization": "Bearer tok-123456"})


@pytest.mark.parametrize(
    "reply",
    [
        Response(status=200, headers=JSON, body=None),
        Response(status=200, headers=JSON, body=b'"' + b"a" * KEPT_ANSWER + b'"'),
        Response(status=200, headers=JSON, body=b'{"access_token":"abcdef"}'),
        Response(status=200, headers=JSON, body=b'{"echo":"tok-123456"}', asked=ASKED),
        Response(
            status=201, headers=Headers({"location": "https://a/b?signature=abcdef"}), body=b""
        ),
    ],
    ids=["stream", "large", "secret", "echo", "signed link"],
)
def test_what_cannot_be_kept_is_not(reply: Response) -> None:
    """A stream, a large answer and anything with a secret in it leave only their status."""
    stored = kept(OWN, post("k"), reply)
    assert stored == Stored(status=reply.status, headers=(), body=b"", whole=False)
