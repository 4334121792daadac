"""`failwell.gather` and `failwell.agather`."""

from __future__ import annotations

import asyncio
import io
import json
import pickle
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from failwell.batch import Call, GatherError, Remainder, agather, gather
from failwell.batch.outage import counted, is_down, origin_of
from failwell.errors import (
    APIConnectionError,
    CircuitOpenError,
    FailwellError,
    InvalidRequestError,
    NotFoundError,
    ServiceUnavailableError,
)
from failwell.model import Failure, Kind, Outcome


def error(
    kind: Kind, outcome: Outcome | None = None, *, host: str = "a", **facts: Any
) -> FailwellError:
    classes = {Kind.NOT_FOUND: NotFoundError, Kind.UNAVAILABLE: ServiceUnavailableError}
    url = f"https://{host}.example.org/x"
    failure = Failure(kind=kind, message="no", outcome=outcome, url=url, **facts)
    return classes.get(kind, APIConnectionError)(failure)


def raising(what: Exception) -> Callable[[], Any]:
    def call() -> Any:
        raise what

    return call


def square(number: int, idempotency_key: str | None = None) -> int:
    return number * number


def gathered(calls: Any, *, is_async: bool, **settings: Any) -> list[Any]:
    """The calls, made in the world that is asked for."""
    if not is_async:
        return gather(calls, progress=False, **settings)
    given = calls if isinstance(calls, Remainder) else list(calls)
    return asyncio.run(agather(given, progress=False, **settings))


both = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@both
def test_results_come_in_order(is_async: bool) -> None:
    """Whatever call ends first, each result has the place of its call."""
    calls = [Call(square, n) for n in range(50)]
    assert gathered(calls, is_async=is_async, limit=7) == [n * n for n in range(50)]
    assert gathered([], is_async=is_async) == []


def test_no_more_than_the_limit_run_at_a_time() -> None:
    """In threads: never more, and indeed so many."""
    lock, at_once, most = threading.Lock(), [0], [0]
    barrier = threading.Barrier(3, timeout=10)

    def call() -> None:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        barrier.wait()
        with lock:
            at_once[0] -= 1

    gather([call] * 9, limit=3, progress=False)
    assert most == [3]


@pytest.mark.parametrize("run", [asyncio.run, lambda made: trio.run(lambda: made)])
def test_tasks_keep_to_the_limit(run: Callable[[Any], Any]) -> None:
    """In tasks, of asyncio or trio: never more than the limit."""
    import anyio

    at_once, most = [0], [0]

    async def call() -> int:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        await anyio.sleep(0)
        at_once[0] -= 1
        return 1

    assert run(agather([call] * 9, limit=3, progress=False)) == [1] * 9
    assert most == [3]


@both
def test_failures_are_told_by_cause(is_async: bool) -> None:
    """One group for each class, status and code; the results of the others are there."""
    missing = {"status": 404, "code": "missing"}
    calls: list[Any] = [Call(square, n) for n in range(10)]
    for n in (1, 4, 7):
        calls[n] = raising(error(Kind.NOT_FOUND, Outcome.NOT_STARTED, **missing))
    calls[5] = raising(ValueError("odd"))
    with pytest.raises(GatherError) as caught:
        gathered(calls, is_async=is_async, limit=3)
    failed = caught.value
    assert [str(group) for group in failed.exceptions] == [
        "NotFoundError 404 missing: calls 1, 4, 7 (3 sub-exceptions)",
        "ValueError: call 5 (1 sub-exception)",
    ]
    assert failed.message == "4 of 10 calls failed"
    assert failed.results == [0, None, 4, 9, None, None, 36, None, 64, 81]
    assert sorted(failed.failures) == [1, 4, 5, 7]
    assert failed.remainder.numbers == (1, 4, 5, 7)


@both
def test_a_write_without_a_known_outcome_is_not_in_the_remainder(is_async: bool) -> None:
    """It might be made twice; with a key it may go in, and so may a read."""

    def keyed(idempotency_key: str) -> None:
        raise error(Kind.CONNECTION, Outcome.UNKNOWN)

    calls = [
        raising(error(Kind.CONNECTION, Outcome.UNKNOWN)),
        raising(error(Kind.CONNECTION, None)),
        Call(keyed, idempotency_key="k"),
        raising(error(Kind.UNAVAILABLE, Outcome.ROLLED_BACK)),
        raising(TimeoutError()),
    ]
    with pytest.raises(GatherError) as caught:
        gathered(calls, is_async=is_async, stop_after=99)
    assert caught.value.unsettled == (0, 4)
    assert caught.value.remainder.numbers == (1, 2, 3)
    assert "2 may have taken effect" in str(caught.value)


@both
def test_it_stops_when_the_api_is_down(is_async: bool) -> None:
    """After so many failures in a row from one origin the rest is not begun, and is left over."""
    made: list[int] = []

    def call(n: int) -> int:
        made.append(n)
        if n >= 10:
            raise error(Kind.CONNECTION, Outcome.NOT_STARTED)
        return n

    with pytest.raises(GatherError) as caught:
        gathered([Call(call, n) for n in range(100)], is_async=is_async, limit=1)
    assert made == list(range(15))
    assert caught.value.remainder.numbers == tuple(range(10, 100))
    assert "85 were not started" in str(caught.value)


def test_only_failures_in_a_row_of_one_origin_count() -> None:
    """An answer of any kind ends the row; two origins have a row each."""
    down, other = error(Kind.TIMEOUT), error(Kind.UNAVAILABLE, host="b")
    streaks: dict[str, int] = {}
    for met in (down, other, down, other, down):
        streaks = counted(streaks, met)
    assert streaks == {"https://a.example.org": 3, "https://b.example.org": 2}
    assert is_down(streaks, 3)
    assert not is_down(streaks, 4)
    assert counted(streaks, None) == counted(streaks, error(Kind.NOT_FOUND)) == {}
    assert origin_of(CircuitOpenError(down.failure)) == "https://a.example.org"
    assert origin_of(ConnectionRefusedError()) == ""
    assert origin_of(ValueError()) is None


@both
def test_a_remainder_is_saved_and_resumed(is_async: bool, tmp_path: Path) -> None:
    """The calls that are left go into a file, and on from there in another process."""
    calls: list[Any] = [Call(square, n) for n in range(5)]
    calls[3] = Call(square, "x")  # raises TypeError
    calls[4] = Call(square, number=4, idempotency_key="k")
    with pytest.raises(GatherError) as caught:
        gathered(calls, is_async=is_async, limit=1)
    rest = Remainder([*caught.value.remainder.calls, calls[4]], [3, 4])
    rest.calls[0].args = (3,)
    rest.save(tmp_path / "rest.json")
    assert json.loads((tmp_path / "rest.json").read_text())["calls"][1] == {
        "number": 4,
        "function": f"{square.__module__}:square",
        "args": [],
        "named": {"number": 4, "idempotency_key": "k"},
    }
    loaded = Remainder[int].load(tmp_path / "rest.json", [square.__module__])
    assert (loaded.numbers, len(loaded)) == ((3, 4), 2)
    assert gathered(loaded, is_async=is_async) == [9, 16]


def test_a_resumed_batch_keeps_the_places_of_the_whole(tmp_path: Path) -> None:
    """What is left of a remainder is numbered as in the batch that it was left of."""
    rest = Remainder([Call(square, 2), Call(square, "x"), Call(square, "y")], [40, 70, 90])
    with pytest.raises(GatherError) as caught:
        gather(rest, progress=False)
    assert caught.value.remainder.numbers == (70, 90)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: 1, "no failwell.Call"),
        (Call(lambda: 1), "cannot be found again"),
        (Call(square, object()), "are not JSON"),
        (Call(square, {"password": "hunter22"}), "holds a secret"),
    ],
)
def test_what_cannot_be_saved_is_refused(call: Any, why: str, tmp_path: Path) -> None:
    """The error says which call, and what to write instead; no file is left."""
    with pytest.raises(InvalidRequestError, match=why) as caught:
        Remainder([call], [0]).save(tmp_path / "rest.json")
    assert "hunter22" not in repr(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"calls": [{"number": 0}]}', b"\xff\xfe", b"null"]
)
def test_a_file_that_is_no_remainder_is_refused(content: bytes, tmp_path: Path) -> None:
    """Whatever is in it."""
    (tmp_path / "rest.json").write_bytes(content)
    with pytest.raises(InvalidRequestError, match="is no saved remainder"):
        Remainder[Any].load(tmp_path / "rest.json")


def test_a_file_names_functions_of_the_given_modules_alone(tmp_path: Path) -> None:
    """A file that somebody else wrote calls nothing else."""
    call = {"number": 0, "function": "os:getcwd", "args": [], "named": {}}
    (tmp_path / "rest.json").write_text(json.dumps({"version": 1, "calls": [call]}))
    with pytest.raises(InvalidRequestError, match="os:getcwd is not found in shop"):
        Remainder[Any].load(tmp_path / "rest.json", ["shop"])


async def coroutine() -> None: ...


@pytest.mark.parametrize(
    ("calls", "settings", "why"),
    [
        ([3], {}, "Call 0 is a int"),
        ([lambda: 1], {"limit": 0}, "limit=0"),
        ([lambda: 1], {"limit": "5"}, "limit='5'"),
        ([lambda: 1], {"limit": 2.5}, "limit=2.5"),
        ([lambda: 1], {"stop_after": 0}, "stop_after=0"),
    ],
)
@both
def test_what_makes_no_sense_is_refused(
    calls: Any, settings: Any, why: str, is_async: bool
) -> None:
    """Before any call is made."""
    with pytest.raises(InvalidRequestError, match=why):
        gathered(calls, is_async=is_async, **settings)


def test_a_coroutine_is_no_call() -> None:
    """It could not be made again; and an async function needs `agather`."""
    with pytest.raises(InvalidRequestError, match="Call 0 is a coroutine"):
        gather([coroutine()], progress=False)  # type: ignore[list-item]
    with pytest.raises(GatherError) as caught:
        gather([coroutine], progress=False)
    assert "agather" in str(caught.value.failures[0])


def test_ctrl_c_begins_no_more_calls() -> None:
    """What is under way ends; the interruption says how far the batch was."""
    made: list[int] = []

    def call(n: int) -> None:
        made.append(n)
        if n == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        gather([Call(call, n) for n in range(1000)], limit=1, progress=False)
    assert made == [0, 1, 2, 3]
    assert "of 1000 calls 4 were begun; 3 went well" in caught.value.__notes__[0]


def test_cancelling_the_task_cancels_its_calls() -> None:
    """No call outlives the task that gathered it."""
    ended: list[int] = []

    async def call() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(1)

    async def main() -> None:
        task = asyncio.create_task(agather([call] * 5, limit=3, progress=False))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ended == [1, 1, 1]


def gather_error() -> GatherError:
    calls = [Call(square, 1), Call(square, "x"), raising(error(Kind.NOT_FOUND))]
    with pytest.raises(GatherError) as caught:
        gather(calls, progress=False)
    return caught.value


def test_a_gather_error_splits_and_pickles() -> None:
    """Every part has the facts of the whole; what cannot be pickled is left out, no more."""
    failed = gather_error()
    match, rest = failed.split(NotFoundError)
    assert isinstance(match, GatherError)
    assert isinstance(rest, GatherError)
    assert match.results == rest.results == [1, None, None]
    back = pickle.loads(pickle.dumps(failed))
    assert (str(back), back.results) == (str(failed), failed.results)
    assert back.failures[2] == failed.failures[2]
    assert len(back.remainder) == 0  # it held a closure


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar in a terminal; not a byte elsewhere, or where nobody wants it."""
    monkeypatch.setenv("TERM", "xterm")
    terminal, pipe = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    gather([Call(time.sleep, 0)] * 3)
    assert "3/3" in terminal.getvalue()
    monkeypatch.setattr(sys, "stderr", pipe)
    gather([Call(time.sleep, 0)] * 3)
    monkeypatch.setattr(sys, "stderr", quiet := Terminal())
    gather([Call(time.sleep, 0)] * 3, progress=False)
    assert pipe.getvalue() == quiet.getvalue() == ""
