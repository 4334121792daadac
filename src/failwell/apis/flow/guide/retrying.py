"""`exponential_backoff_retry`: any function called again, as the guide's "Exponential Backoff"."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import TypeVar

from failwell.apis.flow.exceptions import FlowError
from failwell.apis.flow.guide.story import Sleep, Story, tell
from failwell.errors import FailwellError, RateLimitError, ServerError
from failwell.model import Failure, Kind
from failwell.policy import backoff
from failwell.settings import Retry

T = TypeVar("T")

logger = logging.getLogger("failwell")

_LONGEST = 86400.0


def exponential_backoff_retry(
    func: Callable[[], T],
    max_retries: int = 5,
    initial_delay: float = 1,
    *,
    sleep: Sleep | None = None,
    roll: Callable[[], float] = random.random,
) -> T:
    """What `func` returns; it is called `max_retries` times at most. Awaitable where `func` is a
    coroutine function.

    After a `RateLimitError` it waits `retry_after` seconds, or `initial_delay` doubled each time;
    after a `ServerError` or a `ConnectionError` the latter, and up to a tenth more. Raises what
    `func` raised last; where that was a `RateLimitError`, a `FlowError` that says "Failed after 5
    attempts". What may have taken effect is raised at once: to call `func` again might do it twice.
    """
    return tell(_retried(func, max_retries, Retry(base=initial_delay, cap=_LONGEST), roll), sleep)


def _retried(
    func: Callable[[], T], max_retries: int, retry: Retry, roll: Callable[[], float]
) -> Story[T]:
    last: FailwellError | None = None
    for attempt in range(max_retries):
        is_final = attempt == max_retries - 1
        delay = backoff.delay(retry, attempt, 1.0)
        try:
            result: T = yield func
            return result
        except RateLimitError as error:
            last, delay = error, error.retry_after or delay
        except (ServerError, ConnectionError) as error:
            if is_final or not _may_repeat(error):
                raise
            delay += roll() * delay * 0.1
        if not is_final:
            logger.info("attempt %d failed; again in %.1f s", attempt + 1, delay)
            yield delay
    raise _failed(max_retries, last) from last


def _may_repeat(error: Exception) -> bool:
    outcome = error.outcome if isinstance(error, FailwellError) else None
    return outcome is None or outcome.nothing_done


def _failed(attempts: int, last: FailwellError | None) -> FlowError:
    return FlowError(
        Failure(
            kind=Kind.RATE_LIMITED,
            message=f"Failed after {attempts} attempts",
            retry_after=None if last is None else last.retry_after,
            request_id=None if last is None else last.request_id,
        )
    )
