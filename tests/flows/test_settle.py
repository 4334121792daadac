"""What became of a write, found out afterwards."""

from __future__ import annotations

import pickle
from typing import Any

import msgspec
import pytest

from failwell import errors
from failwell.contract import Contract
from failwell.flows.call import call
from failwell.flows.settle import Settled, request_of, settle
from failwell.flows.terms import Terms
from failwell.model import Outcome, Sent
from failwell.policy.idempotency import why_not_again
from failwell.settings import Retry
from failwell.testing import Clock, Played, Script, answer, play
from samples import LOOSE, OWN, URL, flat, html, listed, lost, own, post

NOT_STARTED, ROLLED_BACK, APPLIED, PARTIALLY, UNKNOWN = Outcome
TODAY = 1_000_000.0
FOUND = flat(200, "ok", "it is here")
ABSENT = flat(200, "ok", "nothing")


class Native:
    """An HTTP library's own answer."""

    def __init__(self, record: Any) -> None:
        self._record = record

    def json(self) -> Any:
        return self._record


def sent(**changed: Any) -> Sent:
    fields: dict[str, Any] = {
        "method": "POST", "url": URL, "at": TODAY - 60.0, "key": "k",
        "content_type": "application/json", "body": b'{"name":"a"}',
    }  # fmt: skip
    return Sent(**{**fields, **changed})


def run(
    what: Sent,
    *lines: Any,
    contract: Contract = OWN,
    known: Outcome = UNKNOWN,
    today: float = TODAY,
    ends: float | None = None,
) -> tuple[Settled, Played[Settled]]:
    clock = Clock()
    script = Script(*lines, clock=clock)
    terms = Terms(contract=contract, retry=Retry(jitter=None), roll=lambda: 0.5, ends=ends)
    played = play(settle(what, known, terms, now=clock(), today=today), script, clock)
    assert played.error is None
    assert script.left == 0
    assert played.result is not None
    return played.result, played


def test_a_keyed_write_is_settled_by_its_replay() -> None:
    """The same method, URL, body, content type and key go out again; the answer is the record."""
    replay = msgspec.structs.replace(answer(201, {"id": 7}), native=Native({"id": 7}))
    settled, played = run(sent(), replay)
    (send,) = played.sends
    assert (send.request.method, send.request.url) == ("POST", URL)
    assert (send.request.body, send.request.key) == (b'{"name":"a"}', "k")
    assert dict(send.request.headers) == {
        "content-type": "application/json",
        "Idempotency-Key": "k",
    }
    assert (settled.outcome, settled.error) == (APPLIED, None)
    assert settled.record == {"id": 7}


def test_a_replay_that_fails_for_a_while_is_waited_for() -> None:
    """Settling is a call like any other: what may pass is tried again."""
    settled, played = run(sent(), lost(), own(409, "conflict"), answer(201, {}))
    assert settled.outcome is APPLIED
    assert played.waits == [1.0, 2.0]


@pytest.mark.parametrize(
    "reply", [own(401, "no_auth"), own(404, "missing"), html(404), own(422, "engine")]
)
def test_a_refusal_settles_nothing(reply: Any) -> None:
    """What the API says to the second request says nothing of the first: still unknown, and why."""
    settled, _ = run(sent(), reply)
    assert settled.outcome is UNKNOWN
    assert settled.why.startswith("Asked again: ")
    assert settled.error is not None
    assert settled.record is None


def test_a_failed_settling_can_be_settled_later() -> None:
    """Its error still knows when the write was first sent, so that the key's age is counted."""
    settled, _ = run(sent(), own(401, "no_auth", at=TODAY))
    assert settled.error.sent.at == TODAY - 60.0
    assert why_not_again(OWN, settled.error.sent, TODAY - 60.0 + 86400.0) is not None


def test_a_key_that_the_api_has_forgotten_is_not_sent() -> None:
    """Past its retention the key is new: sending it would write a second time."""
    settled, played = run(sent(at=TODAY - 86400.0))
    assert played.sends == []
    assert settled.outcome is UNKNOWN
    assert "older than the 24 h" in settled.why


def test_a_key_is_not_sent_again_once_it_expires_while_settling() -> None:
    """With two seconds of its retention left there is no third attempt."""
    settled, played = run(sent(at=TODAY - 86400.0 + 2.5), lost(), lost())
    assert settled.outcome is UNKNOWN
    assert played.waits == [1.0]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"key": None}, "without a key"),
        ({"body": None}, "give it again"),
        ({"url_whole": False}, "URL was not kept whole"),
    ],
)
def test_what_cannot_be_asked_stays_as_it_was(changed: dict[str, Any], why: str) -> None:
    """Nothing is sent, the known outcome stands, and the answer says what is missing."""
    for known in (UNKNOWN, APPLIED):
        settled, played = run(sent(**changed), known=known)
        assert played.actions == ()
        assert settled.outcome is known
        assert why in settled.why


def test_a_delete_is_settled_by_repeating_it() -> None:
    """Gone the second time: it took effect."""
    what = sent(method="DELETE", key=None, body=b"", content_type=None)
    settled, _ = run(what, own(404, "missing"))
    assert settled.outcome is APPLIED
    assert run(what, answer(204))[0].outcome is APPLIED


def test_a_delete_is_not_looked_up() -> None:
    """A record that is still there is no proof that it was deleted, nor is one that is gone a
    proof that nothing was done: a look-up is for what is made."""
    contract = msgspec.structs.replace(LOOSE, look_up=listed(settle_time=1.0))
    what = sent(method="DELETE", key=None, body=b"", at=TODAY - 3600.0)
    settled, played = run(what, contract=contract)
    assert (settled.outcome, played.actions) == (UNKNOWN, ())


SETTLING = listed(settle_time=30.0)


@pytest.mark.parametrize(
    ("how", "known", "lines", "outcome", "why"),
    [
        (listed(), UNKNOWN, [FOUND], APPLIED, "was found"),
        (listed(), UNKNOWN, [ABSENT], UNKNOWN, "proves nothing yet"),
        (listed(enforced=True), UNKNOWN, [ABSENT], UNKNOWN, "proves nothing yet"),
        (SETTLING, UNKNOWN, [ABSENT, FOUND], APPLIED, "was found"),
        (SETTLING, UNKNOWN, [ABSENT, ABSENT], NOT_STARTED, "will not appear"),
        (SETTLING, UNKNOWN, [html(404)], UNKNOWN, "could not be looked for"),
        (SETTLING, UNKNOWN, [lost()] * 3, UNKNOWN, "could not be looked for"),
        (SETTLING, UNKNOWN, [lost(), FOUND], APPLIED, "was found"),
        (SETTLING, APPLIED, [ABSENT, ABSENT], APPLIED, "proves nothing yet"),
        (SETTLING, PARTIALLY, [lost()] * 3, PARTIALLY, "could not be looked for"),
        (SETTLING, APPLIED, [FOUND], APPLIED, "was found"),
    ],
)
def test_a_write_without_a_key_is_looked_up(
    how: Any, known: Outcome, lines: list[Any], outcome: Outcome, why: str
) -> None:
    """Found is applied; only the settle time makes a proof of not found; nothing is written."""
    contract = msgspec.structs.replace(LOOSE, look_up=how, reads_json=True)
    settled, played = run(sent(key=None), *lines, contract=contract, known=known)
    assert (settled.outcome, why in settled.why) == (outcome, True)
    assert {send.request.method for send in played.sends} == {"GET"}


def test_what_cannot_be_asked_for_is_not_said_to_be_missing() -> None:
    """A write that the contract knows no question for stays as it is, and nobody is asked."""
    mute = msgspec.structs.replace(listed(), request=lambda _: None)
    contract = msgspec.structs.replace(LOOSE, look_up=mute)
    settled, played = run(sent(key=None), contract=contract, known=UNKNOWN)
    assert settled.outcome is UNKNOWN
    assert "gives no way to ask after a write" in settled.why
    assert not played.sends


def test_settling_keeps_to_the_deadline() -> None:
    """A settle time that does not fit is not waited for."""
    contract = msgspec.structs.replace(LOOSE, look_up=SETTLING)
    settled, played = run(sent(key=None), ABSENT, contract=contract, ends=1020.0)
    assert (settled.outcome, played.waits) == (UNKNOWN, [])
    assert played.sends[0].within == 20.0


def test_an_error_is_settled_after_a_trip_through_pickle() -> None:
    """The whole way: a call is lost, its error is pickled, and the other side settles it."""
    clock = Clock()
    terms = Terms(contract=OWN, retry=None, roll=lambda: 0.5)
    lost_call = play(call(post("k"), terms, clock()), Script(lost(at=TODAY)), clock)
    error = pickle.loads(pickle.dumps(lost_call.error))
    assert isinstance(error, errors.APIConnectionError)
    settled, played = run(error.sent, answer(201, {}), known=error.outcome)
    assert settled.outcome is APPLIED
    assert played.sends[0].request.key == "k"


def test_a_request_is_made_again_as_it_was() -> None:
    """Without key or content type no header is made up; another header name is used as it is."""
    bare = request_of(sent(key=None, content_type=None, body=b""), OWN)
    assert (dict(bare.headers), bare.body, bare.key) == ({}, b"", None)
    rules = msgspec.structs.replace(OWN.idempotency, header="X-Once")
    other = request_of(sent(), msgspec.structs.replace(OWN, idempotency=rules))
    assert other.headers["X-Once"] == "k"
