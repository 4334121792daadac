"""A circuit breaker to hold in the hand: the decisions of `policy.breaker`, in an object."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import Any, ParamSpec, TypeVar, cast

from failwell.errors import CircuitOpenError
from failwell.guarding.named import exceptions
from failwell.model import Failure, Kind
from failwell.policy import breaker
from failwell.policy.breaker import HEALTHY, Circuit, Hold, State
from failwell.settings import Breaker, is_number, require, require_whole

P = ParamSpec("P")
T = TypeVar("T")


class CircuitBreaker:
    """Stops calling what keeps failing: after `failure_threshold` failures in a row it is OPEN and
    raises `CircuitOpenError` at once; after `recovery_timeout` seconds one call is let through
    (HALF_OPEN), whose success closes it and whose failure opens it again.

    `on` are the exceptions that count as failures. Threads and tasks may share one. Raises
    `ValueError` for a threshold below 1 or a time-out that is not above 0, `TypeError` for an `on`
    that names no exception classes.

    Source: the class of this name in Flow's guide "API Error Handling".
    """

    def __init__(
        self,
        failure_threshold: int = 5,
        recovery_timeout: float = 60.0,
        *,
        on: type[Exception] | tuple[type[Exception], ...] = Exception,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        require_whole("failure_threshold", failure_threshold, 1)
        is_time = is_number(recovery_timeout) and recovery_timeout > 0
        require(is_time, "recovery_timeout", recovery_timeout, "above 0 seconds")
        self.failure_threshold = failure_threshold
        self.recovery_timeout = recovery_timeout
        self.last_failure_time: float | None = None
        self._settings = Breaker(
            failures=failure_threshold,
            open_for=recovery_timeout,
            longest=recovery_timeout,
            probe=max(recovery_timeout, 60.0),
        )
        self._on = exceptions(on)
        self._clock = clock
        self._lock = threading.Lock()
        self._circuit = HEALTHY

    @property
    def state(self) -> State:
        """CLOSED, OPEN or HALF_OPEN, as the next call would find it."""
        return breaker.state(self._circuit, self._clock())

    @property
    def failure_count(self) -> int:
        """Failures in a row."""
        return self._circuit.failures

    def call(self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `func` returns; awaitable where it is a coroutine function.

        Raises what `func` raises, and `CircuitOpenError` where it is not called.
        """
        probing = self._circuit is not HEALTHY and self._admitted()
        try:
            result = func(*args, **kwargs)
        except BaseException as error:
            self._ended(error, probing)
            raise
        if type(result) is CoroutineType:
            return cast("T", self._awaited(cast("Coroutine[Any, Any, Any]", result), probing))
        if self._circuit is not HEALTHY:
            self._ended(None, probing)
        return result

    async def _awaited(self, coroutine: Coroutine[Any, Any, Any], probing: bool) -> Any:
        try:
            result = await coroutine
        except BaseException as error:
            self._ended(error, probing)
            raise
        if self._circuit is not HEALTHY:
            self._ended(None, probing)
        return result

    def _admitted(self) -> bool:
        """Whether this call is the probe. Raises `CircuitOpenError` where it may not go."""
        with self._lock:
            before = self._circuit
            after = breaker.admit(before, self._settings, self._clock())
            if isinstance(after, Hold):
                raise _open(before, after)
            self._circuit = after
            return after is not before

    def _ended(self, error: BaseException | None, probing: bool) -> None:
        with self._lock:
            self._circuit = self._after(error, probing)

    def _after(self, error: BaseException | None, probing: bool) -> Circuit:
        now = self._clock()
        if error is None:
            return breaker.succeed(self._circuit, self._settings, now, probing=probing)
        if isinstance(error, self._on):
            self.last_failure_time = time.time()
            cause = type(error).__name__
            return breaker.fail(self._circuit, self._settings, now, probing=probing, cause=cause)
        if isinstance(error, Exception):  # an answer like others: it does not speak of its health
            return breaker.succeed(self._circuit, self._settings, now, probing=probing)
        return breaker.abandon(self._circuit) if probing else self._circuit


def _open(circuit: Circuit, hold: Hold) -> CircuitOpenError:
    wait = max(hold.closed_for, hold.seconds)
    return CircuitOpenError(
        Failure(
            kind=Kind.UNAVAILABLE,
            message=f"Circuit breaker is OPEN for {wait:.2f} s more, after {circuit.failures} "
            f"failures in a row, the last of them {circuit.cause}",
            retry_after=wait,
        )
    )
