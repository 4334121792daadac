"""What an attempt proves about a write, and what is known of a call after several.

The tables here are the rows of the design, cell by cell: whoever changes a cell changes what
failwell promises.
"""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell import GENERIC
from failwell.contract import Code, Contract, RequestIds
from failwell.dialects import Flat, Nested, Problem
from failwell.headers import OUTCOME
from failwell.later import whole
from failwell.model import (
    Failure,
    Fault,
    Headers,
    Kind,
    Outcome,
    Reply,
    Request,
    Response,
)
from failwell.policy import evidence
from failwell.policy.evidence import Verdict
from failwell.testing import answer
from samples import CODES, LOOSE, OWN, cut, flat, html, late, lost, own, post, refused, request

NOT_STARTED, ROLLED_BACK, APPLIED, PARTIALLY, UNKNOWN = Outcome
JSON = {"content-type": "application/json"}
HTML = {"content-type": "text/html"}
PAGE = "<html><title>hello</title></html>"
CONTRACTS = {"own": OWN, "loose": LOOSE, "generic": GENERIC}


def outcome(contract: Contract, reply: Reply, of: Request | None = None) -> Outcome | None:
    """What this one attempt proves."""
    verdict = evidence.judge(contract, of or post(), reply)
    assert verdict is not None, "the attempt went well"
    assert verdict.failure.outcome in (verdict.outcome, None)
    return verdict.outcome


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
@pytest.mark.parametrize("name", ["ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"])
@pytest.mark.parametrize("kind", [Kind.CONNECTION, Kind.TIMEOUT])
def test_never_connected_is_not_started(contract: Contract, name: str, kind: Kind) -> None:
    """Refused, no name, no TLS, no free connection: nothing was done, whatever the contract."""
    fault = Fault(kind=kind, name=name, message="x", sent=False)
    assert outcome(contract, fault) is NOT_STARTED


@pytest.mark.parametrize(
    ("contract", "whole", "proof"),
    [
        (OWN, False, NOT_STARTED),
        (OWN, True, UNKNOWN),
        (LOOSE, False, UNKNOWN),
        (LOOSE, True, UNKNOWN),
        (GENERIC, False, UNKNOWN),
        (GENERIC, True, UNKNOWN),
    ],
)
def test_a_request_cut_short_proves_only_where_the_contract_says_so(
    contract: Contract, whole: bool, proof: Outcome
) -> None:
    """A body that was not sent to its end did nothing only at a server that acts on whole ones."""
    assert outcome(contract, lost(whole=whole)) is proof


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
@pytest.mark.parametrize("fault", [lost(), late(), lost(name="RemoteProtocolError")])
def test_a_lost_answer_is_unknown(contract: Contract, fault: Fault) -> None:
    """Reset, closed or too late after all was sent proves nothing, for any contract."""
    assert outcome(contract, fault) is UNKNOWN


@pytest.mark.parametrize("entry", CODES, ids=lambda entry: f"{entry.code}-{entry.status}")
def test_the_own_envelope_proves_what_its_code_is_marked_with(entry: Code) -> None:
    """An answer in the API's envelope proves what the catalogue says of (code, status)."""
    proof = entry.proves or UNKNOWN
    assert outcome(OWN, own(entry.status, entry.code)) is proof
    assert outcome(LOOSE, flat(entry.status, entry.code)) is proof


@pytest.mark.parametrize("entry", CODES, ids=lambda entry: f"{entry.code}-{entry.status}")
def test_a_code_in_a_strange_envelope_proves_nothing(entry: Code) -> None:
    """The same words in another shape may be a proxy's: unknown, even for a validation error."""
    stranger = answer(entry.status, {"problem": {"code": entry.code, "message": "no"}})
    assert outcome(OWN, stranger) is UNKNOWN
    assert outcome(LOOSE, stranger) is UNKNOWN
    assert outcome(OWN, flat(entry.status, entry.code)) is UNKNOWN
    assert outcome(LOOSE, own(entry.status, entry.code)) is UNKNOWN


@pytest.mark.parametrize("status", [500, 422, 404, 429])
def test_a_code_under_a_status_it_is_not_listed_with_proves_nothing(status: int) -> None:
    """`missing` is listed with 404 alone: with another status it is not that entry."""
    assert outcome(OWN, own(status, "missing")) is (NOT_STARTED if status == 404 else UNKNOWN)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 408, 409, 422, 425, 429, 500, 503])
@pytest.mark.parametrize("unlisted", [UNKNOWN, NOT_STARTED])
def test_an_unlisted_code_proves_what_the_contract_says_of_those(
    status: int, unlisted: Outcome
) -> None:
    """A 4xx in the own envelope proves `unlisted`, but for 408 and 409; a 5xx proves nothing."""
    contract = msgspec.structs.replace(OWN, unlisted=unlisted)
    proof = unlisted if status < 500 and status not in (408, 409) else UNKNOWN
    assert outcome(contract, own(status, "never_heard_of")) is proof


STRANGERS = {
    "html": lambda status: html(status),
    "text": lambda status: answer(status, "upstream connect error", content_type="text/plain"),
    "empty": lambda status: answer(status),
    "other JSON": lambda status: answer(status, {"oops": True}),
    "JSON list": lambda status: answer(status, ["oops"]),
    "code is a number": lambda status: answer(status, {"error": {"code": 7, "message": "no"}}),
    "no message": lambda status: answer(status, {"error": {"code": "missing"}}),
    "cut": lambda status: answer(status, '{"error":{"code":"missing","mess'),
    "latin-1": lambda status: answer(status, b'{"error":{"code":"missing","message":"\xe9"}}'),
    "deep": lambda status: answer(
        status, '{"error":{"code":"missing","message":"x","details":' + "[" * 9999
    ),
}  # fmt: skip


@pytest.mark.parametrize("status", [400, 401, 404, 408, 409, 422, 429, 500, 502, 503, 504, 520])
@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS)
def test_what_is_not_the_own_envelope_is_unknown(status: int, stranger) -> None:
    """Anything not in the API's own envelope proves nothing, with a 4xx and a 429 as well."""
    verdict = evidence.judge(OWN, post(), stranger(status))
    assert (verdict.outcome, verdict.own) == (UNKNOWN, False)


@pytest.mark.parametrize(
    ("contract", "expects", "reply", "proof"),
    [
        (OWN, None, answer(201, '{"id": 1', content_type="application/json"), APPLIED),
        (OWN, None, answer(200, "", content_type="application/json"), APPLIED),
        (OWN, None, answer(201, '{"id": 1', content_type="application/x+json"), APPLIED),
        (OWN, None, answer(200, PAGE, content_type="text/html"), UNKNOWN),
        (OWN, None, answer(200, '{"id": 1}', content_type="text/html"), UNKNOWN),
        (OWN, None, answer(200, "{}"), UNKNOWN),
        (OWN, None, cut(201), APPLIED),
        (OWN, None, cut(200, "text/html"), UNKNOWN),
        (OWN, None, cut(200, ""), UNKNOWN),
        (OWN, None, cut(302), UNKNOWN),
        (OWN, None, cut(500), UNKNOWN),
        (OWN, None, cut(400), UNKNOWN),
        (
            OWN,
            None,
            Response(status=200, body=None, headers={"content-type": "text/html"}),
            UNKNOWN,
        ),
        (OWN, False, cut(200, "text/csv"), APPLIED),
        (LOOSE, None, answer(201, '{"id": 1', content_type="application/json"), APPLIED),
        (LOOSE, True, answer(200, PAGE, content_type="text/html"), UNKNOWN),
        (LOOSE, True, cut(200, "text/html"), UNKNOWN),
        (LOOSE, None, cut(200, "text/csv"), APPLIED),
        (GENERIC, None, cut(201), APPLIED),
        (GENERIC, True, cut(200, "text/html"), UNKNOWN),
    ],
)
def test_a_success_that_cannot_be_read(
    contract: Contract, expects: bool | None, reply: Reply, proof: Outcome
) -> None:
    """A 2xx in the promised media type is applied, however it ended; a page proves nothing."""
    assert outcome(contract, reply, post(reads_json=expects)) is proof


@pytest.mark.parametrize(
    ("contract", "of", "reply"),
    [
        (OWN, post(), answer(201, {"id": 1})),
        (OWN, post(), answer(204)),
        (OWN, post(), answer(205)),
        (OWN, post(), answer(303, "see there", location="/x")),
        (OWN, post(), answer(200, "\ufeff{}".encode(), content_type="application/json")),
        (OWN, post(), answer(200, "[NaN]", content_type="application/json")),
        (OWN, post(), answer(200, "{}".encode("utf-16"), content_type="application/json")),
        (OWN, request("HEAD"), answer(200, content_type="application/json")),
        (OWN, post(reads_json=False), answer(200, PAGE, content_type="text/html")),
        (LOOSE, post(), answer(200, PAGE, content_type="text/html")),
        (LOOSE, post(), answer(200)),
        (GENERIC, post(), answer(200, "a,b", content_type="text/csv")),
        (GENERIC, post(), answer(200, content_type="application/json")),
        (OWN, post(), Response(status=200, body=None, headers=JSON)),
        (LOOSE, post(), Response(status=200, body=None)),
    ],
)
def test_a_success_is_no_failure(contract: Contract, of: Request, reply: Response) -> None:
    """What was promised, or was never promised otherwise, is a success."""
    assert evidence.judge(contract, of, reply) is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "QUERY"])
@pytest.mark.parametrize(
    "reply",
    [refused(), lost(), cut(), html(502), own(404, "missing"), own(500, "engine"),
     own(503, "engine", **{OUTCOME: "rolled_back"})],
)  # fmt: skip
def test_a_read_has_no_outcome(method: str, reply: Reply) -> None:
    """There is nothing that could take effect, whatever the answer says."""
    verdict = evidence.judge(OWN, request(method), reply)
    assert (verdict.outcome, verdict.failure.outcome) == (None, None)


@pytest.mark.parametrize(
    ("reply", "proof"),
    [
        *[(answer(s, {"detail": "no"}), NOT_STARTED) for s in (400, 401, 403, 404, 405, 410, 422)],
        (answer(408, {"detail": "no"}), UNKNOWN),
        (answer(409, {"detail": "no"}), UNKNOWN),
        (answer(409, {"error": {"code": "conflict", "message": "no"}}), UNKNOWN),
        (answer(400, "no such thing", content_type="text/plain"), UNKNOWN),
        (answer(400, '"no such thing"'), NOT_STARTED),
        (answer(422, [{"loc": ["body", "a"], "msg": "required"}]), NOT_STARTED),
        (answer(404), UNKNOWN),
        (answer(404, {}), UNKNOWN),
        (html(400, "Bad Request"), UNKNOWN),
        (html(404, "Not Found"), UNKNOWN),
        (answer(400, '{"detail": "no'), UNKNOWN),
        (answer(429, {"detail": "slow"}), NOT_STARTED),
        (answer(429, retry_after="3"), NOT_STARTED),
        (html(429, "Too Many", retry_after="3"), NOT_STARTED),
        (answer(429), UNKNOWN),
        (html(429, "Too Many"), UNKNOWN),
        (html(503, "Away", retry_after="3"), UNKNOWN),
        *[(answer(s, {"detail": "no"}), UNKNOWN) for s in (500, 501, 502, 503, 504, 520, 599)],
        *[(html(s), UNKNOWN) for s in (500, 502, 503, 504)],
        (answer(500, {"error": "x", "outcome": "not_started"}), UNKNOWN),
    ],
)  # fmt: skip
def test_the_generic_contract_goes_by_http(reply: Response, proof: Outcome) -> None:
    """A readable 4xx (not 408, 409) or a 429 with Retry-After is not started; all else unknown."""
    assert outcome(GENERIC, reply) is proof


@pytest.mark.parametrize("word", list(Outcome))
@pytest.mark.parametrize("reply", [own(500, "engine"), own(404, "missing"), html(502), answer(503)])
def test_the_outcome_header_speaks_for_the_server(word: Outcome, reply: Response) -> None:
    """`Failwell-Outcome` says what became of the write, over what the code or status would."""
    said = msgspec.structs.replace(
        reply, headers=Headers({**reply.headers, OUTCOME.lower(): word.value})
    )
    assert outcome(OWN, said) is word


@pytest.mark.parametrize("word", ["", "Applied", "rolled_back, rolled_back", "maybe", "\x00"])
def test_an_outcome_header_with_another_word_is_not_heard(word: str) -> None:
    """Only the five words count: anything else leaves the proof to the code."""
    reply = own(404, "missing")
    said = msgspec.structs.replace(reply, headers=Headers({**reply.headers, OUTCOME: word}))
    assert outcome(OWN, said) is NOT_STARTED


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (Problem(), {"title": "x", "type": "about:blank", "outcome": "rolled_back"}),
        (Flat(outcome="did"), {"code": "x", "message": "y", "did": "rolled_back"}),
        (Nested(outcome="did"), {"error": {"code": "x", "message": "y", "did": "rolled_back"}}),
    ],
)
def test_the_own_envelope_may_state_the_outcome(dialect, body: dict[str, object]) -> None:
    """Where the dialect has a member for the outcome, its word is evidence like the header."""
    contract = Contract(name="A", dialect=dialect)
    assert outcome(contract, answer(500, body)) is ROLLED_BACK


@pytest.mark.parametrize(
    "reply",
    [own(404, "missing"), own(503, "engine"), answer(200, "{", content_type="application/json")],
)
def test_an_answer_that_is_not_direct_proves_nothing(reply: Response) -> None:
    """After a redirect it is another request's answer: it says nothing about the write."""
    aside = msgspec.structs.replace(reply, direct=False)
    assert outcome(OWN, aside) is UNKNOWN
    assert not evidence.judge(OWN, post(), aside).own


def _verdict(proof: Outcome | None, *, own: bool = True, status: int | None = None) -> Verdict:
    failure = Failure(kind=Kind.INTERNAL, message="x", status=status)
    return Verdict(failure, proof, transient=True, own=own)


FOLDED = {
    None: [NOT_STARTED, ROLLED_BACK, APPLIED, PARTIALLY, UNKNOWN],
    NOT_STARTED: [NOT_STARTED, ROLLED_BACK, APPLIED, PARTIALLY, UNKNOWN],
    ROLLED_BACK: [NOT_STARTED, ROLLED_BACK, APPLIED, PARTIALLY, UNKNOWN],
    APPLIED: [APPLIED, APPLIED, APPLIED, APPLIED, APPLIED],
    PARTIALLY: [PARTIALLY, PARTIALLY, PARTIALLY, PARTIALLY, PARTIALLY],
    UNKNOWN: [UNKNOWN, UNKNOWN, APPLIED, UNKNOWN, UNKNOWN],
}
"""What is known before, and then after an attempt that is judged so (columns: `Outcome`)."""


@pytest.mark.parametrize(
    ("before", "proof", "after"),
    [(b, p, a) for b, row in FOLDED.items() for p, a in zip(Outcome, row, strict=True)],
)
def test_folding(before: Outcome | None, proof: Outcome, after: Outcome) -> None:
    """A refusal does not take back what an earlier attempt may have done; only proof resolves."""
    assert evidence.fold(before, post(), _verdict(proof)) is after


@pytest.mark.parametrize(
    ("method", "status", "is_own", "after"),
    [
        ("DELETE", 404, True, APPLIED),
        ("DELETE", 410, True, APPLIED),
        ("DELETE", 404, False, UNKNOWN),
        ("DELETE", 403, True, UNKNOWN),
        ("DELETE", 500, True, UNKNOWN),
        ("POST", 404, True, UNKNOWN),
        ("PUT", 404, True, UNKNOWN),
    ],
)
def test_gone_after_our_delete_means_that_it_worked(
    method: str, status: int, is_own: bool, after: Outcome
) -> None:
    """A lost DELETE is resolved by the API's own 404 or 410, and by nothing else."""
    verdict = _verdict(NOT_STARTED, own=is_own, status=status)
    assert evidence.fold(UNKNOWN, request(method), verdict) is after


def test_a_404_at_the_first_delete_proves_that_nothing_was_done() -> None:
    """Without a lost attempt before it the 404 is a plain refusal."""
    verdict = _verdict(NOT_STARTED, status=404)
    assert evidence.fold(None, request("DELETE"), verdict) is NOT_STARTED
    assert evidence.fold(ROLLED_BACK, request("DELETE"), verdict) is NOT_STARTED


SEQUENCES = [
    ("POST", [lost(), own(401, "no_auth")], UNKNOWN),
    ("POST", [lost(), own(409, "conflict")], UNKNOWN),
    ("POST", [lost(), own(429, "slow_down")], UNKNOWN),
    ("POST", [lost(), own(404, "missing")], UNKNOWN),
    ("POST", [lost(), refused()], UNKNOWN),
    ("POST", [lost(), own(503, "engine")], UNKNOWN),
    ("POST", [late(), cut()], APPLIED),
    ("POST", [refused(), lost(), own(400, "bad_input")], UNKNOWN),
    ("POST", [cut(), own(401, "no_auth")], APPLIED),
    ("POST", [cut(), lost()], APPLIED),
    ("POST", [own(503, "engine"), refused()], NOT_STARTED),
    ("POST", [own(503, "engine"), own(503, "engine")], ROLLED_BACK),
    ("POST", [own(429, "slow_down"), html(502)], UNKNOWN),
    ("POST", [html(502), own(400, "bad_input")], UNKNOWN),
    ("DELETE", [lost(), own(404, "missing")], APPLIED),
    ("DELETE", [lost(), html(404)], UNKNOWN),
    ("DELETE", [lost(), own(404, "missing"), own(401, "no_auth")], APPLIED),
    ("DELETE", [refused(), own(404, "missing")], NOT_STARTED),
    ("GET", [lost(), own(404, "missing")], None),
]


@pytest.mark.parametrize(("method", "replies", "known"), SEQUENCES)
def test_a_call_of_several_attempts(
    method: str, replies: list[Reply], known: Outcome | None
) -> None:
    """Folded over its attempts, a call is known to have done just what is proven."""
    of, so_far = request(method, key="k" if method == "POST" else None), None
    for reply in replies:
        verdict = evidence.judge(OWN, of, reply)
        so_far = evidence.fold(so_far, of, verdict)
    assert so_far is known


@given(st.lists(st.sampled_from(list(Outcome)), min_size=1, max_size=6))
def test_no_refusal_ever_makes_an_unknown_call_safe_to_repeat(proofs: list[Outcome]) -> None:
    """Once an attempt was unknown, no later attempt makes it look as if nothing were done."""
    so_far = None
    for number, proof in enumerate(proofs):
        so_far = evidence.fold(so_far, post(), _verdict(proof))
        if any(p in (UNKNOWN, APPLIED, PARTIALLY) for p in proofs[: number + 1]):
            assert not so_far.nothing_done


@pytest.mark.parametrize(
    ("before", "key", "reply", "running"),
    [
        (UNKNOWN, "k", own(409, "conflict"), True),
        (None, "k", own(409, "conflict"), False),
        (ROLLED_BACK, "k", own(409, "conflict"), False),
        (UNKNOWN, None, own(409, "conflict"), False),
        (UNKNOWN, "k", html(409), False),
        (UNKNOWN, "k", own(404, "missing"), False),
    ],
)
def test_a_conflict_after_a_lost_attempt_may_be_with_ourselves(
    before: Outcome | None, key: str | None, reply: Response, running: bool
) -> None:
    """Only the API's own 409 to a key whose first attempt was lost may mean "still running"."""
    of = post(key)
    assert evidence.still_running(of, before, evidence.judge(OWN, of, reply)) is running


@pytest.mark.parametrize(
    ("reply", "transient"),
    [
        (refused(), True),
        (lost(), True),
        (lost(name="LocalProtocolError", kind=Kind.BAD_REQUEST, transient=False), False),
        (own(400, "bad_input"), False),
        (own(400, "busy"), True),
        (own(422, "engine"), False),
        *[(own(status, "whatever"), True) for status in (408, 425, 429, 500, 502, 503, 504, 522)],
        *[(own(status, "whatever"), False) for status in (401, 403, 404, 405, 409, 410, 501, 505)],
        (html(502), True),
        (html(404), False),
        (answer(200, PAGE, content_type="text/html"), True),
        (answer(200, "{", content_type="application/json"), True),
    ],
)  # fmt: skip
def test_what_may_pass(reply: Reply, transient: bool) -> None:
    """The catalogue says what is transient, and where it is silent the status does."""
    assert evidence.judge(OWN, post(), reply).transient is transient


def test_the_catalogue_gives_kind_and_advice() -> None:
    """A code may stand for a kind other than its status's, and says what to do."""
    assert evidence.judge(OWN, post(), own(400, "busy")).failure.kind is Kind.UNAVAILABLE
    assert evidence.judge(OWN, post(), own(401, "no_auth")).failure.advice == "Renew the key."


def test_the_facts_of_a_refusal() -> None:
    """Code, message, ids, Retry-After (by the answer's Date), method and URL are all read."""
    reply = own(
        429, "slow_down", "Not so fast", retry_after="Sat, 01 Jan 2000 00:00:30 GMT",
        date="Sat, 01 Jan 2000 00:00:00 GMT",
    )  # fmt: skip
    failure = evidence.judge(OWN, post(), reply).failure
    assert (failure.kind, failure.status, failure.code) == (Kind.RATE_LIMITED, 429, "slow_down")
    assert (failure.message, failure.request_id, failure.retry_after) == (
        "Not so fast",
        "r-1",
        30.0,
    )
    assert (failure.api, failure.method) == ("Own", "POST")
    assert failure.url == "https://api.example.org/v1/jobs"
    assert failure.body == reply.body


@pytest.mark.parametrize("blank", ["", " ", "\n\t"])
def test_a_blank_message_is_replaced_by_status_and_code(blank: str) -> None:
    """An API that says nothing does not leave its user with an exception that says nothing."""
    failure = evidence.judge(OWN, post(), own(404, "missing", blank)).failure
    assert failure.message == "HTTP 404: missing"


def test_the_request_id_may_be_in_the_header() -> None:
    """Where the body has none, the contract's header gives it; for a cut answer as well."""
    reply = html(502, x_request_id="from-header")
    assert evidence.judge(OWN, post(), reply).failure.request_id == "from-header"
    fault = msgspec.structs.replace(cut(), headers=Headers({"x-request-id": "h" * 300}))
    assert evidence.judge(OWN, post(), fault).failure.request_id == "h" * 256


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (answer(200, PAGE, content_type="text/html"), "text/html, not JSON: it says 'hello'"),
        (answer(200, "{}"), "no content type, not JSON"),
        (
            answer(200, '{"id": "abc', content_type="application/json"),
            "cut or broken: it ends with",
        ),
        (answer(200, "", content_type="application/json"), "it is empty"),
    ],
)
def test_an_unreadable_success_says_what_came(reply: Response, says: str) -> None:
    """The message of a bad response names what was there in the place of the promise."""
    failure = evidence.judge(OWN, post(), reply).failure
    assert failure.kind is Kind.BAD_RESPONSE
    assert says in failure.message


@pytest.mark.parametrize("cookie", ["true", "null", "code", "message", "error", '"}', "missing"])
def test_taking_secrets_out_does_not_change_the_evidence(cookie: str) -> None:
    """A secret that looks like a part of the envelope is taken out, and the proof stands."""
    of = post(headers={"Cookie": f"a={cookie}"})
    reply = answer(
        404, {"error": {"code": "missing", "message": "gone", "id": "r", "details": [True, None]}}
    )
    verdict = evidence.judge(OWN, of, reply)
    assert (verdict.outcome, verdict.own, verdict.failure.status) == (NOT_STARTED, True, 404)
    assert verdict.failure.message == "gone"
    assert cookie.encode() not in verdict.failure.body


SECRET = "s3cr3t/Value+x="
CARRIERS = {
    "bearer": {"headers": {"Authorization": f"Bearer {SECRET}"}},
    "api key": {"headers": {"X-API-Key": SECRET}},
    "cookie": {"headers": {"Cookie": f"session={SECRET}; theme=dark"}},
    "query": {"url": "https://api.example.org/v1/jobs?api_key=s3cr3t%2FValue%2Bx%3D"},
    "user info": {"url": "https://me:s3cr3t%2FValue%2Bx%3D@api.example.org/v1/jobs"},
    "body": {"body": b'{"password": "s3cr3t/Value+x="}'},
    "form": {"body": b"user=me&password=s3cr3t%2FValue%2Bx%3D"},
}


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
@pytest.mark.parametrize(
    "reply",
    [
        own(400, "bad_input", f"You sent {SECRET}"),
        answer(400, {"error": {"code": "bad_input", "message": "no", "details": [
            {"path": "a", "message": f"is {SECRET}", "value": SECRET}, {"password": "x"}]}}),
        html(502, f"for {SECRET}"),
        answer(200, f"<p>{SECRET}</p>", content_type="text/html"),
        answer(200, '{"id": "' + SECRET, content_type="application/json"),
        lost(message=f"cannot reach https://me:{SECRET}@h/ or https://h/?token={SECRET}&a=b"),
    ],
)  # fmt: skip
def test_no_secret_is_kept_of_what_was_sent(carrier: dict[str, object], reply: Reply) -> None:
    """A secret that the server or the transport echoes is in no fact of the failure."""
    verdict = evidence.judge(OWN, post(**carrier), reply)
    kept = (
        msgspec.json.encode(whole(verdict.failure)).decode()
        + repr(verdict)
        + repr(verdict.failure.body)
    )
    for spelling in (SECRET, SECRET.replace("/", "\\/"), "s3cr3t%2FValue%2Bx%3D", "s3cr3t"):
        assert spelling not in kept


BYTES = st.binary(max_size=200) | st.text(max_size=100).map(str.encode)
MEDIA = st.sampled_from(["", "application/json", "text/html", "application/problem+json", "\x00"])


@given(
    st.sampled_from(list(CONTRACTS.values())),
    st.sampled_from(["GET", "POST", "DELETE", "PATCH"]),
    st.integers(200, 599),
    BYTES,
    MEDIA,
    st.text(max_size=20),
)
def test_judging_never_raises_and_never_proves_too_much(
    contract: Contract, method: str, status: int, body: bytes, media: str, retry_after: str
) -> None:
    """Any status with any body is judged; what is not the API's own word proves no absence."""
    reply = answer(status, body, content_type=media, retry_after=retry_after)
    verdict = evidence.judge(contract, request(method), reply)
    if verdict is None:
        assert status < 400
        return
    assert verdict.failure.message
    assert (verdict.outcome is None) == (method == "GET")
    if verdict.outcome is not None and verdict.outcome.nothing_done:
        assert verdict.own
        assert status not in (408, 409)


def test_every_pair_of_outcomes_is_in_the_table() -> None:
    """The folding table has a cell for each pair there is."""
    cells = set(itertools.product([None, *Outcome], Outcome))
    assert {(b, p) for b in FOLDED for p in Outcome} == cells


@pytest.mark.parametrize(("accepts", "known_as"), [(True, "mine"), (False, None)])
def test_a_lost_answer_is_known_by_the_id_that_was_sent(
    accepts: bool, known_as: str | None
) -> None:
    """Where an API takes callers' ids over, a lost answer still has one to quote."""
    ids = RequestIds(header="X-Request-Id", accepts=accepts)
    contract = Contract(name="c", dialect=Nested(), request_ids=ids)
    silence = Fault(
        kind=Kind.CONNECTION, name="ReadError", message="", asked=Headers({"x-request-id": "mine"})
    )
    verdict = evidence.judge(contract, Request(method="GET", url="http://x"), silence)
    assert verdict is not None
    assert verdict.failure.request_id == known_as
