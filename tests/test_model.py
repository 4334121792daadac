"""The facts: frozen values that decide nothing."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell.model import (
    Attempt,
    Failure,
    Headers,
    Issue,
    Kind,
    Outcome,
    Request,
    Sent,
    kind_of,
    outcome_of,
    read_json,
)

KINDS = {
    400: "bad_request", 401: "unauthenticated", 402: "other_client", 403: "permission_denied",
    404: "not_found", 405: "method_not_allowed", 406: "other_client", 408: "other_client",
    409: "conflict", 410: "gone", 411: "other_client", 412: "other_client", 413: "too_large",
    415: "other_client", 418: "other_client", 422: "unprocessable", 425: "other_client",
    429: "rate_limited", 451: "other_client", 499: "other_client", 500: "internal",
    501: "internal", 502: "gateway", 503: "unavailable", 504: "gateway", 505: "internal",
    520: "internal", 599: "internal",
}  # fmt: skip


@pytest.mark.parametrize(("status", "kind"), KINDS.items())
def test_each_status_has_a_kind(status: int, kind: str) -> None:
    """HTTP's own meaning of a status gives one of the closed set of kinds."""
    assert kind_of(status) == kind


@given(st.integers(400, 599))
def test_no_status_is_without_a_kind(status: int) -> None:
    """Any 4xx is the caller's kind of failure, any 5xx the server's."""
    servers = {Kind.INTERNAL, Kind.UNAVAILABLE, Kind.GATEWAY}
    assert (kind_of(status) in servers) == (status >= 500)


def test_the_words_are_those_of_the_design() -> None:
    """Kinds and outcomes are closed sets, and are spelled the same in logs, JSON and code."""
    assert {str(outcome) for outcome in Outcome} == {
        "not_started", "rolled_back", "applied", "partially_applied", "unknown",
    }  # fmt: skip
    assert len(Kind) == 18
    assert f"{Kind.RATE_LIMITED} {Outcome.UNKNOWN}" == "rate_limited unknown"


def test_only_two_outcomes_leave_nothing_behind() -> None:
    """Not started and rolled back are the two after which a write may be repeated."""
    assert {o for o in Outcome if o.nothing_done} == {Outcome.NOT_STARTED, Outcome.ROLLED_BACK}


@pytest.mark.parametrize("word", ["", "Applied", "done", None, 1, True, [], {}, b"applied"])
def test_other_words_are_no_outcome(word: object) -> None:
    """Whatever JSON may hold in its place, only the five words are an outcome."""
    assert outcome_of(word) is None
    assert [outcome_of(outcome.value) for outcome in Outcome] == list(Outcome)


def test_headers_are_found_whatever_the_case() -> None:
    """A name is found in any spelling, listed in lower case, and its value is not shown."""
    headers = Headers({"X-API-Key": "s3cret", "A": "1"})
    assert headers["x-api-key"] == headers.get("X-Api-KEY") == "s3cret"
    assert "x-API-key" in headers
    assert "missing" not in headers
    assert list(headers) == ["x-api-key", "a"]
    assert len(headers) == 2
    assert "s3cret" not in repr(headers)


FAILURE = Failure(
    kind=Kind.CONFLICT,
    message="no",
    status=409,
    code="conflict",
    details_json=b'{"a": [1, 2]}',
    issues=(Issue(message="bad", path="a[0]", pointer="/a/0", code="x", value=[1]),),
    request_id="r",
    retry_after=1.5,
    outcome=Outcome.UNKNOWN,
)


def test_details_are_decoded_when_asked_for() -> None:
    """The structured extra comes as Python values, and None where there is none."""
    assert FAILURE.details == {"a": [1, 2]}
    assert Failure(kind=Kind.CONFLICT, message="no").details is None


@pytest.mark.parametrize(
    "text", [b"{", b"[1e999]", b'["\xff"]', b"[" * 9999, b"\x00", b'"\\ud800"']
)
def test_details_that_cannot_be_read_are_none(text: bytes) -> None:
    """What an API sends in the place of JSON never raises when it is looked at."""
    assert Failure(kind=Kind.CONFLICT, message="no", details_json=text).details is None


@given(st.binary())
def test_reading_json_never_raises(text: bytes) -> None:
    """Any bytes at all are read or are None."""
    read_json(text)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_facts_travel(copied) -> None:
    """A failure is equal after a copy, a deep copy and a trip through pickle."""
    assert copied(FAILURE) == FAILURE


@pytest.mark.parametrize("fact", [FAILURE, FAILURE.issues[0], Request(method="GET", url="u")])
def test_facts_are_frozen(fact: object) -> None:
    """Nobody can change a fact."""
    name = fact.__struct_fields__[0]  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="immutable"):
        setattr(fact, name, "other")


def test_what_was_sent_is_shown_by_its_size() -> None:
    """The body of a kept request is not printed."""
    sent = Sent(method="POST", url="https://a/b", at=0.0, key="k", body=b"private")
    assert repr(sent) == "Sent(POST https://a/b key='k' body=7 bytes)"
    assert "stream" in repr(Sent(method="POST", url="u", at=0.0))


def test_an_attempt_is_small() -> None:
    """An attempt needs no more than when, what and how long."""
    attempt = Attempt(number=1, method="GET", url="u", at=1.0, elapsed=0.5)
    assert (attempt.status, attempt.fault, attempt.outcome, attempt.wait) == (None,) * 4
