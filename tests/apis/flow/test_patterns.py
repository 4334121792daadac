"""The ten patterns of Flow's guide: ours, and, where the guide is at hand, its own code, in the
same scenarios against the sandbox. What the guide does oddly, ours does too."""

from __future__ import annotations

import inspect
import json
import logging
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import failwell
from apis.flow.conftest import ONCE, World, served
from apis.flow.guide import SEED, guide
from failwell.apis.flow import FLOW, Client, exceptions, patterns
from failwell.model import Failure, Kind, Outcome

WORLDS = ["ours", "guide"] if SEED.exists() else ["ours"]
REQUIRED: Any = inspect.Parameter.empty


@pytest.fixture(params=WORLDS)
def told(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The patterns by their names: this package's, or the guide's own code."""
    if request.param == "ours":
        return patterns
    return SimpleNamespace(**guide("retry", "rest", "idempotent", "limits", "recovery",
                                   "transaction", "logging", "friendly", "breaker", "context",
                                   usage=False))  # fmt: skip


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that somebody would have slept."""
    log: list[float] = []
    monkeypatch.setattr(time, "sleep", log.append)
    return log


@pytest.fixture
def client(flow: Any) -> Iterator[Client]:
    """A client of Alice's that does nothing by itself."""
    with Client(
        flow.base, policy=failwell.Policy(retry=None, breaker=None), trust_env=False
    ) as made:
        made.login(**flow.users["alice"])
        yield made


def failing(*errors: Exception) -> Any:
    """A function that raises these one after another, and then returns "done"."""
    left = list(errors)

    def function() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return function


def limited(retry_after: float | None = None) -> Exception:
    return FLOW.fail("RATE_LIMITED", retry_after=retry_after)


def down() -> Exception:
    return FLOW.fail("SERVER_ERROR", 503, outcome=Outcome.NOT_STARTED)


def unplugged() -> Exception:
    return FLOW.error(Failure(kind=Kind.CONNECTION, message="refused"))


# --- Names and arguments -------------------------------------------------------------------------

ARGUMENTS = {
    "exponential_backoff_retry": {"func": REQUIRED, "max_retries": 5, "initial_delay": 1},
    "make_idempotent_request": {"operation": REQUIRED, "idempotency_key": None},
    "make_api_request": {"endpoint": REQUIRED, "method": "GET", "data": None},
    "RateLimitHandler": {},
    "ResilientClient": {"base_client": REQUIRED},
    "TransactionalOperation": {"client": REQUIRED},
    "StructuredErrorLogger": {"name": REQUIRED},
    "user_friendly_error": {"error": REQUIRED},
    "CircuitBreaker": {"failure_threshold": 5, "recovery_timeout": 60},
    "log_error_context": {"error": REQUIRED, "operation": REQUIRED},
}
METHODS = {
    "RateLimitHandler": {
        "update_from_headers": {"headers": REQUIRED},
        "should_throttle": {"threshold": 0.1},
        "get_delay": {},
    },
    "ResilientClient": {"get_sample_with_recovery": {"sample_id": REQUIRED}},
    "TransactionalOperation": {
        "add_operation": {"operation": REQUIRED, "rollback": REQUIRED},
        "execute": {},
    },
    "StructuredErrorLogger": {
        "log_api_error": {"error": REQUIRED, "context": None},
        "send_to_monitoring": {"error_data": REQUIRED},
    },
    "CircuitBreaker": {"call": {"func": REQUIRED}},
}
ATTRIBUTES = {
    "RateLimitHandler": {"limit": None, "remaining": None, "reset_time": None},
    "ResilientClient": {"client": "given", "error_counts": {}},
    "TransactionalOperation": {"client": "given", "operations": [], "rollback_actions": []},
    "CircuitBreaker": {
        "failure_threshold": 5,
        "recovery_timeout": 60,
        "failure_count": 0,
        "last_failure_time": None,
        "state": "CLOSED",
    },
}


def taken(function: Any) -> dict[str, Any]:
    """What can be given by position, with its defaults."""
    found = inspect.signature(function).parameters.values()
    return {each.name: each.default for each in found if each.kind is each.POSITIONAL_OR_KEYWORD}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_each_pattern_takes_what_the_guides_takes(told: Any, name: str) -> None:
    """By the same names, in the same order, with the same defaults; so do its methods."""
    pattern = getattr(told, name)
    assert list(taken(pattern).items()) == list(ARGUMENTS[name].items())
    for method, arguments in METHODS.get(name, {}).items():
        expected = list({"self": REQUIRED, **arguments}.items())
        assert list(taken(getattr(pattern, method)).items()) == expected


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_each_pattern_begins_as_the_guides_does(told: Any, name: str) -> None:
    """Its attributes, before anything was done with it."""
    given = ["given"] if REQUIRED in ARGUMENTS[name].values() else []
    pattern = getattr(told, name)(*given)
    assert {each: getattr(pattern, each) for each in ATTRIBUTES[name]} == ATTRIBUTES[name]


# --- exponential_backoff_retry -------------------------------------------------------------------


def test_it_waits_as_the_server_says_or_doubles(told: Any, slept: list[float]) -> None:
    """429: `retry_after` to the second, or the doubled delay without jitter; then the result."""
    errors = (limited(7), limited(), limited(0.0))
    assert told.exponential_backoff_retry(failing(*errors)) == "done"
    assert slept == [7, 2, 4]


def test_it_waits_up_to_a_tenth_more_for_a_server(told: Any, slept: list[float]) -> None:
    """5xx and lost connections, Python's own included."""
    errors = (down(), unplugged(), ConnectionResetError())
    assert told.exponential_backoff_retry(failing(*errors), initial_delay=2) == "done"
    assert [full <= wait <= full * 1.1 for full, wait in zip((2, 4, 8), slept, strict=True)] == [
        True
    ] * 3


def test_after_the_last_attempt(told: Any, slept: list[float]) -> None:
    """A server's own error is raised again; after a 429 there is one that counts the attempts."""
    with pytest.raises(exceptions.ServiceUnavailableError):
        told.exponential_backoff_retry(failing(*[down()] * 9), max_retries=3)
    with pytest.raises(Exception, match="Failed after 2 attempts") as caught:
        told.exponential_backoff_retry(failing(*[limited(1)] * 9), max_retries=2)
    assert not isinstance(caught.value, failwell.RateLimitError)
    with pytest.raises(Exception, match="Failed after 0 attempts"):
        told.exponential_backoff_retry(failing(), max_retries=0)


def test_anything_else_passes_straight_through(told: Any, slept: list[float]) -> None:
    """Once called, no sleep."""
    for error in (FLOW.fail("NOT_FOUND"), ValueError("mine")):
        with pytest.raises(type(error)):
            told.exponential_backoff_retry(failing(error))
    assert slept == []


def test_ours_sleeps_no_more_after_the_last_429(slept: list[float]) -> None:
    """The guide's sleeps once more, for nothing."""
    with pytest.raises(exceptions.FlowError) as caught:
        patterns.exponential_backoff_retry(failing(*[limited(5)] * 9), max_retries=3)
    assert slept == [5, 5]
    assert isinstance(caught.value.__cause__, failwell.RateLimitError)
    assert caught.value.retry_after == 5


def test_ours_does_not_repeat_what_may_have_been_done(slept: list[float]) -> None:
    """A write whose answer was lost is raised at once."""
    lost = FLOW.error(Failure(kind=Kind.CONNECTION, message="lost", outcome=Outcome.UNKNOWN))
    with pytest.raises(exceptions.FlowConnectionError):
        patterns.exponential_backoff_retry(failing(lost))
    assert slept == []


# --- make_idempotent_request and make_api_request ------------------------------------------------


def test_one_key_makes_one_sample(flow: Any, world: World) -> None:
    """The second request with the key gets the first one's `result`."""
    client, before = world.as_user(policy=ONCE), flow.created["samples"]
    key = f"key of {type(client).__name__}".replace(" ", "-")
    body = {"name": "Idempotent", "organism": "human"}
    made = world(patterns.make_idempotent_request, body, key, client=client)
    again = world(patterns.make_idempotent_request, body, key, client=client)
    assert made == again
    assert made["name"] == "Idempotent"
    world(patterns.make_idempotent_request, body, client=client)
    assert flow.created["samples"] == before + 2
    with pytest.raises(exceptions.ConflictError):
        world(patterns.make_idempotent_request, {**body, "name": "Other"}, key, client=client)


class Told(patterns.Hooks):
    """Hooks that write down what they are told."""

    def __init__(self) -> None:
        self.log: list[tuple[str, Any]] = []

    def handle_auth_error(self, error_data: Any) -> None:
        self.log.append(("auth", error_data["code"]))

    def handle_permission_error(self, error_data: Any) -> None:
        self.log.append(("permission", error_data["details"]["required_permission"]))

    def handle_not_found_error(self, error_data: Any) -> None:
        self.log.append(("not found", error_data["details"]["resource_id"]))

    def handle_rate_limit(self, headers: Any) -> None:
        self.log.append(("limit", (headers["X-RateLimit-Limit"], int(headers["Retry-After"]) > 0)))

    def report(self, message: str) -> None:
        self.log.append(("report", message))


def test_a_request_and_its_hooks(flow: Any, world: World) -> None:
    """The body with its headers; None and a hook for each kind of failure."""
    alice, hooks = world.as_user(policy=failwell.Policy(retry=None, breaker=None)), Told()

    def ask(endpoint: str, *more: Any, client: Any = alice) -> Any:
        return world(patterns.make_api_request, endpoint, *more, client=client, hooks=hooks)

    page = ask("/samples")
    assert page["samples"][0]["name"]
    assert int(page.headers["X-RateLimit-Remaining"]) > 0
    assert [one["id"] for one in ask("/organisms")][:1] == ["Hs"]
    made = ask("/samples/create", "POST", {"name": "By request", "organism": "Hs"})
    assert ask(f"/samples/{made['id']}", "DELETE") == {}
    assert hooks.log == []
    assert ask("/samples/99999") is None
    assert ask("/samples/1", client=world.as_user("bob")) is None
    assert ask("/me", client=world.client()) is None
    assert ask("/samples", "PUT") is None
    with flow.limited(requests_per_hour=1):
        assert ask("/me") is None
    assert [name for name, _ in hooks.log] == ["not found", "permission", "auth", "report", "limit"]
    assert hooks.log[:3] == [
        ("not found", 99999),
        ("permission", "read"),
        ("auth", "UNAUTHENTICATED"),
    ]
    assert hooks.log[-1] == ("limit", ("1", True))


def test_a_request_without_a_network(
    flow: Any, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """No connection and no answer in time are two sentences, printed where no hook is given."""
    nowhere = world.client("http://127.0.0.1:9", policy=ONCE)
    assert world(patterns.make_api_request, "/samples", client=nowhere) is None
    slow = world.client(policy=failwell.Policy(retry=None, deadline=0.2, breaker=None))
    fault = {"fault": "delay", "seconds": 2, "times": 1}
    flow.control("PUT", "/sandbox/flow/faults", json=[fault])
    assert world(patterns.make_api_request, "/samples", client=slow) is None
    assert capsys.readouterr().out.splitlines() == [
        "Connection error. Check your network.",
        "Request timed out. Try again.",
    ]


def test_the_environment_makes_a_client(flow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none is given."""
    monkeypatch.setenv("FLOW_API_URL", flow.base)
    monkeypatch.setenv("FLOW_API_TOKEN", flow.tokens["bob"])
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    body = patterns.make_api_request("/me")
    assert isinstance(body, dict)
    assert body["username"] == "bob"


# --- RateLimitHandler ----------------------------------------------------------------------------


def fields(remaining: int, reset: float = 3600) -> dict[str, str]:
    at = str(int(time.time() + reset))
    return {
        "X-RateLimit-Limit": "1000",
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": at,
    }


@pytest.mark.parametrize(("left", "throttles"), [(100, False), (99, True), (1, True), (0, False)])
def test_when_it_throttles(told: Any, left: int, throttles: bool) -> None:
    """Below a tenth, and oddly not when nothing is left."""
    handler = told.RateLimitHandler()
    handler.update_from_headers(fields(left))
    assert (handler.limit, handler.remaining) == (1000, left)
    assert handler.should_throttle() is throttles
    assert handler.should_throttle(threshold=1) is (left > 0)


def test_how_long_it_waits(told: Any) -> None:
    """What is left of the hour, spread; all of it where nothing is left; nearly a day, oddly, for
    a reset that is over; nothing where nothing is known."""
    handler = told.RateLimitHandler()
    assert (handler.should_throttle(), handler.get_delay()) == (False, 0)
    handler.update_from_headers(fields(100))
    assert 35 <= handler.get_delay() <= 36
    handler.update_from_headers(fields(0))
    assert 3590 <= handler.get_delay() <= 3600
    handler.update_from_headers(fields(0, reset=-100))
    assert 86000 <= handler.get_delay() < 86400
    handler.update_from_headers({})
    assert (handler.limit, handler.remaining) == (0, 0)


def test_it_reads_what_flow_says(told: Any, client: Client) -> None:
    """From the answers of a client, too."""
    handler = told.RateLimitHandler()
    handler.update_from_headers(client.request("GET", "me").headers)
    assert handler.limit == 1_000_000
    assert 0 < handler.get_delay() < 3600


# --- ResilientClient -----------------------------------------------------------------------------


class Base:
    """A client whose `get_sample` fails as it is told."""

    def __init__(self, *errors: Exception, found: Any = ()) -> None:
        self._get = failing(*errors)
        self._found = list(found)
        self.asked: list[str] = []

    def get_sample(self, sample_id: int) -> Any:
        return self._get()

    def search_samples(self, filter: str) -> Any:
        self.asked.append(filter)
        return self._found

    def get_projects(self) -> Any:
        return [SimpleNamespace(get_samples=lambda: self._found)]


def test_it_looks_elsewhere(told: Any, slept: list[float]) -> None:
    """404: the search; 403: the projects; neither: the first error."""
    mine = SimpleNamespace(id=7)
    base = Base(FLOW.fail("NOT_FOUND"), found=[mine])
    assert told.ResilientClient(base).get_sample_with_recovery(7) is mine
    assert base.asked == ["id:7"]
    other = SimpleNamespace(id=8)
    base = Base(FLOW.fail("FORBIDDEN"), found=[other, mine])
    assert told.ResilientClient(base).get_sample_with_recovery(7) is mine
    for code in ("NOT_FOUND", "FORBIDDEN"):
        with pytest.raises(exceptions.FlowError) as caught:
            told.ResilientClient(Base(FLOW.fail(code))).get_sample_with_recovery(7)
        assert caught.value.code == code


def test_it_gives_a_server_five_chances(told: Any, slept: list[float]) -> None:
    """2, 4, 8, 16, 32 seconds, then no more; the count is never set back."""
    resilient = told.ResilientClient(Base(*[down()] * 6))
    assert resilient.client is not None
    with pytest.raises(Exception, match=r"Too many server errors\. Service may be down\."):
        resilient.get_sample_with_recovery(1)
    assert (slept, resilient.error_counts) == ([2, 4, 8, 16, 32], {"server": 6})
    assert resilient.get_sample_with_recovery(1) == "done"


def test_it_recovers_in_both_worlds(flow: Any, world: World) -> None:
    """Over a real client: what Carol may not read herself she finds in a public project."""
    alice, carol = world.as_user(), world.as_user("carol")
    project = world(alice.create_project, name=f"Open {type(alice).__name__}", is_public=True)
    sample = world(alice.create_sample, name="Seen", organism="Hs", project=project)
    resilient = patterns.ResilientClient(carol)
    assert world(resilient.get_sample_with_recovery, sample.id).id == sample.id
    hidden = world(alice.create_sample, name="Hidden", organism="Hs")
    with pytest.raises(exceptions.PermissionError):
        world(resilient.get_sample_with_recovery, hidden.id)
    with pytest.raises(exceptions.NotFoundError):
        world(resilient.get_sample_with_recovery, 99999)


# --- TransactionalOperation ----------------------------------------------------------------------


def test_a_transaction_that_fails_leaves_nothing(told: Any, flow: Any, client: Client) -> None:
    """Results with their numbers; on a failure the last one done is undone first."""
    kept, undone = list[Any](), list[str]()
    before = flow.call("GET", "/samples").json()["count"]

    def create_sample() -> Any:
        kept.append(client.create_sample(name="Test Sample", organism="human"))
        return kept[-1]

    def delete_sample() -> None:
        undone.append("sample")
        kept.pop().delete()

    transaction = told.TransactionalOperation(client)
    transaction.add_operation(create_sample, delete_sample)
    transaction.add_operation(lambda: "second", lambda: undone.append("second"))
    transaction.add_operation(lambda: client.get_sample(99999), lambda: undone.append("never"))
    with pytest.raises(exceptions.NotFoundError):
        transaction.execute()
    assert undone == ["second", "sample"]
    assert flow.call("GET", "/samples").json()["count"] == before
    well = told.TransactionalOperation(client)
    well.add_operation(lambda: "a", lambda: None)
    well.add_operation(lambda: "b", lambda: None)
    assert well.execute() == [(0, "a"), (1, "b")]


def test_a_rollback_that_fails_stops_no_other(told: Any) -> None:
    """The first error is raised all the same."""
    undone: list[str] = []
    transaction = told.TransactionalOperation(None)
    transaction.add_operation(lambda: 1, lambda: undone.append("first"))
    transaction.add_operation(lambda: 2, failing(ValueError("stuck")))
    transaction.add_operation(failing(KeyError("third")), lambda: None)
    with pytest.raises(KeyError):
        transaction.execute()
    assert undone == ["first"]


# --- Logs and words ------------------------------------------------------------------------------


def test_a_line_of_json_for_an_error(
    told: Any, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Code, message, type, time, request id, details, context; "UNKNOWN" without a code."""
    logger, sent = told.StructuredErrorLogger(f"flow-api {told!r}"[:40]), list[Any]()
    logger.send_to_monitoring = sent.append
    with pytest.raises(exceptions.NotFoundError) as caught:
        client.get_sample(12345)
    context = {"operation": "get_sample", "sample_id": 12345, "user": client.current_user}
    with caplog.at_level(logging.INFO):
        logger.log_api_error(caught.value, context=context)
        logger.log_api_error(ValueError("mine"))
    first, second = [json.loads(record.message) for record in caplog.records]
    assert first["error_code"] == "NOT_FOUND"
    assert first["error_message"] == "Sample not found"
    assert first["error_type"] == "NotFoundError"
    assert first["request_id"] == caught.value.request_id
    assert first["details"] == {"resource_type": "sample", "resource_id": 12345}
    assert first["context"] == json.loads(json.dumps(context))
    assert set(second) == {"error_code", "error_message", "error_type", "timestamp"}
    assert second["error_code"] == "UNKNOWN"
    assert sent == [first, second]
    assert told.StructuredErrorLogger("x").send_to_monitoring({}) is None


def test_ours_logs_no_secrets_and_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """A second logger of the name adds no second handler."""
    names = [patterns.StructuredErrorLogger("flow-once") for _ in range(2)]
    assert len(names[0].logger.handlers) == 1
    names[1].log_api_error(ValueError("x"), {"password": "hunter2-hunter2"})
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("UNAUTHENTICATED", "Please log in to continue"),
        ("TOKEN_EXPIRED", "Your session has expired. Please log in again"),
        ("FORBIDDEN", "You don't have permission to access this resource"),
        ("NOT_FOUND", "The requested item could not be found"),
        ("VALIDATION_ERROR", "Please check your input and try again"),
        ("RATE_LIMITED", "Too many requests. Please wait a moment"),
        ("SERVER_ERROR", "Something went wrong on our end. Please try again later"),
        ("RESOURCE_LOCKED", "An unexpected error occurred"),
        (None, "An unexpected error occurred"),
    ],
)
def test_words_for_users(told: Any, code: str | None, text: str) -> None:
    """Each code of the guide's table, and all others."""
    assert told.user_friendly_error(SimpleNamespace(code=code)) == text


def test_words_for_users_of_what_has_no_code() -> None:
    """Any exception has words."""
    assert patterns.user_friendly_error(KeyError("x")) == "An unexpected error occurred"


def test_a_line_in_the_error_log(
    told: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """One line of JSON a call, with traceback and context; printed too while debugging."""
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        try:
            raise KeyError(number)
        except KeyError as error:
            told.log_error_context(error, "looking", sample_id=number)
    lines = [json.loads(line) for line in (tmp_path / "error_log.json").read_text().splitlines()]
    assert [line["context"] for line in lines] == [{"sample_id": 1}, {"sample_id": 2}]
    line = lines[0]
    assert (line["operation"], line["error_type"], line["error_message"]) == (
        "looking", "KeyError", "1"
    )  # fmt: skip
    assert "Traceback" in line["traceback"]
    assert line["timestamp"]
    assert capsys.readouterr().out == ""


def test_a_line_in_the_error_log_while_debugging(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """`patterns.DEBUG` prints it, without secrets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(patterns, "DEBUG", True)
    patterns.log_error_context(ValueError("x"), "op", token="hunter2-hunter2")
    out = capsys.readouterr().out
    assert json.loads(out)["operation"] == "op"
    assert "hunter2" not in out + (tmp_path / "error_log.json").read_text()


# --- CircuitBreaker ------------------------------------------------------------------------------


def test_a_breaker_opens_and_closes(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """CLOSED until the threshold, OPEN for the time-out, one trial: well closes, badly opens."""
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    more = {"clock": lambda: now[0]} if told is patterns else {}
    breaker = told.CircuitBreaker(failure_threshold=2, recovery_timeout=60, **more)
    assert (breaker.state, breaker.failure_count, breaker.last_failure_time) == ("CLOSED", 0, None)
    for count in (1, 2):
        with pytest.raises(ValueError, match="boom"):
            breaker.call(failing(ValueError("boom")))
        assert breaker.failure_count == count
    assert breaker.state == "OPEN"
    assert breaker.last_failure_time == 1000.0
    with pytest.raises(Exception, match="Circuit breaker is OPEN"):
        breaker.call(failing())
    now[0] += 60
    with pytest.raises(ValueError, match="again"):
        breaker.call(failing(ValueError("again")))
    assert breaker.state == "OPEN"
    now[0] += 60
    assert breaker.call(lambda a, b=0: a + b, 1, b=2) == 3
    assert (breaker.state, breaker.failure_count) == ("CLOSED", 0)


# --- Specific errors -----------------------------------------------------------------------------


class Handled(patterns.SpecificErrors):
    """Handlers that write down what they are told."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.log: list[Any] = []

    def request_access_from_owner(self, resource_id: int | None) -> str:
        self.log.append(resource_id)
        return "asked"

    def fix_validation_issues(self, errors: list[dict[str, Any]]) -> str:
        self.log.append(errors)
        return "fixed"

    def log_unexpected_error(self, error: Exception) -> None:
        self.log.append(type(error))


def test_each_kind_of_error_has_its_handler(flow: Any, world: World) -> None:
    """A fresh token and once more; the owner is asked; the fields are told; the rest is raised."""
    alice, bob = world.as_user(), world.as_user("bob")
    handled = Handled(bob)
    assert world(handled.call, bob.get_sample, 1) == "asked"
    assert world(handled.call, alice.create_sample, name="", organism="Hs") == "fixed"
    with pytest.raises(exceptions.NotFoundError):
        world(handled.call, alice.get_sample, 99999)
    issues = [{"field": "name", "message": "Name is required"}]
    assert handled.log == [1, issues, exceptions.NotFoundError]


def test_an_auth_error_gets_a_fresh_token_once() -> None:
    """Then the call is made again; a second one is raised."""
    refreshed: list[int] = []
    client = SimpleNamespace(refresh_token=lambda: refreshed.append(1))
    expired = FLOW.fail("TOKEN_EXPIRED")
    assert patterns.SpecificErrors(client).call(failing(expired)) == "done"
    with pytest.raises(exceptions.AuthenticationError):
        patterns.SpecificErrors(client).call(failing(expired, expired))
    assert refreshed == [1, 1]


def test_the_default_handlers_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Whom to ask, what to correct, what was not expected."""
    handled = patterns.SpecificErrors(client)
    handled.call(failing(FLOW.fail("FORBIDDEN", details={"resource_id": 5})))
    details = {"field": "name", "message": "Name is required"}
    handled.fix_validation_issues([details])
    with pytest.raises(KeyError):
        handled.call(failing(KeyError("x")))
    assert [record.getMessage() for record in caplog.records] == [
        "ask the owner of resource 5 for access",
        "correct name: Name is required",
        "unexpected error: KeyError('x')",
    ]


def test_async_functions_are_retried_too() -> None:
    """Awaited, with sleeps that are awaited."""
    import asyncio

    slept: list[float] = []
    again = failing(limited(3), down())

    async def function() -> str:
        return str(again())

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    done = patterns.exponential_backoff_retry(function, sleep=sleep, roll=lambda: 0.5)
    assert asyncio.run(done) == "done"  # type: ignore[arg-type]
    assert slept == [3, 2.1]


def test_nothing_is_sent_for_patterns_that_are_not_used(flow: Any, client: Client) -> None:
    """Making one costs no request."""
    before = served(flow)
    patterns.ResilientClient(client)
    patterns.TransactionalOperation(client)
    patterns.SpecificErrors(client)
    assert served(flow) == before
