"""Many calls at a time, in threads or tasks: results in order, failures by cause."""

from __future__ import annotations

import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar, cast

from failwell.batch import outage
from failwell.batch.calls import Call, Remainder
from failwell.batch.error import GatherError
from failwell.batch.progress import Bar, bar
from failwell.errors import InvalidRequestError
from failwell.policy.setback import outcome_of

T = TypeVar("T")


def gather(
    calls: Iterable[Callable[[], T]],
    *,
    limit: int = 20,
    progress: bool = True,
    stop_after: int = 5,
) -> list[T]:
    """Make all calls, at most `limit` at a time, in threads; their results in order.

    A call is a function without arguments, such as `failwell.Call(function, *arguments)`, or comes
    from a `Remainder`. Where an origin fails to answer `stop_after` times in a row, it is taken to
    be down: no more calls are begun. `progress` shows a bar, in a terminal, if rich is there.

    Raises `GatherError` where a call failed, when all that were begun have ended.
    """
    batch = _Batch(calls, limit, stop_after)
    with bar(len(batch.calls), "calls", shown=progress) as shown:
        workers = min(limit, len(batch.calls))
        with ThreadPoolExecutor(max(workers, 1), thread_name_prefix="failwell-gather") as pool:
            try:
                running = [
                    pool.submit(contextvars.copy_context().run, _work, batch, shown)
                    for _ in range(workers)
                ]
                for one in running:
                    one.result()
            except BaseException as interruption:
                batch.halt()
                batch.leave_word(interruption)
                raise
    return batch.outcome()


async def agather(
    calls: Iterable[Callable[[], Awaitable[T]]],
    *,
    limit: int = 20,
    progress: bool = True,
    stop_after: int = 5,
) -> list[T]:
    """Make all calls, at most `limit` at a time, in tasks of their own group; their results in
    order. As `gather`; a call is an async function without arguments, never a coroutine, which
    could not be made again.

    Raises `GatherError` where a call failed, when all that were begun have ended.
    """
    import anyio

    batch = _Batch(cast("Iterable[Callable[[], T]]", calls), limit, stop_after)
    with bar(len(batch.calls), "calls", shown=progress) as shown:
        try:
            async with anyio.create_task_group() as group:
                for _ in range(min(limit, len(batch.calls))):
                    group.start_soon(_awork, batch, shown)
        except BaseException as interruption:
            batch.leave_word(interruption)
            raise
    return batch.outcome()


class _Batch(Generic[T]):
    """The calls, what came of them so far, and whether another may begin."""

    def __init__(self, calls: Iterable[Callable[[], T]], limit: int, stop_after: int) -> None:
        for name, value in (("limit", limit), ("stop_after", stop_after)):
            if not hasattr(value, "__index__") or value < 1:
                raise InvalidRequestError.of(f"{name}={value!r}: it must be a whole number above 0")
        self.calls = checked(calls)
        self._numbers = numbers_of(calls, len(self.calls))
        self._stop_after = stop_after
        self._lock = threading.Lock()
        self._begun = 0
        self._is_halted = False
        self._streaks: dict[str, int] = {}
        self._results: list[T | None] = [None] * len(self.calls)
        self._failures: dict[int, Exception] = {}
        self._done = 0

    def take(self) -> int | None:
        """The number of the call to make next; None where there is none."""
        with self._lock:
            if self._is_halted or self._begun == len(self.calls):
                return None
            self._begun += 1
            return self._begun - 1

    def succeed(self, number: int, result: T) -> None:
        with self._lock:
            self._results[number] = result
            self._done += 1
            self._streaks = outage.counted(self._streaks, None)

    def fail(self, number: int, error: Exception) -> None:
        with self._lock:
            self._failures[number] = error
            self._streaks = outage.counted(self._streaks, error)
            self._is_halted |= outage.is_down(self._streaks, self._stop_after)

    def halt(self) -> None:
        with self._lock:
            self._is_halted = True

    def leave_word(self, interruption: BaseException) -> None:
        interruption.add_note(
            f"failwell: of {len(self.calls)} calls {self._begun} were begun; {self._done} went well"
        )

    def outcome(self) -> list[T]:
        """The results. Raises `GatherError` where a call failed."""
        if not self._failures:
            return cast("list[T]", self._results)
        unsettled = [n for n in sorted(self._failures) if not self._is_safe(n)]
        again = [n for n in sorted(self._failures) if self._is_safe(n)]
        rest = [*again, *range(self._begun, len(self.calls))]
        raise GatherError.of(
            list(self._results),
            self._failures,
            Remainder([self.calls[n] for n in rest], [self._numbers[n] for n in rest]),
            unsettled,
            not_started=len(self.calls) - self._begun,
        )

    def _is_safe(self, number: int) -> bool:
        """Whether a call that failed may be made again."""
        call: Any = self.calls[number]
        outcome = outcome_of(self._failures[number])
        is_keyed = isinstance(call, Call) and call.is_keyed
        return is_keyed or outcome is None or outcome.nothing_done


def numbers_of(calls: object, count: int) -> Sequence[int]:
    """The places of the calls in the whole batch."""
    return cast("Remainder[Any]", calls).numbers if isinstance(calls, Remainder) else range(count)


def checked(calls: Iterable[Callable[[], T]]) -> list[Callable[[], T]]:
    """The calls as a list. Raises `InvalidRequestError` for what is none."""
    listed = list(calls)
    for number, call in enumerate(listed):
        if not callable(call):
            for one in listed:
                if inspect.iscoroutine(one):
                    one.close()
            raise InvalidRequestError.of(
                f"Call {number} is a {type(call).__name__}: give a function without arguments, "
                "such as failwell.Call(function, *arguments)"
            )
    return listed


def _work(batch: _Batch[T], shown: Bar) -> None:
    while (number := batch.take()) is not None:
        try:
            result = batch.calls[number]()
            if inspect.iscoroutine(result):
                result.close()
                raise InvalidRequestError.of("The call must be awaited: use failwell.agather")
        except Exception as error:
            batch.fail(number, error)
        else:
            batch.succeed(number, result)
        shown.advance(1)


async def _awork(batch: _Batch[Any], shown: Bar) -> None:
    while (number := batch.take()) is not None:
        try:
            result = batch.calls[number]()
            result = await result if inspect.isawaitable(result) else result
        except Exception as error:
            batch.fail(number, error)
        else:
            batch.succeed(number, result)
        shown.advance(1)
