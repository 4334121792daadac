"""The wait for a job as a list of actions, on a clock that is moved by hand."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell.actions import Wait
from failwell.contract import Code
from failwell.errors import (
    APIConnectionError,
    APITimeoutError,
    BadResponseError,
    FailwellError,
    InvalidRequestError,
    JobError,
    JobFailedError,
    JobTimeoutError,
    NotFoundError,
    RateLimitError,
    ServerError,
)
from failwell.events import JobSeen
from failwell.flows.poll import GLANCE, RESERVE, next_pause, poll
from failwell.flows.sight import Watch
from failwell.job import Job
from failwell.model import BODY_LIMIT, Failure, Headers, Kind, Response
from failwell.testing import Clock, Line, Played, Script, answer, play
from samples import OWN

URL = "https://api.example.org/v1/jobs/j-1"
JOB = Job(
    url="jobs/{id}",
    succeeded=frozenset({"ready"}),
    failed=frozenset({"failed"}),
    cancelled=frozenset({"cancelled"}),
    progress="progress",
)


def watch(job: Job = JOB, **how: Any) -> Watch:
    return Watch(**{"job": job, "contract": OWN, "url": URL, "job_id": "j-1", **how})


def at(state: str | None, /, status: int = 200, **record: Any) -> Response:
    """The job in this state."""
    return answer(status, {"id": "j-1", "status": state, **record})


def fault(cls: type[FailwellError], kind: Kind, status: int | None = None, **facts: Any) -> Any:
    return cls(Failure(kind=kind, status=status, message=f"it was {kind}", **facts))


def drop() -> FailwellError:
    return fault(APIConnectionError, Kind.CONNECTION)


def gateway() -> FailwellError:
    return fault(ServerError, Kind.GATEWAY, 504)


TROUBLES = [
    drop(),
    gateway(),
    fault(APITimeoutError, Kind.TIMEOUT),
    fault(RateLimitError, Kind.RATE_LIMITED, 429),
    fault(BadResponseError, Kind.BAD_RESPONSE, 200),
    answer(200, "<html>Sign in</html>", content_type="text/html"),
    answer(200, {"unexpected": "shape"}),
    answer(200, b""),
]


def waited(*lines: Line, takes: float = 0.0, job: Job = JOB, **how: Any) -> Played[Any]:
    clock = Clock()
    return play(poll(watch(job, **how), clock()), Script(*lines, clock=clock, takes=takes), clock)


# --- States --------------------------------------------------------------------------------------


def test_it_looks_until_the_job_is_ready() -> None:
    """Any state that is not final is still running; the record and the answer come back."""
    done = waited(at("queued"), at(None), at("brand new word"), at("READY", answer=42), tag="mine")
    assert done.error is None
    assert done.result.record == {"id": "j-1", "status": "READY", "answer": 42}
    assert (done.result.job_id, done.result.state, done.result.tag) == ("j-1", "READY", "mine")
    assert done.result.result() is done.result.record
    assert [str(send.request.url) for send in done.sends] == [URL] * 4
    assert [send.number for send in done.sends] == [1, 2, 3, 4]


def test_the_interval_grows_to_its_cap() -> None:
    """Half a second first, half as much again each time, ten seconds at most."""
    done = waited(*[at("running")] * 12, at("ready"))
    assert done.waits[:4] == [0.5, 0.75, 1.125, 1.6875]
    assert done.waits[-3:] == [10.0, 10.0, 10.0]
    assert done.waits == sorted(done.waits)


@pytest.mark.parametrize("status", [200, 202])
def test_retry_after_is_a_floor(status: int) -> None:
    """What the API asks for is kept to, under 200 as under 202, and for that pause only."""
    first = answer(status, {"status": "running"}, retry_after="7")
    done = waited(first, at("running"), at("ready"))
    assert done.waits == [7.0, 0.75]


def test_retry_after_may_be_a_date() -> None:
    """A date is measured by the answer's own clock."""
    date = {"date": "Sun, 22 Nov 2026 10:00:00 GMT"}
    first = answer(202, {"status": "x"}, **date, retry_after="Sun, 22 Nov 2026 10:00:30 GMT")
    assert waited(first, at("ready")).waits == [30.0]


def test_a_202_with_nothing_in_it_is_running() -> None:
    """An accepted job need not say more, until it is done."""
    done = waited(answer(202), answer(202, {}), at("ready"))
    assert done.error is None
    assert len(done.sends) == 3


def test_a_202_may_say_where_to_look_next() -> None:
    """`Location` is followed, below the URL of the answer."""
    moved = answer(202, {"status": "running"}, location="../results/9?v=2")
    done = waited(moved, at("ready"))
    assert str(done.sends[1].request.url) == "https://api.example.org/v1/results/9?v=2"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/v1/jobs/j-1", "//evil.example/x", "http://api.example.org/v1/jobs/j-1"],
)
def test_credentials_do_not_go_elsewhere(elsewhere: str) -> None:
    """A `Location` at another host, or in clear text, is refused and not looked at."""
    played = waited(answer(202, {"status": "running"}, location=elsewhere))
    assert isinstance(played.error, InvalidRequestError)
    assert len(played.sends) == 1


def test_a_job_without_a_state_goes_by_the_status() -> None:
    """202 is running; what comes instead is the result."""
    job = Job(state=None)
    done = waited(answer(202), answer(202, b"soon"), answer(200, {"cents": 12}), job=job)
    assert done.result.record == {"cents": 12}


def test_a_state_may_be_a_function_or_below_others() -> None:
    """A declaration reaches into an envelope, and may decide by itself."""
    job = Job(record="data.job", state="state.name")
    nested = answer(200, {"data": {"job": {"state": {"name": "Succeeded"}, "n": 1}}})
    assert waited(nested, job=job).result.record == {"state": {"name": "Succeeded"}, "n": 1}
    job = Job(state=lambda record: "done" if record.get("storage_folder") else "running")
    assert len(waited(answer(200, {}), answer(200, {"storage_folder": "f"}), job=job).sends) == 2
    job = Job(state="done", succeeded=frozenset({"true"}))
    assert (
        len(waited(answer(200, {"done": False}), answer(200, {"done": True}), job=job).sends) == 2
    )


# --- Failure -------------------------------------------------------------------------------------


def test_failure_has_the_servers_own_words() -> None:
    """The reason is the message, its code the code; state and record are on the exception."""
    error = {"code": "NotEnoughQubits", "message": "30 qubits, 29 are there", "qubits": 29}
    played = waited(at("running"), at("failed", error=error))
    failed = played.error
    assert isinstance(failed, JobFailedError)
    assert str(failed) == "Job j-1 failed: 30 qubits, 29 are there"
    assert (failed.code, failed.details) == ("NotEnoughQubits", error)
    assert (failed.job_id, failed.state) == ("j-1", "failed")
    assert failed.record == {"id": "j-1", "status": "failed", "error": error}
    assert (failed.failure.api, failed.failure.method, failed.failure.url) == ("Own", "GET", URL)


def test_a_traceback_keeps_its_end() -> None:
    """Of a long traceback the last lines, which name the error, are in the message."""
    text = "Traceback (most recent call last):\n" + "  File x\n" * 5000 + "ValueError: no ions"
    failed = waited(at("failed", error=text)).error
    assert isinstance(failed, JobFailedError)
    assert failed.message.endswith("ValueError: no ions")
    assert len(failed.message) < 5000
    assert failed.record["error"] == text


@pytest.mark.parametrize("reason", [None, [], {}, {"message": 3}, ["a", "b"], 7, True, ""])
def test_a_reason_may_have_any_shape(reason: Any) -> None:
    """Whatever stands where the reason should be, the failure is told."""
    failed = waited(at("failed", error=reason)).error
    assert isinstance(failed, JobFailedError)
    assert str(failed).startswith("Job j-1 failed: ")


def test_a_cancelled_job_says_so() -> None:
    """Cancelled is a failure of its own kind."""
    failed = waited(at("cancelled")).error
    assert isinstance(failed, JobFailedError)
    assert (str(failed), failed.kind) == ("Job j-1 was cancelled", Kind.CANCELLED)


def test_nothing_secret_is_kept() -> None:
    """What the server echoes of the request's credential is in no part of the exception."""
    body = {"status": "failed", "error": "bad key s3cr3t-key-1", "echo": {"api_key": "abcdefgh"}}
    reply = answer(200, body)
    reply = Response(
        status=200, headers=reply.headers, body=reply.body,
        asked=Headers({"Authorization": "Bearer s3cr3t-key-1"}),
    )  # fmt: skip
    failed = waited(reply).error
    assert isinstance(failed, JobFailedError)
    kept = str(failed).encode() + failed.record_json + pickle.dumps(failed)
    assert b"s3cr3t" not in kept
    assert b"abcdefgh" not in kept


def test_no_secret_comes_out_of_a_reason() -> None:
    """A reason that is an object is told without the values of its secret fields."""
    reason = {"detail": "login failed", "password": "hunter2-hunter2"}
    failed = waited(at("failed", error=reason)).error
    assert isinstance(failed, JobFailedError)
    assert "login failed" in str(failed)
    assert "hunter2" not in str(failed) + str(failed.details) + str(failed.record)


def test_a_huge_record_is_not_kept() -> None:
    """What an exception carries is bounded."""
    failed = waited(at("failed", error="no", grid=["x" * 1000] * 100)).error
    assert isinstance(failed, JobFailedError)
    assert failed.record is None
    assert len(pickle.dumps(failed)) < BODY_LIMIT


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_it_travels(copied: Any) -> None:
    """Failed and late, copied and pickled: class, job, state and record are there."""
    lines = [at("running", progress=0.5)]
    for played in (waited(at("failed", error="no")), waited(*lines, timeout=0)):
        error = played.error
        assert isinstance(error, JobError)
        other = copied(error)
        assert (other, type(other)) == (error, type(error))
        assert (other.job_id, other.state, other.record) == ("j-1", error.state, error.record)
        other.state = "another"
        assert other != error


# --- Time ----------------------------------------------------------------------------------------


def test_time_runs_out() -> None:
    """The last state, how long it was, and how to wait again; no look begins after the end."""
    played = waited(*[at("running")] * 40, timeout=30)
    late = played.error
    assert isinstance(late, JobTimeoutError)
    assert str(late) == "Job j-1 is still running after 30 seconds"
    assert (late.job_id, late.state, late.code) == ("j-1", "running", "running")
    assert late.record == {"id": "j-1", "status": "running"}
    assert URL in late.advice
    assert sum(played.waits) == pytest.approx(30 - RESERVE)


def test_no_time_is_one_look() -> None:
    """A timeout of 0 looks once, and leaves that look a moment."""
    played = waited(at("running"), timeout=0)
    assert isinstance(played.error, JobTimeoutError)
    assert [send.within for send in played.sends] == [GLANCE]
    assert waited(at("ready"), timeout=0).error is None


def test_every_look_fits_into_the_time() -> None:
    """From the second on, a look gets what is left; without a timeout it is not bounded."""
    played = waited(*[at("running")] * 9, timeout=20, takes=0.5)
    assert isinstance(played.error, JobTimeoutError)
    assert [s.within for s in played.sends[:3]] == [20, 19, 17.75]
    assert [s.within for s in waited(at("x"), at("ready")).sends] == [None, None]


def test_a_request_to_stay_away_past_the_end_ends_the_wait() -> None:
    """Where no look is left, the wait is over at once and says when to come back."""
    played = waited(answer(202, {"status": "queued"}, retry_after="600"), timeout=30)
    assert isinstance(played.error, JobTimeoutError)
    assert (played.waits, played.error.retry_after) == ([], 600.0)


def test_trouble_at_the_end_is_told() -> None:
    """When the last looks failed, the time-out says so and stands on their error."""
    trouble = gateway()
    played = waited(at("running"), *[trouble] * 20, timeout=10)
    assert isinstance(played.error, JobTimeoutError)
    assert played.error.__cause__ is trouble
    assert "it was gateway" in str(played.error)
    assert played.error.state == "running"


def test_never_seen_at_all() -> None:
    """A job that no look has shown is not said to be in any state."""
    played = waited(*[drop()] * 20, timeout=5)
    assert isinstance(played.error, JobTimeoutError)
    assert "not seen yet" in str(played.error)
    assert played.error.record is None


@given(
    timeout=st.floats(0, 500),
    takes=st.floats(0, 3),
    floors=st.lists(st.integers(0, 40), min_size=1, max_size=8),
)
def test_no_pause_passes_the_end(timeout: float, takes: float, floors: list[int]) -> None:
    """Whatever the API asks for, a wait that sleeps is over by its deadline."""
    clock, lines = Clock(), 2_000
    replies = [
        answer(200, {"status": "running"}, retry_after=str(floors[n % len(floors)]))
        for n in range(lines)
    ]
    played = play(
        poll(watch(timeout=timeout), clock()), Script(*replies, clock=clock, takes=takes), clock
    )
    assert isinstance(played.error, JobTimeoutError)
    assert clock.now <= 1_000 + timeout + takes + 1e-6


@given(
    pace=st.floats(0.01, 60), floor=st.floats(0, 60), now=st.floats(0, 1e4),
    bound=st.none() | st.floats(0, 1e4), last=st.none() | st.floats(0, 1e4),
)  # fmt: skip
def test_a_pause_keeps_to_its_bounds(
    pace: float, floor: float, now: float, bound: float | None, last: float | None
) -> None:
    """Never below the floor, never past the last look; none only where none is left."""
    pause = next_pause(pace, floor, now, bound, last)
    if pause is None:
        assert last is not None
        assert now >= last or floor > last - now
        return
    assert pause >= floor
    assert last is None or pause <= last - now
    assert bound is not None or last is not None or pause == max(pace, floor)


# --- Streaks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_streak_of_trouble_is_borne(trouble: Any) -> None:
    """Whatever may pass is looked past, as long as it lasts less than is tolerated."""
    done = waited(at("running"), *[trouble] * 6, at("ready"))
    assert done.error is None
    assert len(done.sends) == 8


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_streak_that_lasts_is_raised(trouble: Any) -> None:
    """After `tolerate` seconds the last real failure comes out, and says how to wait again."""
    played = waited(at("running"), *[trouble] * 40, tolerate=20)
    error = played.error
    assert isinstance(error, FailwellError)
    assert not isinstance(error, JobError)
    assert isinstance(trouble, Response) or error is trouble
    assert sum(played.waits[1:]) == pytest.approx(20)
    assert URL in "".join(error.__notes__)


def test_after_trouble_it_looks_again_soon() -> None:
    """The first failure of a streak begins the interval anew: most trouble is over at once."""
    played = waited(*[at("running")] * 8, drop(), drop(), at("ready"))
    assert played.waits[7:] == [pytest.approx(0.5 * 1.5**7), 0.5, 0.75]


def test_a_good_look_ends_the_streak() -> None:
    """Patience is counted from the first failure in a row, not from the first of all."""
    lines = [drop(), drop(), at("running")] * 15
    assert waited(*lines, at("ready"), tolerate=15).error is None


def test_no_patience() -> None:
    """With `tolerate=0` the first failure is raised."""
    played = waited(drop(), at("ready"), tolerate=0)
    assert isinstance(played.error, APIConnectionError)
    assert played.waits == []


def test_patience_obeys_a_request_to_wait() -> None:
    """A 429 that asks for longer than is tolerated is obeyed, and one more look is made."""
    busy = fault(RateLimitError, Kind.RATE_LIMITED, 429, retry_after=120.0)
    done = waited(busy, at("ready"), tolerate=60)
    assert (done.error, done.waits) == (None, [120.0])


@pytest.mark.parametrize(
    "permanent",
    [
        fault(NotFoundError, Kind.NOT_FOUND, 404),
        fault(FailwellError, Kind.UNAUTHENTICATED, 401),
        InvalidRequestError.of("no such header"),
    ],
)
def test_what_cannot_pass_is_raised_at_once(permanent: FailwellError) -> None:
    """A 401, a 404 and what was refused here are no matter of patience."""
    played = waited(at("running"), permanent)
    assert played.error is permanent


def test_the_contract_knows_better() -> None:
    """A 500 that the catalogue calls permanent is raised; a 400 that may pass is borne."""
    from msgspec.structs import replace

    codes = (
        Code(code="dead", status=500, transient=False),
        Code(code="warm", status=400, transient=True),
    )
    contract = replace(OWN, codes=codes)
    dead = fault(ServerError, Kind.INTERNAL, 500, code="dead")
    warm = fault(FailwellError, Kind.BAD_REQUEST, 400, code="warm")
    assert waited(dead, contract=contract).error is dead
    assert waited(warm, warm, at("ready"), contract=contract).error is None


def test_what_is_no_failure_of_a_look_goes_through() -> None:
    """An interrupt is nobody's to bear."""
    with pytest.raises(KeyboardInterrupt):
        raise waited(at("running"), KeyboardInterrupt()).error or AssertionError


@given(
    streaks=st.lists(st.integers(0, 3), max_size=6),
    states=st.lists(st.sampled_from(["queued", "running", "", "x"]), max_size=6),
    end=st.sampled_from(["ready", "failed", "cancelled"]),
)
def test_whatever_happens_on_the_way_the_end_is_told(
    streaks: list[int], states: list[str], end: str
) -> None:
    """Short streaks and unknown states do not change how the wait ends."""
    lines: list[Line] = []
    for number, state in enumerate(states):
        lines += [gateway()] * (streaks[number] if number < len(streaks) else 0)
        lines.append(at(state))
    played = waited(*lines, at(end))
    assert len(played.sends) == len(lines) + 1
    if end == "ready":
        assert played.error is None
    else:
        assert isinstance(played.error, JobFailedError)
        assert played.error.state == end


# --- What is told --------------------------------------------------------------------------------


def test_each_look_is_told() -> None:
    """State, progress from 0 to 1, and trouble, after every look."""
    played = waited(at("queued"), drop(), at("running", progress=0.25), at("ready", progress=7))
    events = [event for event in played.events if isinstance(event, JobSeen)]
    assert [(event.state, event.progress) for event in events] == [
        ("queued", None), ("queued", None), ("running", 0.25), ("ready", 1.0),
    ]  # fmt: skip
    assert [event.error is None for event in events] == [True, False, True, True]


@pytest.mark.parametrize("progress", ["half", None, True, {}, float("nan")])
def test_progress_may_be_anything(progress: Any) -> None:
    """What is no number is no progress."""
    job = Job(progress=lambda record: progress)
    played = waited(answer(200, {"status": "done"}), job=job)
    assert [e.progress for e in played.events if isinstance(e, JobSeen)] == [None]


def test_waits_are_all_that_it_sleeps() -> None:
    """The flow does nothing but look, tell and sleep."""
    played = waited(at("running"), at("ready"))
    assert [type(action).__name__ for action in played.actions] == [
        "Send", "Emit", "Wait", "Send", "Emit",
    ]  # fmt: skip
    assert Wait(0.5) in played.actions
