"""The exceptions: what each carries, how it travels, and what it never tells."""

from __future__ import annotations

import copy
import inspect
import pickle
import traceback
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import get_context

import pytest

import failwell
from failwell import errors
from failwell.errors import BY_KIND, FailwellError, InvalidRequestError
from failwell.flows.call import call
from failwell.flows.terms import Terms
from failwell.model import Attempt, Failure, Issue, Kind, Outcome, Sent
from failwell.testing import Clock, Script, answer, play
from samples import OWN, fail_in_a_worker, late, lost, own, post

CLASSES = [
    cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, FailwellError)
]
TREE = {
    "InvalidRequestError": (FailwellError, ValueError),
    "APIConnectionError": (FailwellError,),
    "APITimeoutError": (errors.APIConnectionError,),
    "DeadlineExceededError": (errors.APITimeoutError,),
    "APIError": (FailwellError,),
    "BadRequestError": (errors.APIError,),
    "AuthenticationError": (errors.APIError,),
    "PermissionDeniedError": (errors.APIError,),
    "NotFoundError": (errors.APIError,),
    "ConflictError": (errors.APIError,),
    "GoneError": (errors.APIError,),
    "PayloadTooLargeError": (errors.APIError,),
    "UnprocessableError": (errors.APIError,),
    "RateLimitError": (errors.APIError,),
    "ServerError": (errors.APIError,),
    "ServiceUnavailableError": (errors.ServerError,),
    "BadResponseError": (FailwellError,),
    "CircuitOpenError": (FailwellError,),
    "RunError": (FailwellError,),
    "JobError": (FailwellError,),
    "JobFailedError": (errors.JobError,),
    "JobTimeoutError": (errors.JobError,),
    "FailwellError": (Exception,),
}
FAILURE = Failure(
    kind=Kind.RATE_LIMITED,
    message="Not so fast",
    status=429,
    code="slow_down",
    details_json=b'{"limit": 3}',
    issues=(Issue(message="too many", path="jobs", pointer="/jobs", code="c", value=4),),
    request_id="req-1",
    retry_after=2.5,
    timestamp="2024-01-15T10:30:00Z",
    outcome=Outcome.UNKNOWN,
    api="Own",
    method="POST",
    url="https://api.example.org/v1/jobs",
    body=b'{"error": {"code": "slow_down"}}',
)
ATTEMPTS = (
    Attempt(number=1, method="POST", url="https://a.b/c", at=5.0, elapsed=0.25,
            fault="ReadError", outcome=Outcome.UNKNOWN, wait=1.0),
    Attempt(number=2, method="POST", url="https://a.b/c", at=6.25, elapsed=0.5,
            status=429, outcome=Outcome.NOT_STARTED, request_id="req-1"),
)  # fmt: skip
SENT = Sent(method="POST", url="https://a.b/c", at=5.0, key="k", body=b"{}")
EACH = pytest.mark.parametrize("cls", CLASSES)
COPIED = pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy]
    + [lambda e, p=p: pickle.loads(pickle.dumps(e, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)],
)


def test_the_tree_is_the_one_that_is_drawn() -> None:
    """Each class derives from just those that the drawing above the module shows."""
    assert {cls.__name__: cls.__bases__ for cls in CLASSES} == TREE
    assert sorted(errors.__all__) == sorted([*TREE, "RollbackError"])


def test_each_kind_has_a_class() -> None:
    """No kind of failure is without an exception."""
    assert set(BY_KIND) == set(Kind)


@EACH
def test_every_error_carries_the_facts(cls: type[FailwellError]) -> None:
    """Each attribute of the design is there, on every class, and says what the failure says."""
    error = cls(FAILURE, ATTEMPTS, SENT)
    assert error.failure is FAILURE
    assert error.status_code == 429
    assert error.code == "slow_down"
    assert error.message == "Not so fast"
    assert error.kind is Kind.RATE_LIMITED
    assert error.outcome is Outcome.UNKNOWN
    assert error.details == {"limit": 3}
    assert error.issues == FAILURE.issues
    assert error.errors == [
        {"message": "too many", "path": "jobs", "pointer": "/jobs", "code": "c", "value": 4}
    ]
    assert error.data == {"error": {"code": "slow_down"}}
    assert error.body == '{"error": {"code": "slow_down"}}'
    assert error.request_id == "req-1"
    assert error.retry_after == 2.5
    assert error.timestamp == "2024-01-15T10:30:00Z"
    assert error.attempts == ATTEMPTS
    assert error.sent == SENT
    assert "client.settle(error)" in error.advice


@EACH
def test_its_text_is_the_message(cls: type[FailwellError]) -> None:
    """`str` is the human sentence and nothing else; `repr` shows class and facts."""
    error = cls(FAILURE)
    assert str(error) == "Not so fast"
    assert error.args == ("Not so fast",)
    assert repr(error) == (
        f"{cls.__name__}('Not so fast', status=429, code='slow_down', "
        "outcome='unknown', request_id='req-1')"
    )


@EACH
def test_a_bare_error_has_empty_facts(cls: type[FailwellError]) -> None:
    """Where nothing is known, the attributes are None or empty, and none raises."""
    error = cls(Failure(kind=Kind.CONNECTION, message="gone"))
    nothing = [error.status_code, error.code, error.outcome, error.details, error.data]
    nothing += [error.request_id, error.retry_after, error.timestamp, error.sent]
    assert nothing == [None] * 9
    assert (error.issues, error.errors, error.attempts, error.body) == ((), [], (), "")
    assert error.advice
    assert error.__notes__ == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 99_999])
def test_a_body_that_is_no_json_is_none_as_data(body: bytes) -> None:
    """`data` never raises, and `body` is text whatever the bytes."""
    error = FailwellError(Failure(kind=Kind.INTERNAL, message="x", body=body))
    assert error.data is None
    assert isinstance(error.body, str)


@COPIED
@EACH
def test_it_travels(cls: type[FailwellError], copied) -> None:
    """Pickled, copied or deep-copied it is the same: class, facts, history, notes and cause."""
    error = cls(FAILURE, ATTEMPTS, SENT)
    error.__cause__ = ConnectionResetError(104, "reset")
    error.add_note("seen in run 7")
    other = copied(error)
    assert other is not error
    assert other == error
    assert type(other) is cls
    assert (other.failure, other.attempts, other.sent) == (FAILURE, ATTEMPTS, SENT)
    assert (str(other), other.args, repr(other)) == (str(error), error.args, repr(error))
    assert other.__notes__ == error.__notes__
    assert other.__notes__[1:] == ["seen in run 7"]
    assert repr(other.__cause__) == repr(error.__cause__)
    assert hash(other) == hash(error)


@COPIED
@pytest.mark.parametrize("looked_at", [True, False])
@pytest.mark.parametrize("noted", [True, False])
@pytest.mark.parametrize("attempts", [ATTEMPTS, ()])
def test_notes_travel_once(
    copied, looked_at: bool, noted: bool, attempts: tuple[Attempt, ...]
) -> None:
    """Looked at before or not, with a story or without: no note is lost, doubled or made up."""
    error = FailwellError(FAILURE, attempts)
    if looked_at:
        assert len(error.__notes__) == bool(attempts)
    if noted:
        error.add_note("mine")
    other = copied(copied(error))
    assert other.__notes__ == error.__notes__
    assert len(other.__notes__) == bool(attempts) + noted


def test_it_travels_with_a_cause_that_cannot() -> None:
    """A cause that does not survive pickling is replaced by its words, so that the error does."""

    class FussyError(Exception):
        def __init__(self, *, one: str, two: str) -> None:
            super().__init__(f"{one} {two}")

    error = FailwellError(FAILURE, ATTEMPTS)
    error.__cause__ = FussyError(one="not", two="today")
    other = pickle.loads(pickle.dumps(error))
    assert other == error
    assert "FussyError: not today" in str(other.__cause__)


def test_what_differs_is_not_equal() -> None:
    """Another class, fact or history is another error; anything else is never equal."""
    error = errors.RateLimitError(FAILURE, ATTEMPTS)
    assert error != errors.APIError(FAILURE, ATTEMPTS)
    assert error != errors.RateLimitError(FAILURE, ATTEMPTS[:1])
    assert error != errors.RateLimitError(Failure(kind=Kind.CONFLICT, message="x"), ATTEMPTS)
    assert error != "Not so fast"


def test_the_traceback_tells_the_story() -> None:
    """A few lines under the traceback: each attempt, the outcome, the request id, what to do."""
    told = "".join(traceback.format_exception(errors.RateLimitError(FAILURE, ATTEMPTS)))
    assert told.splitlines() == [
        "failwell.errors.RateLimitError: Not so fast",
        "POST https://a.b/c",
        "  attempt 1: ReadError after 0.25 s, then waited 1.00 s",
        "  attempt 2: status 429 after 0.50 s",
        "  outcome: unknown (it may or may not have taken effect)",
        "  request id: req-1",
        "  It may have taken effect: do not send it again blindly. "
        "Call client.settle(error), or look for the record yourself.",
    ]


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"outcome": Outcome.UNKNOWN}, "do not send it again blindly"),
        ({"outcome": Outcome.APPLIED}, "It took effect: do not send it again"),
        ({"outcome": Outcome.PARTIALLY_APPLIED}, "Part of it took effect"),
        ({"outcome": Outcome.NOT_STARTED, "retry_after": 7.0}, "Come back in 7 seconds."),
        ({"outcome": Outcome.NOT_STARTED}, "Wait, then send fewer"),
        ({"outcome": Outcome.UNKNOWN, "advice": "Ask Ada."}, "Ask Ada."),
    ],
)
def test_the_advice_fits_the_outcome(facts: dict[str, object], says: str) -> None:
    """What to do follows from what is known of the write; the API's own advice comes first."""
    error = FailwellError(Failure(kind=Kind.RATE_LIMITED, message="x", **facts))
    assert says in error.advice


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_advice(kind: Kind) -> None:
    """No failure leaves its reader without a word on what to do."""
    assert FailwellError(Failure(kind=kind, message="x")).advice.endswith(".")


def test_a_refusal_before_sending_is_a_value_error_too() -> None:
    """`InvalidRequestError.of` says what is wrong, and that nothing was done."""
    error = InvalidRequestError.of("the key is empty")
    assert isinstance(error, ValueError)
    assert (str(error), error.outcome) == ("the key is empty", Outcome.NOT_STARTED)
    assert error.advice == "Correct the call; nothing was sent."
    assert pickle.loads(pickle.dumps(error)) == error


def test_it_comes_back_from_a_process_pool() -> None:
    """An error that is raised in a worker is raised here, whole, and can be settled here."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        done = pool.submit(fail_in_a_worker, ATTEMPTS, SENT)
        with pytest.raises(errors.APIConnectionError, match="no answer") as caught:
            done.result(timeout=30)
    assert caught.value.attempts == ATTEMPTS
    assert caught.value.sent == SENT
    assert "attempt 2" in caught.value.__notes__[0]


def test_it_passes_through_context_managers() -> None:
    """A generator-made context manager and an exit stack let the same object through."""
    error = errors.ConflictError(FAILURE, ATTEMPTS)

    @contextmanager
    def passing():
        yield

    def raise_inside() -> None:
        with ExitStack() as stack, passing():
            stack.enter_context(passing())
            raise error

    with pytest.raises(errors.ConflictError) as caught:
        raise_inside()
    assert caught.value is error


def test_it_lives_in_a_group() -> None:
    """An `except*` picks it by class, splits the group and keeps the story."""
    group = ExceptionGroup("both", [errors.GoneError(FAILURE, ATTEMPTS), ValueError("x")])
    gone, rest = group.split(errors.APIError)
    assert [type(error) for error in (*gone.exceptions, *rest.exceptions)] == [
        errors.GoneError,
        ValueError,
    ]
    assert "attempt 2: status 429" in "".join(traceback.format_exception(group))
    copied = pickle.loads(pickle.dumps(group))
    assert copied.exceptions[0] == group.exceptions[0]


def test_every_error_is_public() -> None:
    """Whatever may be raised can be caught by its name in `failwell`."""
    assert all(getattr(failwell, cls.__name__) is cls for cls in CLASSES)


SECRET = "s3cr3t-Value/x=9"
CARRIERS = {
    "bearer": {"headers": {"Authorization": f"Bearer {SECRET}"}},
    "basic": {"headers": {"Authorization": "Basic bWU6czNjcjN0LVZhbHVlL3g9OQ=="}},
    "api key": {"headers": {"X-API-Key": SECRET}},
    "cookie": {"headers": {"Cookie": f"sid={SECRET}; theme=dark"}},
    "query": {"url": "https://api.example.org/v1/jobs?api_key=s3cr3t-Value%2Fx%3D9&a=1"},
    "user info": {"url": "https://me:s3cr3t-Value%2Fx%3D9@api.example.org/v1/jobs"},
    "body": {"body": b'{"user": "me", "password": "s3cr3t-Value/x=9"}'},
    "form": {"body": b"user=me&password=s3cr3t-Value%2Fx%3D9"},
}
ENDINGS = {
    "echoed": own(400, "bad_input", f"You sent {SECRET}, did you?"),
    "echoed in details": answer(
        422, {"error": {"code": "engine", "message": "no", "details": [{"value": SECRET}]}}
    ),
    "a page": answer(502, f"<h1>{SECRET}</h1>", content_type="text/html"),
    "no JSON": answer(200, f"<h1>{SECRET}</h1>", content_type="text/html"),
    "cut": answer(201, f'{{"id": "{SECRET}', content_type="application/json"),
    "request id": answer(500, "", x_request_id=SECRET),
    "transport": lost(message=f"https://me:{SECRET}@h/?token={SECRET} refused {SECRET}"),
    "timeout": late(message=f"waiting for {SECRET}"),
}


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_no_planted_secret_is_anywhere_in_it(carrier, ending) -> None:
    """Not in text, repr, args, attributes, notes, traceback, events or the bytes of a pickle."""
    clock = Clock()
    terms = Terms(contract=OWN, retry=None, roll=lambda: 0.5)
    played = play(call(post(**carrier), terms, clock()), Script(ending), clock)
    error = played.error
    assert isinstance(error, FailwellError)
    shown = [str(error), repr(error), repr(error.args), repr(error.__dict__), *error.__notes__]
    shown += traceback.format_exception(error)
    shown += [repr(getattr(error, name)) for name in dir(error) if not name.startswith("__")]
    shown += [repr(played.events)]
    with suppress(UnicodeDecodeError):
        shown.append(repr(error.sent and error.sent.body))
    bytes_kept = pickle.dumps(error)
    assert "s3cr3t" not in "\n".join(shown)
    assert b"s3cr3t" not in bytes_kept
    assert b"czNjcjN0LVZhbHVl" not in bytes_kept


def test_its_arguments_are_its_message() -> None:
    """As of every exception of Python; and whoever puts others in their place is obeyed."""
    error = errors.BadRequestError(Failure(kind=Kind.BAD_REQUEST, message="no"))
    assert error.args == ("no",)
    error.args = ("no, and no",)
    assert (str(error), error.args, error.message) == ("no, and no", ("no, and no",), "no")
