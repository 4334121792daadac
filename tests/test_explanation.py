"""A failure in plain words: every question answered, for people and for machines."""

from __future__ import annotations

import asyncio
import json
import pickle
from types import SimpleNamespace
from typing import Any

import httpx2
import msgspec
import pytest

import failwell
from failwell import Code, Contract, explain
from failwell.clients.seam import Account
from failwell.dialects import Nested
from failwell.errors import BY_KIND, FailwellError, RollbackError
from failwell.model import Failure, Issue, Kind, Outcome, Todo

LAB = Contract(
    name="lab",
    dialect=Nested(details="details", request_id="id"),
    codes=(
        Code(code="bad_shots", status=422, proves=Outcome.NOT_STARTED, charges=False),
        Code(code="ran_and_failed", status=500, proves=Outcome.APPLIED, charges=True),
        Code(code="busy", status=400, kind=Kind.UNAVAILABLE, proves=Outcome.NOT_STARTED,
             transient=True, advice="Come back after the calibration."),
    ),
    support="help@lab.example",
)  # fmt: skip
FIELDS = {"parameters": "search space", "parameters[0].bounds": "bounds of x", "/shots": "shots"}


def raised(status: int, code: str, *, details: Any = None, is_async: bool = False) -> FailwellError:
    """What a client raises for this answer of the lab's."""
    said = {"error": {"code": code, "message": "No", "details": details, "id": "req_7"}}
    how: dict[str, Any] = {
        "contract": LAB,
        "policy": failwell.Policy(retry=None),
        "transport": httpx2.MockTransport(lambda _: httpx2.Response(status, json=said)),
    }

    async def wait() -> None:
        async with failwell.AsyncClient(**how) as client:
            await client.post("https://lab.example/jobs", json={})

    def ask() -> None:
        with failwell.Client(**how) as client:
            client.post("https://lab.example/jobs", json={})

    with pytest.raises(FailwellError) as caught:
        asyncio.run(wait()) if is_async else ask()
    return caught.value


@pytest.mark.parametrize("is_async", [False, True])
def test_every_question_is_answered(is_async: bool) -> None:
    """What happened, took effect, charged, again, what to do, whom to ask: a line each."""
    told = explain(raised(422, "bad_shots", is_async=is_async))
    assert str(told).splitlines() == [
        "What happened  Lab answered bad_shots (422): No",
        "Took effect?   It did not take effect: it was refused before anything was done.",
        "Charged?       No.",
        "Try again?     Not as it is.",
        "What to do     Change the input; sending it again unchanged will fail again.",
        "Whom to ask    help@lab.example; quote the request id req_7.",
    ]


@pytest.mark.parametrize(
    ("status", "code", "charge", "charged", "retry"),
    [
        (422, "bad_shots", "No.", False, "no"),
        (500, "ran_and_failed", "Yes, all the same.", True, "no"),
        (400, "busy", "The API's contract does not say.", None, "yes"),
        (500, "unheard_of", "Not known before it is known whether it took effect.", None, "settle"),
    ],
)
def test_the_contract_is_heard(
    status: int, code: str, charge: str, charged: bool | None, retry: str
) -> None:
    """Charges and worth of a retry are those of the code, also after a trip through pickle."""
    error = raised(status, code)
    for known in (error, pickle.loads(pickle.dumps(error))):
        told = explain(known)
        assert (told.charge, told.charged, told.retry) == (charge, charged, retry)
        assert told.support == "help@lab.example"


def test_what_was_charged_is_not_known_before_the_outcome() -> None:
    """Once an attempt was lost, the code of a later refusal says nothing about a charge."""
    failure = Failure(kind=Kind.CONFLICT, message="x", outcome=Outcome.UNKNOWN, charged=False)
    told = explain(FailwellError(failure))
    assert (told.charged, told.retry) == (None, "settle")
    assert told.charge.startswith("Not known")


@pytest.mark.parametrize(
    ("issue", "field"),
    [
        (Issue(message="m", path="parameters[0].bounds"), "bounds of x"),
        (Issue(message="m", path="parameters[1].bounds"), "search space[1].bounds"),
        (Issue(message="m", path="parameters"), "search space"),
        (Issue(message="m", path="parametersets"), "parametersets"),
        (Issue(message="m", pointer="/shots"), "shots"),
        (Issue(message="m", pointer="/other/0"), "/other/0"),
        (Issue(message="m"), None),
    ],
)
def test_problems_are_in_the_callers_own_words(issue: Issue, field: str | None) -> None:
    """A field is named as the caller knows it, by the nearest name that was given."""
    failure = Failure(kind=Kind.UNPROCESSABLE, message="x", issues=(issue,))
    (trouble,) = explain(FailwellError(failure), fields=FIELDS).issues
    assert trouble.field == field
    assert str(trouble) == (f"{field}: m" if field else "m")


def test_problems_are_read_from_the_answer() -> None:
    """An answer's own details are told under the caller's names."""
    error = raised(422, "bad_shots", details=[{"path": "parameters", "message": "too many"}])
    assert "search space: too many" in str(explain(error, fields=FIELDS))


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("outcome", [None, *Outcome])
def test_every_failure_is_explained(kind: Kind, outcome: Outcome | None) -> None:
    """No kind and no outcome leaves a question open; machines get plain JSON."""
    told = explain(BY_KIND[kind](Failure(kind=kind, message="x", outcome=outcome)))
    assert all((told.happened, told.effect, told.charge, told.when, told.advice))
    assert json.loads(msgspec.json.encode(told)) == json.loads(json.dumps(told.to_dict()))
    assert str(told)


def test_a_group_is_told_by_its_causes() -> None:
    """The same failure ten times is one cause; the most frequent cause comes first."""
    many = [raised(400, "busy") for _ in range(3)]
    group = ExceptionGroup("batch", [raised(422, "bad_shots"), ExceptionGroup("inner", many)])
    told = explain(group)
    assert [(cause.code, cause.times) for cause in told.causes] == [("busy", 3), ("bad_shots", 1)]
    assert told.happened == "batch: 4 failed, of 2 causes."
    assert told.outcome is Outcome.NOT_STARTED
    assert told.retry == "no"
    assert "3 × What happened  Lab answered busy (400): No" in str(told)


def test_a_group_of_one_cause_speaks_for_it() -> None:
    """Where all failed in one way, the group's own answers are those of that way."""
    told = explain(ExceptionGroup("batch", [raised(400, "busy"), raised(400, "busy")]))
    assert told.retry == "yes"
    assert told.advice == "Come back after the calibration."
    assert told.effect.startswith("It did not take effect")


def test_one_that_may_have_happened_is_settled_first() -> None:
    """A single unknown outcome in a group makes settling the first thing to do."""
    group = ExceptionGroup("batch", [raised(400, "busy"), raised(500, "unheard_of")])
    assert (explain(group).retry, explain(group).outcome) == ("settle", None)


def test_a_rollback_lists_what_is_left() -> None:
    """What could not be undone is there as a to-do list."""
    todo = [Todo(step="create part", outcome=Outcome.APPLIED, why="no answer")]
    told = explain(RollbackError.of(raised(422, "bad_shots"), todo))
    assert len(told.todo) == 1
    assert "create part was done" in told.todo[0]
    assert "To do by hand" in str(told)


def test_others_exceptions_in_a_group() -> None:
    """What is no API's failure is told as what it is, without the secrets in its URLs."""
    told = explain(ExceptionGroup("x", [ValueError("see https://me:pw-1234@a.b/")]))
    (cause,) = told.causes
    assert cause.happened == "ValueError: see https://a.b/"
    assert cause.kind is None


def test_a_plain_exception_is_told_as_what_it_is() -> None:
    """It has no facts, and the explanation says so; what is no exception is refused."""
    told = explain(ValueError("x"))
    assert (told.happened, told.retry, told.kind) == ("ValueError: x", "no", None)
    with pytest.raises(TypeError, match="reads exceptions, not str"):
        explain("x")  # type: ignore[arg-type]


class SDKError(Exception):
    """What an SDK makes of a failure; it may carry the answer."""

    def __init__(self, response: Any = None) -> None:
        super().__init__("it failed")
        self.response = response


def caused(cause: Exception, error: Exception, *, is_named: bool) -> Exception:
    """The error, raised from the cause, or only while that was handled."""
    try:
        try:
            raise cause
        except Exception as first:
            if is_named:
                raise error from first
            raise error  # noqa: B904
    except Exception as second:
        return second


@pytest.mark.parametrize("is_named", [True, False])
def test_an_sdks_own_exception_is_explained_by_what_led_to_it(is_named: bool) -> None:
    """As its cause, or as the failure during whose handling the SDK raised its own."""
    known = raised(422, "bad_shots")
    assert explain(caused(known, SDKError(), is_named=is_named)) == explain(known)


def test_an_sdks_own_exception_is_explained_by_the_answer_that_it_carries() -> None:
    """The account that failwell's adapters put on it, for httpx and for requests."""
    known = raised(422, "bad_shots")
    account = Account(error=known)
    over_httpx = SimpleNamespace(extensions={"failwell": account})
    over_requests = SimpleNamespace(failwell=account)
    assert explain(SDKError(over_httpx)) == explain(SDKError(over_requests)) == explain(known)
    assert explain(SDKError(SimpleNamespace())).kind is None


def test_a_mistake_in_a_handler_is_not_taken_for_the_failure_that_it_handled() -> None:
    """A `KeyError` on the way is the program's own, unless it was raised from the failure."""
    known = raised(422, "bad_shots")
    assert explain(caused(known, KeyError("x"), is_named=False)).kind is None
    assert explain(caused(known, KeyError("x"), is_named=True)) == explain(known)


def test_what_happened_where_no_answer_is_told_of() -> None:
    """A connection that broke gave no whole answer; a job that failed did answer, and so did we."""
    lost = Failure(kind=Kind.CONNECTION, message="reset", api="lab")
    failed = Failure(kind=Kind.INTERNAL, message="Job 7 failed: no light", api="lab")
    assert explain(failwell.APIConnectionError(lost)).happened == "Lab gave no whole answer: reset"
    assert explain(failwell.JobFailedError(failed)).happened == "Lab: Job 7 failed: no light"
