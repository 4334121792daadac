"""What an API promises, and the settings of a call: checked when they are made."""

from __future__ import annotations

import math
import pickle
from typing import Any

import msgspec
import pytest

import failwell
from failwell import GENERIC, errors
from failwell.cli.contracts import find
from failwell.contract import Code, Contract, Idempotency, LookUp, RequestIds
from failwell.dialects import Flat
from failwell.model import Issue, Kind, Outcome, Request, Sent
from failwell.settings import Options, Policy, Retry
from samples import CODES, OWN, post, request


def contract(**changed: Any) -> Contract:
    return Contract(**{"name": "A", "dialect": Flat(), "codes": CODES, **changed})


def test_an_error_is_made_from_its_code() -> None:
    """`fail` gives the class, status, kind, outcome and advice that the catalogue states."""
    error = OWN.fail("no_auth")
    assert type(error) is errors.AuthenticationError
    assert (error.status_code, error.code, error.kind) == (401, "no_auth", Kind.UNAUTHENTICATED)
    assert (error.outcome, error.advice) == (Outcome.NOT_STARTED, "Renew the key.")
    assert str(error) == "no_auth"


def test_an_error_may_say_more_than_its_code() -> None:
    """Message, details, issues, Retry-After and outcome are the server's to give."""
    issue = Issue(message="too long", path="name")
    error = OWN.fail(
        "slow_down", message="Not so fast", details={"limit": 3}, issues=[issue],
        retry_after=2.0, outcome=Outcome.ROLLED_BACK,
    )  # fmt: skip
    assert (str(error), error.details, error.issues) == ("Not so fast", {"limit": 3}, (issue,))
    assert (error.retry_after, error.outcome) == (2.0, Outcome.ROLLED_BACK)


def test_what_the_code_means_is_the_message_by_default() -> None:
    """Without a message the catalogue's own words are told."""
    meaning = contract(codes=(Code(code="gone", status=410, means="It was deleted."),))
    assert str(meaning.fail("gone")) == "It was deleted."


def test_an_ambiguous_code_is_refused() -> None:
    """A code that stands for several statuses is no error until the status is given."""
    with pytest.raises(ValueError, match="engine for several statuses: say which of 422, 500, 503"):
        OWN.fail("engine")
    assert OWN.fail("engine", 503).outcome is Outcome.ROLLED_BACK
    assert OWN.fail("engine", 422).kind is Kind.UNPROCESSABLE


@pytest.mark.parametrize(("code", "status"), [("nope", None), ("missing", 410), ("", None)])
def test_an_unknown_code_is_refused_with_the_known_ones(code: str, status: int | None) -> None:
    """The message says what was asked for, and lists every code with its status."""
    with pytest.raises(ValueError, match=f"Own has no code {code}") as caught:
        OWN.fail(code, status)
    assert all(f"{entry.code} ({entry.status})" in str(caught.value) for entry in CODES)


def test_a_pair_may_be_listed_once() -> None:
    """Two entries for one (code, status) are refused by name."""
    twice = (*CODES, Code(code="missing", status=404))
    with pytest.raises(ValueError, match=r"'A' lists \[\('missing', 404\)\] more than once"):
        contract(codes=twice)


def test_an_answer_is_found_by_code_and_status() -> None:
    """Both together are the key; a code under another status is not listed."""
    assert OWN.find("engine", 503) is CODES[7]
    assert OWN.find("engine", 404) is None
    assert OWN.find(None, 404) is None


class OwnError(errors.FailwellError):
    """An API's own root."""


class OwnNotFoundError(OwnError, errors.NotFoundError):
    """An API's own leaf."""


def test_an_api_may_have_its_own_classes() -> None:
    """They are raised in the places of failwell's, and are caught as either."""
    mine = contract(exceptions={Kind.NOT_FOUND: OwnNotFoundError})
    error = mine.fail("missing")
    assert type(error) is OwnNotFoundError
    assert isinstance(error, (OwnError, failwell.NotFoundError))
    assert type(mine.fail("no_auth")) is errors.AuthenticationError


@pytest.mark.parametrize("cls", [OwnError, errors.ConflictError, errors.APIError])
def test_a_class_in_the_wrong_place_is_refused(cls: type[errors.FailwellError]) -> None:
    """A class for not_found that `except NotFoundError` would miss is refused at once."""
    with pytest.raises(ValueError, match="is for not_found: derive it from NotFoundError"):
        contract(exceptions={Kind.NOT_FOUND: cls})


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        *[(lambda n=n, v=v: Retry(**{n: v}), n)
          for n in ("base", "cap", "fast_base", "max_wait") for v in (-1, math.nan, math.inf)],
        (lambda: Retry(max_retries=-1), "max_retries"),
        (lambda: Code(code="a", status=500, max_retries=-1), "max_retries"),
        (lambda: Retry(jitter="half"), "jitter"),
        *[(lambda v=v: Policy(deadline=v), "deadline") for v in (0, -1, math.nan, math.inf)],
        *[(lambda v=v: Options(deadline=v), "deadline") for v in (0, -1, math.nan, math.inf)],
        (lambda: Idempotency(retention=0), "retention"),
        (lambda: Idempotency(retention=float("nan")), "retention"),
        (lambda: Idempotency(retention="1 day"), "retention"),
        (lambda: Idempotency(keys="honored"), "keys"),
        (lambda: Idempotency(keys=None), "keys"),
        (lambda: Idempotency(replay="once"), "replay"),
        (lambda: Idempotency(header=""), "header"),
        (lambda: Idempotency(header="Idempotency Key"), "header"),
        (lambda: GENERIC.trusting_keys(retention=-1), "retention"),
        (lambda: LookUp(request=lambda sent: None, found=lambda sent, a: False, settle_time=-1),
         "settle_time"),
    ],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused(make, setting: str) -> None:
    """The message names the setting, its value and what it must be."""
    with pytest.raises(ValueError, match=f"{setting}=.*: must be "):
        make()


def test_the_settings_are_those_of_the_design() -> None:
    """The defaults: five retries, 1 s to 60 s, full jitter, 50 ms, 120 s, and no deadline."""
    retry = Retry()
    assert (retry.max_retries, retry.base, retry.cap) == (5, 1.0, 60.0)
    assert (retry.jitter, retry.fast_base, retry.max_wait) == ("full", 0.05, 120.0)
    assert Policy().retry == retry
    assert Policy().deadline is None
    assert (Idempotency().header, Idempotency().retention) == ("Idempotency-Key", 86400.0)


@pytest.mark.parametrize("settings", [Retry(), Policy(), Options(), Idempotency(), OWN, CODES[0]])
def test_settings_are_frozen(settings: Any) -> None:
    """Nobody changes a setting that others share."""
    with pytest.raises(AttributeError, match="immutable"):
        setattr(settings, settings.__struct_fields__[0], "x")


def test_trusting_keys_changes_the_trust_alone() -> None:
    """GENERIC trusts no key; the view of it that does is otherwise the same contract."""
    assert not GENERIC.idempotency.trusted
    trusting = GENERIC.trusting_keys(retention=60.0)
    assert trusting.idempotency.trusted
    assert trusting.idempotency.retention == 60.0
    assert msgspec.structs.replace(trusting, idempotency=GENERIC.idempotency) == GENERIC


@pytest.mark.parametrize(
    ("keys", "header", "trusted"),
    [
        ("required", "Idempotency-Key", True),
        ("honoured", "Idempotency-Key", True),
        ("ignored", "Idempotency-Key", False),
        ("honoured", None, False),
    ],
)
def test_when_keys_are_trusted(keys: Any, header: str | None, trusted: bool) -> None:
    """A key makes a write repeatable only where the API has a header for it and honours it."""
    mine = contract(idempotency=Idempotency(keys=keys, header=header))
    assert mine.idempotency.trusted is trusted
    assert mine.may_repeat(post("k")) is trusted
    assert mine.may_repeat(post(None)) is False


@pytest.mark.parametrize(
    ("method", "may"),
    [("GET", True), ("HEAD", True), ("OPTIONS", True), ("PUT", True), ("DELETE", True),
     ("QUERY", True), ("POST", False), ("PATCH", False), ("CONNECT", False)],
)  # fmt: skip
def test_idempotent_methods_may_be_repeated(method: str, may: bool) -> None:
    """What HTTP calls idempotent may be repeated without a key, and nothing else."""
    assert contract().may_repeat(request(method)) is may


def test_a_contract_may_know_of_more_that_may_be_repeated() -> None:
    """A question that is asked by POST, say; all else goes by its method."""
    mine = contract(repeatable=lambda method, url: method == "POST" and url.endswith("/search"))
    assert mine.may_repeat(Request(method="POST", url="https://a.example/search"))
    assert not mine.may_repeat(Request(method="POST", url="https://a.example/jobs"))
    assert not mine.may_repeat(Request(method="PATCH", url="https://a.example/search"))
    assert mine.may_repeat(Request(method="PUT", url="https://a.example/jobs"))


@pytest.mark.parametrize("enforced", [True, False, lambda sent: "jobs" not in sent.url])
def test_a_natural_key_may_be_enforced_here_and_there(enforced: Any) -> None:
    """For all writes, for none, or for those that are named."""
    how = LookUp(request=lambda _: None, found=lambda *_: False, enforced=enforced)
    specs, jobs = (Sent(method="POST", url=url, at=0.0) for url in ("/specs", "/jobs"))
    assert how.enforces(specs) is (enforced is not False)
    assert how.enforces(jobs) is (enforced is True)


@pytest.mark.parametrize(
    ("request_id", "allowed"),
    [("a", True), ("A-1_b.c", True), ("x" * 128, True), ("x" * 129, False), ("", False),
     ("a b", False), ("a\n", False), ("é", False), ("<script>", False), ("a\x00", False)],
)  # fmt: skip
def test_which_request_ids_are_taken_over(request_id: str, allowed: bool) -> None:
    """Only the contract's alphabet, whole, and only where callers may choose one at all."""
    assert RequestIds(accepts=True).allows(request_id) is allowed
    assert RequestIds(accepts=False).allows(request_id) is False


def test_two_contracts_of_one_catalogue_do_not_mix() -> None:
    """Each contract looks codes up in its own catalogue."""
    one = contract(codes=(Code(code="x", status=400, means="one"),))
    two = contract(codes=(Code(code="x", status=400, means="two"),))
    assert one.find("x", 400).means == "one"
    assert two.find("x", 400).means == "two"


def test_a_word_will_do_for_what_a_code_proves() -> None:
    """`proves="not_started"` is the outcome of that name, not a text that fails in mid-call; a
    word that is none is refused where it is written."""
    code: Any = {"code": "gone", "status": 404, "proves": "not_started", "kind": "gone"}
    assert Code(**code) == Code(code="gone", status=404, proves=Outcome.NOT_STARTED, kind=Kind.GONE)
    assert Code(**code).proves is Outcome.NOT_STARTED
    for wrong in ({"proves": "nothing"}, {"kind": "odd"}):
        with pytest.raises(ValueError, match=next(iter(wrong.values()))):
            Code(**code | wrong)


def test_people_call_it_by_its_title() -> None:
    """In data it goes by its name; without a title of its own, people read that with a capital."""
    assert contract(name="shop").title == "Shop"
    named = contract(name="ebay-test", title="eBay")
    assert (named.name, named.title) == ("ebay-test", "eBay")
    again = msgspec.structs.replace(named, reads_json=True)
    assert again.title == "eBay"


def test_a_failure_is_told_by_the_title_of_its_api() -> None:
    """Also one that comes out of a pickle, or that another contract of that name has made."""
    named = contract(name="ebay-told", title="eBay")
    failed = pickle.loads(pickle.dumps(named.fail(CODES[0].code, CODES[0].status)))
    assert failwell.explain(failed).happened.startswith("eBay answered")
    assert failwell.explain(failed).api == "ebay-told"
    plain = contract(name="nobody").fail(CODES[0].code, CODES[0].status)
    assert failwell.explain(plain).happened.startswith("Nobody answered")


def test_the_five_systems_are_written_as_they_write_themselves() -> None:
    """And a view of a contract keeps its title."""
    told = {name: find(name).title for name in ("ionworks", "ionq", "flow", "toolpath", "matcraft")}
    assert list(told.values()) == ["Ionworks", "IonQ", "Flow", "Toolpath", "MatCraft"]
