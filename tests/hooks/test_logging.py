"""Events as lines of the standard library's logging."""

from __future__ import annotations

import io
import logging
import subprocess
import sys

import pytest

from failwell.errors import RateLimitError
from failwell.events import AttemptFailed, CallFailed, Recovered
from failwell.hooks.logging import log, logger
from failwell.model import Attempt, Failure, Kind, Outcome

ATTEMPT = Attempt(
    number=1, method="POST", url="https://a.b/c", at=0.0, elapsed=0.1, wait=2.0, status=429
)
FAILURE = Failure(
    kind=Kind.RATE_LIMITED, message="Not so fast", status=429, code="slow_down",
    outcome=Outcome.NOT_STARTED, method="POST", url="https://a.b/c",
)  # fmt: skip
EVENTS = [
    (
        AttemptFailed(ATTEMPT, FAILURE, "k"),
        "POST https://a.b/c: attempt 1: 429 slow_down; again in 2.00 s",
    ),
    (
        CallFailed(RateLimitError(FAILURE, (ATTEMPT,)), "exhausted"),
        "POST https://a.b/c: gave up after 1 (exhausted): RateLimitError('Not so fast', "
        "status=429, code='slow_down', outcome='not_started')",
    ),
    (Recovered((ATTEMPT,)), "POST https://a.b/c: went well after 1 that did not"),
]


@pytest.mark.parametrize(("event", "line"), EVENTS)
def test_each_event_is_one_line(event, line: str, caplog: pytest.LogCaptureFixture) -> None:
    """One line at INFO under "failwell", with the event itself for machines."""
    with caplog.at_level(logging.INFO, "failwell"):
        log(event)
    (record,) = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == ("failwell", "INFO", line)
    assert record.failwell is event


def test_a_fault_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """Where no answer came, the line says what broke."""
    broke = Attempt(number=3, method="GET", url="u", at=0.0, elapsed=0.1, fault="ReadError")
    with caplog.at_level(logging.INFO, "failwell"):
        log(AttemptFailed(broke, FAILURE))
    assert caplog.messages == ["GET u: attempt 3: ReadError; again in 0.00 s"]


class Untouchable:
    """Facts that must not be looked at."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"{name} was looked at")


def test_nothing_is_done_where_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    """Below INFO nothing is logged, and not even the facts are looked at."""
    with caplog.at_level(logging.WARNING, "failwell"):
        log(AttemptFailed(Untouchable(), Untouchable()))  # type: ignore[arg-type]
    assert caplog.records == []


def test_no_handler_is_installed_and_nothing_is_printed() -> None:
    """A program that set up no logging sees not a byte of it."""
    assert logger.handlers == []
    script = (
        "import failwell; from failwell.hooks.logging import log; "
        "from failwell.events import Recovered; from failwell.model import Attempt; "
        "log(Recovered((Attempt(number=1, method='GET', url='u', at=0.0, elapsed=0.0),)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_line_with_a_percent_sign_is_logged_as_it_is() -> None:
    """A percent-encoded URL is not taken for a format."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        log(Recovered((Attempt(number=1, method="GET", url="/a%20b%s", at=0.0, elapsed=0.0),)))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert stream.getvalue() == "GET /a%20b%s: went well after 1 that did not\n"
