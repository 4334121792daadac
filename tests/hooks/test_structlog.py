"""structlog, the real one: failwell's events as its lines, and failures as facts in all others."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
import structlog

import failwell
from failwell.hooks.structlog import StructlogHook, add_failure

SECRET = "tok-1234-secret"
AGAIN = failwell.Policy(retry=failwell.Retry(max_retries=1, base=0.0))

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    structlog.configure(
        processors=[
            add_failure,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    yield stream
    structlog.reset_defaults()


@pytest.fixture
def lines(stream: io.StringIO) -> Lines:
    """What has been logged since, line by line."""
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def fail(**more: Any) -> failwell.FailwellError:
    """A call that fails for good, to a server that echoes what was secret."""
    said = {"message": f"You sent {SECRET}"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(503, json=said))
    with (
        failwell.Client(transport=transport, policy=AGAIN, **more) as client,
        pytest.raises(failwell.ServiceUnavailableError) as caught,
    ):
        client.get("https://api.example.org/", headers={"X-API-Key": SECRET})
    return caught.value


def test_events_are_lines(lines: Lines) -> None:
    """Each attempt that failed, and the call that was given up, under its name with its facts."""
    fail(hooks=[StructlogHook()])
    attempt, call = lines()
    assert (attempt["event"], attempt["level"], attempt["attempt"]) == ("attempt_failed", "info", 1)
    assert (call["event"], call["level"], call["attempts"]) == ("call_failed", "warning", 2)
    assert (call["why"], call["error"]) == ("exhausted", "ServiceUnavailableError")


def test_a_logger_of_ones_own(lines: Lines) -> None:
    """A bound logger brings its context into the lines."""
    fail(hooks=[StructlogHook(structlog.get_logger().bind(run="r7"))])
    assert [line["run"] for line in lines()] == ["r7", "r7"]


@pytest.mark.parametrize("how", ["exception", "exc_info", "triple", "value"])
def test_failures_become_facts(how: str, lines: Lines) -> None:
    """In whichever way a failure is given to a line, the line has its facts."""
    error = fail()
    logger = structlog.get_logger()
    try:
        raise error
    except failwell.FailwellError:
        match how:
            case "exception":
                logger.exception("it failed")
            case "exc_info":
                logger.error("it failed", exc_info=error)
            case "triple":
                logger.error("it failed", exc_info=sys.exc_info())
            case _:
                logger.error("it failed", failure=error)
    (line,) = lines()
    assert line["event"] == "it failed"
    assert (line["failure"]["kind"], line["failure"]["status"]) == ("unavailable", 503)


def test_other_lines_are_left_as_they_are(lines: Lines) -> None:
    """A line without a failure, or with another exception, keeps what it has."""
    structlog.get_logger().info("hello", n=1, names=["a", "b"], exc_info=ValueError("odd"))
    (line,) = lines()
    assert (line["event"], line["n"], line["names"]) == ("hello", 1, ["a", "b"])
    assert "ValueError: odd" in line["exception"]
    assert "failure" not in line


def test_lines_of_the_standard_library(stream: io.StringIO) -> None:
    """failwell's own logging, rendered by structlog's formatter, has its facts too."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[add_failure],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logger = logging.getLogger("failwell")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        fail()
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    _, call = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert call["event"].startswith("GET https://api.example.org/: gave up after 2")
    assert (call["why"], call["status"]) == ("exhausted", 503)


def test_nothing_secret_is_in_a_line(lines: Lines, stream: io.StringIO) -> None:
    """By value in failwell's facts; by name and by form in everybody's values."""
    error = fail(hooks=[StructlogHook()])
    structlog.get_logger().error("oh", error=error, password=SECRET, sent={"token": SECRET})
    assert SECRET not in stream.getvalue()
    assert lines()[-1]["password"] == "[redacted]"
