"""One call, told as the list of what it does: every promise about sending again."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell import GENERIC, errors
from failwell.actions import Emit, Send, Wait
from failwell.contract import Code, Contract, LookUp
from failwell.errors import FailwellError
from failwell.events import AttemptFailed, CallFailed, Recovered
from failwell.flows.account import KEPT_BODY
from failwell.flows.call import broken_off, call
from failwell.flows.terms import Done, Terms
from failwell.model import Fault, Kind, Outcome, Reply, Request
from failwell.settings import Retry
from failwell.testing import Clock, Played, Script, answer, play
from samples import (
    LOOSE,
    OWN,
    URL,
    cut,
    flat,
    html,
    late,
    listed,
    lost,
    own,
    post,
    refused,
    request,
)

NOT_STARTED, ROLLED_BACK, APPLIED, PARTIALLY, UNKNOWN = Outcome
RETRY = Retry(jitter=None)
OK = answer(201, {"id": 1})


def run(
    of: Request,
    *lines: Any,
    contract: Contract = OWN,
    clock: Clock | None = None,
    takes: float = 0.0,
    known: tuple[Outcome | None, float] = (None, 0.0),
    **terms: Any,
) -> Played[Done]:
    """Make the call with a script of replies; every line of it must be used."""
    clock = clock or Clock()
    script = Script(*lines, clock=clock, takes=takes)
    fields = {"contract": contract, "retry": RETRY, "roll": lambda: 0.5, **terms}
    played = play(call(of, Terms(**fields), clock(), *known), script, clock)
    assert script.left == 0, "the call ended before the script did"
    return played


def error_of(played: Played[Done]) -> FailwellError:
    assert isinstance(played.error, FailwellError), played.error
    return played.error


def test_a_call_that_goes_well_is_one_send() -> None:
    """The happy path performs nothing but the send, and hands over its answer."""
    of = post("k")
    played = run(of, OK)
    assert played.actions == (Send(of, 1, None),)
    assert played.result == Done(OK, ())


def test_a_call_that_recovers_tells_each_step() -> None:
    """Send, event, wait, send, event: in this order, with the waits to the digit."""
    of = post("k")
    played = run(of, lost(at=1000.25), own(503, "engine", at=1001.5), OK, takes=0.25)
    first, second = played.result.attempts
    assert played.actions == (
        Send(of, 1, None),
        Emit(AttemptFailed(first, played.events[0].failure, "k")),
        Wait(1.0),
        Send(of, 2, None),
        Emit(AttemptFailed(second, played.events[1].failure, "k")),
        Wait(2.0),
        Send(of, 3, None),
        Emit(Recovered((first, second))),
    )
    assert (first.number, first.fault, first.status, first.wait) == (1, "ReadError", None, 1.0)
    assert (first.at, first.elapsed, first.outcome) == (1000.0, 0.25, UNKNOWN)
    assert (second.number, second.fault, second.status, second.wait) == (2, None, 503, 2.0)
    assert (second.at, second.elapsed, second.outcome) == (1001.25, 0.25, ROLLED_BACK)
    assert second.request_id == "r-1"


def test_a_call_that_ends_badly_raises_with_its_history() -> None:
    """After five retries the API's own error is raised, with all six attempts and their waits."""
    played = run(post("k"), *[own(503, "engine", "away")] * 6)
    error = error_of(played)
    assert type(error) is errors.ServiceUnavailableError
    assert str(error) == "away"
    assert played.waits == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert [a.number for a in error.attempts] == [1, 2, 3, 4, 5, 6]
    assert [a.wait for a in error.attempts] == [1.0, 2.0, 4.0, 8.0, 16.0, None]
    assert played.events[-1] == CallFailed(error, "exhausted")
    assert error.outcome is ROLLED_BACK


KEYED, KEYLESS, DELETE, PUT, GET = (
    post("k"), post(), request("DELETE"), request("PUT"), request("GET"),
)  # fmt: skip
AGAIN = "again"


def row(keyed: Any, keyless: Any, others: Any = AGAIN, get: Any = AGAIN) -> dict[str, Any]:
    return {"keyed": keyed, "keyless": keyless, "delete": others, "put": others, "get": get}


SAFE = row(AGAIN, AGAIN)
LOST = row(AGAIN, UNKNOWN)
DONE = row(AGAIN, APPLIED)
CELLS: list[tuple[str, Reply, dict[str, Any]]] = [
    ("refused", refused(), SAFE),
    ("lost", lost(), LOST),
    ("late", late(), LOST),
    ("cut 2xx", cut(), DONE),
    ("cut request", lost(whole=False), SAFE),
    ("truncated", answer(201, "{", content_type="application/json"), DONE),
    ("html 200", html(200), LOST),
    ("html 502", html(502), LOST),
    ("500", own(500, "engine"), LOST),
    ("503 rolled back", own(503, "engine"), SAFE),
    ("504", answer(504), LOST),
    ("408", answer(408), LOST),
    ("429 own", own(429, "slow_down"), SAFE),
    ("429 html", html(429), LOST),
    ("409", own(409, "conflict"), row(NOT_STARTED, NOT_STARTED, NOT_STARTED, None)),
    ("404", own(404, "missing"), row(NOT_STARTED, NOT_STARTED, NOT_STARTED, None)),
    ("404 html", html(404), row(UNKNOWN, UNKNOWN, UNKNOWN, None)),
]
REQUESTS = {"keyed": KEYED, "keyless": KEYLESS, "delete": DELETE, "put": PUT, "get": GET}


@pytest.mark.parametrize(
    ("of", "reply", "then"),
    [
        pytest.param(REQUESTS[name], reply, then, id=f"{label}-{name}")
        for label, reply, row in CELLS
        for name, then in row.items()
    ],
)
def test_may_it_be_sent_again(of: Request, reply: Reply, then: Any) -> None:
    """Sent again where that is proven safe, else raised at once with what is proven of it."""
    if then is AGAIN:
        played = run(of, reply, OK)
        assert [send.request for send in played.sends] == [of, of]
        assert [send.number for send in played.sends] == [1, 2]
    else:
        played = run(of, reply)
        assert error_of(played).outcome is then
        assert played.waits == []


@pytest.mark.parametrize(
    ("contract", "key", "is_sent_again"),
    [
        (OWN, "k", True),
        (OWN, None, False),
        (LOOSE, "k", False),
        (GENERIC, "k", False),
        (GENERIC.trusting_keys(), "k", True),
    ],
)
def test_trust_in_a_key_comes_from_the_contract(
    contract: Contract, key: str | None, is_sent_again: bool
) -> None:
    """A lost write goes out again only with a key that the contract says is honoured."""
    played = run(post(key), lost(), *[OK] * is_sent_again, contract=contract)
    assert len(played.sends) == 1 + is_sent_again
    if not is_sent_again:
        assert error_of(played).outcome is UNKNOWN
        assert played.events == [CallFailed(played.error, "unsafe")]


@pytest.mark.parametrize(
    ("refusal", "cls"),
    [
        (own(401, "no_auth"), errors.AuthenticationError),
        (own(404, "missing"), errors.NotFoundError),
        (own(400, "bad_input"), errors.BadRequestError),
    ],
)
def test_a_refusal_after_a_lost_attempt_takes_nothing_back(
    refusal: Reply, cls: type[FailwellError]
) -> None:
    """The keyed POST that was lost and is now refused may have taken effect: it says so."""
    error = error_of(run(post("k"), lost(), refusal))
    assert type(error) is cls
    assert error.outcome is UNKNOWN
    assert "do not send it again blindly" in error.advice
    assert [a.outcome for a in error.attempts] == [UNKNOWN, NOT_STARTED]


@pytest.mark.parametrize("refusal", [own(409, "conflict"), own(429, "slow_down")])
def test_a_conflict_or_a_quota_after_a_lost_attempt_is_waited_out(refusal: Reply) -> None:
    """A 409 may be our own first request still running, a 429 passes: the replay is worth it."""
    played = run(post("k"), lost(), refusal, refusal, OK)
    assert played.waits == [1.0, 2.0, 4.0]
    error = error_of(run(post("k"), lost(), *[refusal] * 5))
    assert error.outcome is UNKNOWN


def test_a_delete_that_is_gone_the_second_time_has_worked() -> None:
    """Lost, then 404: the error says that the deletion took effect."""
    error = error_of(run(request("DELETE"), lost(), own(404, "missing")))
    assert type(error) is errors.NotFoundError
    assert error.outcome is APPLIED
    assert error_of(run(request("DELETE"), own(404, "missing"))).outcome is NOT_STARTED


def test_what_is_known_from_before_stays_known() -> None:
    """A call that goes on where another left off does not forget that one was lost."""
    error = error_of(run(post("k"), own(401, "no_auth"), known=(UNKNOWN, 5.0)))
    assert error.outcome is UNKNOWN


@pytest.mark.parametrize(
    ("retry_after", "wait"), [("0", 1.0), ("7", 7.0), ("1.5", 1.5), ("120", 120.0)]
)
def test_retry_after_is_a_floor_under_the_backoff(retry_after: str, wait: float) -> None:
    """Never earlier than asked, and never earlier than the backoff."""
    played = run(post("k"), own(429, "slow_down", retry_after=retry_after), OK)
    assert played.waits == [wait]


@pytest.mark.parametrize("retry_after", ["121", "9" * 400, "Fri, 31 Dec 999999 23:59:59 GMT"])
def test_a_wait_that_is_too_long_is_raised_at_once(retry_after: str) -> None:
    """Beyond `max_wait` nobody sleeps: the error itself says when to come back."""
    played = run(post("k"), own(429, "slow_down", retry_after=retry_after))
    error = error_of(played)
    assert type(error) is errors.RateLimitError
    assert error.retry_after >= 121
    assert "Come back in" in error.advice
    assert played.waits == []


@pytest.mark.parametrize("retry_after", ["-5", "soon", "", "\x00"])
def test_a_retry_after_that_says_nothing_leaves_the_backoff(retry_after: str) -> None:
    """Garbage and negative numbers neither shorten nor break the wait."""
    assert run(post("k"), own(429, "slow_down", retry_after=retry_after), OK).waits == [1.0]


DOOMED = (
    Code(code="doomed", status=500, proves=ROLLED_BACK, transient=False, max_retries=1),
    Code(code="doubtful", status=500, proves=ROLLED_BACK, max_retries=2),
    Code(code="hopeless", status=500, proves=ROLLED_BACK, max_retries=0),
    Code(code="away", status=503, proves=ROLLED_BACK),
)


@pytest.mark.parametrize(
    ("said", "sends"),
    [
        (["doomed"] * 2, 2),
        (["doubtful"] * 3, 3),
        (["hopeless"], 1),
        (["away", "doomed", "doomed"], 3),
        (["doomed", "away"], 2),
        (["doubtful", "doomed", "away"], 3),
        (["doubtful", "doubtful", "doomed"], 3),
        (["away"] * 6, 6),
    ],
)
def test_a_code_may_limit_what_is_sent_after_it(said: list[str], sends: int) -> None:
    """At most so many more sends, whatever they are answered; the strictest code counts, and one
    that is permanent is tried again as often as it says."""
    contract = msgspec.structs.replace(OWN, codes=DOOMED)
    status = {entry.code: entry.status for entry in DOOMED}
    played = run(post(), *(own(status[code], code) for code in said), contract=contract)
    assert len(played.sends) == sends
    assert played.events[-1].why == "exhausted"
    assert error_of(played).failure.transient is (said[-1] != "doomed")


def test_a_limited_code_may_still_go_well() -> None:
    """The one retry that it allows is made, and its answer counts."""
    contract = msgspec.structs.replace(OWN, codes=DOOMED)
    played = run(post(), own(500, "doomed"), OK, contract=contract)
    assert len(played.sends) == 2


def test_a_limited_write_that_is_unknown_is_not_sent_again() -> None:
    """A limit gives no leave: what may have been done is not done twice."""
    code = Code(code="doomed", status=500, max_retries=3)
    contract = msgspec.structs.replace(LOOSE, codes=(code,))
    played = run(post(), flat(500, "doomed"), contract=contract)
    assert error_of(played).outcome is UNKNOWN
    assert played.events[-1].why == "unsafe"


def test_where_nothing_was_sent_the_waits_are_short() -> None:
    """A refused connection is tried again after 50 ms, doubling."""
    assert run(post(), refused(), refused(), refused(), OK).waits == [0.05, 0.1, 0.2]


def test_the_dice_are_thrown_by_the_caller() -> None:
    """With full jitter the waits are the roll times the backoff."""
    rolls = iter([0.5, 0.25])
    terms = {"retry": Retry(), "roll": lambda: next(rolls)}
    assert run(post("k"), lost(), lost(), OK, **terms).waits == [0.5, 0.5]


def test_each_send_is_bounded_by_what_is_left_of_the_deadline() -> None:
    """The deadline covers attempts and waits together, and shrinks from send to send."""
    played = run(post("k"), lost(), lost(), OK, takes=2.0, ends=1030.0)
    assert [send.within for send in played.sends] == [30.0, 27.0, 23.0]


def test_a_wait_that_does_not_fit_the_deadline_is_not_begun() -> None:
    """The error of the last attempt is raised at once, with its Retry-After."""
    played = run(post("k"), own(429, "slow_down", retry_after="30"), ends=1030.0)
    error = error_of(played)
    assert type(error) is errors.RateLimitError
    assert (error.retry_after, played.waits) == (30.0, [])
    assert played.events[-1].why == "deadline"


def test_the_deadline_that_ends_an_attempt_has_its_own_class() -> None:
    """A time-out at the deadline says so, as a kind of time-out, with the outcome."""
    clock = Clock()
    error = error_of(run(post(), late(), clock=clock, takes=5.0, ends=1005.0))
    assert type(error) is errors.DeadlineExceededError
    assert isinstance(error, errors.APITimeoutError)
    assert str(error).startswith("The call's deadline ran out during attempt 1")
    assert error.outcome is UNKNOWN


def test_a_timeout_before_the_deadline_is_a_plain_one() -> None:
    """Only the call's own deadline has that class."""
    error = error_of(run(post(), late(), takes=5.0, ends=1100.0))
    assert type(error) is errors.APITimeoutError


def test_a_body_that_cannot_be_sent_again_is_not() -> None:
    """A generator that was half read stops the call, however safe sending again would be."""
    played = run(post("k"), refused(), rewindable=lambda: False)
    assert played.events[-1].why == "body"


def test_retries_can_be_turned_off() -> None:
    """Without retries there is one send, and the same error."""
    assert len(run(post("k"), own(503, "engine"), retry=None).sends) == 1
    assert len(run(post("k"), own(503, "engine"), retry=Retry(max_retries=0)).sends) == 1


def test_a_key_is_not_trusted_beyond_its_retention() -> None:
    """A wait that would outlast the key is not begun: by then the key is new to the server."""
    brief = GENERIC.trusting_keys(retention=60.0)
    asked = answer(503, {"detail": "away"}, retry_after="59")
    played = run(post("k"), asked, asked, contract=brief)
    assert played.waits == [59.0]
    assert played.events[-1].why == "expired"
    assert error_of(played).outcome is UNKNOWN


def test_a_call_that_goes_on_counts_the_age_of_its_key() -> None:
    """What was first sent 50 s ago has 10 s of a 60 s key left."""
    brief = GENERIC.trusting_keys(retention=60.0)
    asked = answer(503, {"detail": "away"}, retry_after="9")
    assert run(post("k"), asked, OK, contract=brief, known=(UNKNOWN, 50.0)).waits == [9.0]
    late_one = run(post("k"), asked, contract=brief, known=(UNKNOWN, 51.5))
    assert late_one.events[-1].why == "expired"


def test_what_did_nothing_may_outlast_its_key() -> None:
    """Where nothing was done, an expired key does no harm."""
    brief = GENERIC.trusting_keys(retention=60.0)
    asked = answer(429, {"detail": "slow"}, retry_after="100")
    assert run(post("k"), asked, OK, contract=brief).waits == [100.0]


SETTLING = listed(settle_time=30.0)
ENFORCED = listed(enforced=True)
FOUND = flat(200, "ok", "it is here")
ABSENT = flat(200, "ok", "nothing")


def loose(how: LookUp, **changed: Any) -> Contract:
    return msgspec.structs.replace(LOOSE, look_up=how, **changed)


def test_a_lost_write_that_is_found_is_done() -> None:
    """The look-up's answer is the call's result: one write, one read, and no second write."""
    played = run(post(), lost(), FOUND, contract=loose(listed()))
    assert [(s.request.method, str(s.request.url)) for s in played.sends] == [
        ("POST", URL),
        ("GET", URL + "?name=a"),
    ]
    assert played.result.response is FOUND
    assert len(played.result.attempts) == 1
    assert isinstance(played.events[-1], Recovered)


def test_what_took_effect_and_could_not_be_read_is_looked_up() -> None:
    """A cut 201 without a key: the record is read, and never written again."""
    played = run(post(), cut(), FOUND, contract=loose(listed()))
    assert played.result.response is FOUND
    for how in (listed(), SETTLING, ENFORCED):
        script = [cut(), ABSENT] + [ABSENT] * (how is SETTLING)
        played = run(post(), *script, contract=loose(how))
        assert error_of(played).outcome is APPLIED
        assert [s.request.method for s in played.sends].count("POST") == 1


def test_not_found_proves_nothing_by_itself() -> None:
    """Without a settle time or an enforced key the write is not sent again."""
    error = error_of(run(post(), lost(), ABSENT, contract=loose(listed())))
    assert error.outcome is UNKNOWN


def test_not_found_after_the_settle_time_is_a_proof() -> None:
    """Looked up, waited the stated time, looked up again: then it is sent once more."""
    played = run(post(), lost(), ABSENT, ABSENT, OK, contract=loose(SETTLING))
    assert [s.request.method for s in played.sends] == ["POST", "GET", "GET", "POST"]
    assert played.waits == [30.0, 1.0]
    assert played.result.response is OK


def test_found_after_the_settle_time_is_found() -> None:
    """The first request was only slow: nothing is sent again."""
    played = run(post(), lost(), ABSENT, FOUND, contract=loose(SETTLING))
    assert [s.request.method for s in played.sends] == ["POST", "GET", "GET"]
    assert played.result.response is FOUND


def test_an_enforced_key_makes_sending_again_safe_and_proves_nothing() -> None:
    """Not found at a server that refuses a second one: sent again, and unknown until it is seen."""
    played = run(post(), lost(), ABSENT, OK, contract=loose(ENFORCED))
    assert [s.request.method for s in played.sends] == ["POST", "GET", "POST"]
    stopped = run(post(), lost(), ABSENT, contract=loose(ENFORCED), retry=None)
    assert error_of(stopped).outcome is UNKNOWN


def test_the_servers_refusal_of_a_second_one_leads_to_the_first() -> None:
    """Lost, not found, sent again, 409: the first one has arrived since, and is found."""
    script = [lost(), ABSENT, flat(409, "conflict"), FOUND]
    played = run(post(), *script, contract=loose(ENFORCED))
    assert played.result.response is FOUND
    script = [lost(), ABSENT, flat(409, "conflict"), ABSENT]
    assert error_of(run(post(), *script, contract=loose(ENFORCED))).outcome is UNKNOWN


@pytest.mark.parametrize(
    ("reply", "looks"),
    [(html(404), 1), (html(200), 3), (html(502), 3), (lost(), 3), (late(), 3), (refused(), 3),
     (cut(200), 3), (answer(302, location="/"), 1),
     (answer(200, '{"a', content_type="application/json"), 3),
     (flat(401, "no_auth"), 1), (flat(503, "engine"), 3)],
)  # fmt: skip
@pytest.mark.parametrize("how", [SETTLING, ENFORCED])
def test_a_look_up_that_fails_proves_nothing(reply: Reply, looks: int, how: LookUp) -> None:
    """A proxy's 404, a page, a cut list or a fault is not "not found": it is asked again where that
    may pass, and the write is not sent again."""
    contract = loose(how, reads_json=True)
    played = run(post(), lost(), *[reply] * looks, contract=contract)
    assert error_of(played).outcome is UNKNOWN
    assert [s.request.method for s in played.sends] == ["POST", *["GET"] * looks]


def test_a_look_up_is_asked_again_in_trouble() -> None:
    """It is a read: a fault that passes does not leave the write unknown."""
    played = run(post(), lost(), html(502), lost(), FOUND, contract=loose(ENFORCED))
    assert played.result.response is FOUND
    assert played.waits == [0.2, 0.5]


def test_the_apis_own_404_is_not_found() -> None:
    """A look-up by name that the API itself answers with 404 counts as not found."""
    gone = flat(404, "missing")
    played = run(post(), lost(), gone, gone, OK, contract=loose(SETTLING))
    assert played.result.response is OK


def test_a_look_up_keeps_to_the_deadline() -> None:
    """Its sends are bounded by what is left, and a settle time that does not fit is not waited."""
    played = run(post(), lost(), ABSENT, contract=loose(SETTLING), takes=2.0, ends=1034.0)
    assert [send.within for send in played.sends] == [34.0, 32.0]
    assert played.waits == []
    assert error_of(played).outcome is UNKNOWN


def test_what_cannot_be_looked_up_stays_unknown() -> None:
    """Where the contract knows no way to ask after this write, nothing is asked."""
    how = LookUp(request=lambda sent: None, found=lambda sent, reply: True)
    assert error_of(run(post(), lost(), contract=loose(how))).outcome is UNKNOWN


def test_a_keyed_write_is_not_looked_up() -> None:
    """With a key that is honoured, sending again is the surer way."""
    contract = msgspec.structs.replace(OWN, look_up=listed())
    assert [s.request.method for s in run(post("k"), lost(), OK, contract=contract).sends] == [
        "POST",
        "POST",
    ]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, asyncio.CancelledError, SystemExit])
@pytest.mark.parametrize("key", ["k", None])
def test_an_interrupted_write_leaves_a_note(
    interruption: type[BaseException], key: str | None
) -> None:
    """The traceback of Ctrl-C or of a cancelled task says that the write may have taken effect."""
    played = run(post(key, url=URL + "?api_key=secret"), interruption())
    assert type(played.error) is interruption
    (note,) = played.error.__notes__
    assert note == (
        f"failwell: POST {URL}?api_key=[redacted]{' with key k' if key else ''} was interrupted; "
        "it may or may not have taken effect"
    )


def test_an_interrupted_read_leaves_none() -> None:
    """There is nothing to say about a read."""
    assert not hasattr(run(request("GET"), KeyboardInterrupt()).error, "__notes__")


class Impatient(Clock):
    """A clock whose first sleep is broken off."""

    def sleep(self, seconds: float) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize(("first", "noted"), [(lost(), True), (own(503, "engine"), False)])
def test_a_wait_that_is_broken_off_leaves_a_note_where_the_outcome_is_unknown(
    first: Reply, noted: bool
) -> None:
    """Between two attempts of a lost write, too, and not where nothing was done."""
    played = run(post("k"), first, clock=Impatient())
    assert type(played.error) is KeyboardInterrupt
    assert hasattr(played.error, "__notes__") is noted


def test_a_look_up_that_is_broken_off_leaves_a_note() -> None:
    """Ctrl-C while the record is looked for leaves the write as unknown as it was."""
    played = run(post(), lost(), KeyboardInterrupt(), contract=loose(listed()))
    assert "may or may not have taken effect" in played.error.__notes__[0]


def test_the_cause_is_the_transports_own_exception() -> None:
    """What broke is chained to the error; where an answer came there is nothing to chain."""
    cause = ConnectionResetError(104, "reset")
    assert error_of(run(post(), lost(cause=cause))).__cause__ is cause
    assert error_of(run(post(), own(404, "missing"))).__cause__ is None


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"name":"a"}', b'{"name":"a"}'),
        (b"", b""),
        (None, None),
        (b'{"password":"x"}', None),
        (b'{"pin": 1234}', None),
        (b"x" * KEPT_BODY, b"x" * KEPT_BODY),
        (b"x" * (KEPT_BODY + 1), None),
    ],
)
def test_an_error_keeps_what_settling_needs(body: bytes | None, kept: bytes | None) -> None:
    """Method, URL, key, content type, time of the first attempt; the body where it may be kept."""
    sent = error_of(run(post("k", body=body), lost(at=50.0), own(401, "no_auth", at=60.0))).sent
    assert (sent.method, sent.url, sent.key, sent.at) == ("POST", URL, "k", 50.0)
    assert (sent.content_type, sent.body, sent.url_whole) == ("application/json", kept, True)


def test_a_url_with_a_secret_is_not_kept_whole() -> None:
    """It is marked, so that nobody asks after the write at a URL that is not the one it had."""
    sent = error_of(run(post(None, url=URL + "?token=abc"), lost())).sent
    assert sent.url == URL + "?token=[redacted]"
    assert not sent.url_whole


def test_a_read_keeps_nothing() -> None:
    """There is nothing to settle of a read."""
    assert error_of(run(request("GET"), own(404, "missing"))).sent is None


def test_what_cannot_be_a_request_is_refused_as_such() -> None:
    """A fault of our own making is an `InvalidRequestError`."""
    fault = lost(kind=Kind.BAD_REQUEST, name="UnsupportedProtocol", sent=False, transient=False)
    error = error_of(run(post(), fault))
    assert type(error) is errors.InvalidRequestError
    assert error.outcome is NOT_STARTED


def test_an_answer_that_breaks_while_it_is_read_is_one_attempt() -> None:
    """A stream that is cut in the caller's hands says what is proven, and is not sent again."""
    cause = ConnectionResetError(104, "reset")
    terms = Terms(contract=OWN, retry=RETRY, roll=lambda: 0.5)
    error = broken_off(post(), terms, cut(cause=cause), 1000.0)
    assert (error.outcome, len(error.attempts), error.__cause__) == (APPLIED, 1, cause)
    assert broken_off(request("GET"), terms, cut(), 1000.0).outcome is None


@pytest.mark.parametrize(
    ("first", "after"),
    [(lost(), APPLIED), (refused(), APPLIED), (own(500, "half"), PARTIALLY)],
)
def test_an_answer_that_breaks_is_folded_with_the_attempts_before_it(
    first: Reply, after: Outcome
) -> None:
    """What an earlier attempt has proven stands."""
    terms = Terms(contract=OWN, retry=None, roll=lambda: 0.5)
    before = error_of(run(post(), first, retry=None)).attempts
    assert broken_off(post(), terms, cut(), 1000.0, before).outcome is after


REPLIES = st.sampled_from(
    [
        *(refused(), lost(), late(), cut(), html(502), html(200), OK),
        *(own(401, "no_auth"), own(404, "missing"), own(409, "conflict"), own(429, "slow_down")),
        *(own(422, "engine"), own(500, "engine"), own(503, "engine")),
        answer(201, "{", content_type="application/json"),
    ]
)


@given(
    st.sampled_from(list(REQUESTS.values())),
    st.sampled_from([OWN, LOOSE, GENERIC, GENERIC.trusting_keys()]),
    st.lists(REPLIES, min_size=6, max_size=6),
)
def test_no_order_of_failures_makes_a_write_twice(
    of: Request, contract: Contract, replies: list[Reply]
) -> None:
    """Whatever comes: a write without a trusted key is sent on only from a proof of no effect."""
    clock = Clock()
    terms = Terms(contract=contract, retry=RETRY, roll=lambda: 0.5)
    played = play(call(of, terms, clock()), Script(*replies, clock=clock), clock)
    attempts = played.result.attempts if played.error is None else played.error.attempts
    if not contract.may_repeat(of):
        assert all(attempt.outcome.nothing_done for attempt in attempts[:-1])
    if played.error is not None and of.method != "GET" and of.method != "DELETE":
        proofs = [attempt.outcome for attempt in attempts]
        nothing_done = all(proof.nothing_done for proof in proofs)
        assert played.error.outcome.nothing_done is nothing_done
        assert (played.error.outcome is APPLIED) == (APPLIED in proofs)


def test_a_contract_has_its_own_class_for_the_deadline() -> None:
    """A deadline that runs out raises the API's own class, which is failwell's too."""

    class Late(errors.DeadlineExceededError):
        pass

    contract = Contract(name="c", dialect=GENERIC.dialect, deadline_error=Late)
    clock = Clock()
    silence = Fault(kind=Kind.TIMEOUT, name="ReadTimeout", message="")
    terms = Terms(contract=contract, retry=None, roll=lambda: 0.0, ends=clock() + 5)
    request = Request(method="GET", url="http://x")
    played = play(call(request, terms, clock()), Script(silence, clock=clock, takes=5.0), clock)
    assert type(played.error) is Late
