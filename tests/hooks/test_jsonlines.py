"""Log records as lines of JSON, by the standard library's own machinery."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import httpx2
import pytest

import failwell
from failwell.events import AttemptFailed, JobSeen, StoreFailed
from failwell.hooks.jsonlines import JSONLines
from failwell.hooks.logging import log
from failwell.model import Attempt, Failure, Kind

SECRET = "tok-1234-secret"
ATTEMPT = Attempt(number=1, method="GET", url="u", at=5.0, elapsed=0.5, wait=2.0, status=503)
FAILURE = Failure(
    kind=Kind.UNAVAILABLE, message="away", status=503, method="GET", url="u", api="Own"
)
EVENTS = {
    "attempt_failed": (AttemptFailed(ATTEMPT, FAILURE, "k"), {"attempt": 1, "wait": 2.0}),
    "store_failed": (StoreFailed(OSError("full"), "went on"), {"error": "OSError"}),
    "job_seen": (JobSeen("j1", "u", "running", 0.5), {"job_id": "j1", "progress": 0.5}),
}

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What has been logged since, line by line, but for httpx2's own lines."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(lambda record: record.name != "httpx2")
    handler.setFormatter(JSONLines())
    root = logging.getLogger()
    loggers = {logger: logger.level for logger in (root, logging.getLogger("failwell"))}
    root.addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    for logger, level in loggers.items():
        logger.setLevel(level)


def refused() -> failwell.FailwellError:
    """What a careless server's echo is raised as."""
    said = {"code": "boom", "message": f"You sent {SECRET}"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(400, json=said))
    with (
        failwell.Client(transport=transport) as client,
        pytest.raises(failwell.BadRequestError) as caught,
    ):
        client.post("https://api.example.org/", headers={"X-API-Key": SECRET})
    return caught.value


def test_a_failed_call_is_one_line(lines: Lines) -> None:
    """Its facts stand beside the message, under names that hold for every API."""
    error = refused()
    (line,) = lines()
    assert datetime.fromisoformat(line["time"]).tzinfo is not None
    assert (line["level"], line["logger"], line["event"]) == ("info", "failwell", "call_failed")
    assert (line["status"], line["code"], line["outcome"]) == (400, "boom", "not_started")
    assert (line["error"], line["reason"]) == ("BadRequestError", error.message)
    assert line["message"].startswith("POST https://api.example.org/: gave up")


@pytest.mark.parametrize("name", EVENTS)
def test_each_event_has_its_facts(name: str, lines: Lines) -> None:
    """Every kind of event says which it is; what is not known is left out."""
    event, facts = EVENTS[name]
    log(event)
    (line,) = lines()
    assert line["event"] == name
    assert facts.items() <= line.items()
    assert None not in line.values()


def test_other_records_are_lines_too(lines: Lines) -> None:
    """Whatever else is logged, with whatever `extra`, is one object a line."""
    itself: dict[str, Any] = {}
    itself["itself"] = itself
    extra = {"user": "ada", "sizes": {1, 2}, "odd": {(): object}, "deep": itself, "n": 7}
    logging.getLogger("app").warning("two\nlines of %s", "text", extra=extra)
    (line,) = lines()
    assert (line["level"], line["logger"], line["message"]) == (
        "warning",
        "app",
        "two\nlines of text",
    )
    assert (line["user"], sorted(line["sizes"]), line["n"]) == ("ada", [1, 2], 7)


def test_an_exception_brings_its_facts(lines: Lines) -> None:
    """An exception of failwell's is there as facts and as a traceback, any other as the latter."""
    for error in (refused(), ValueError("odd")):
        try:
            raise error
        except Exception:
            logging.getLogger("app").exception("it failed")
    _, ours, other = lines()
    assert ours["failure"]["kind"] == "bad_request"
    assert "BadRequestError" in ours["exception"]
    assert "failure" not in other
    assert "ValueError: odd" in other["exception"]


def test_nothing_secret_is_in_a_line(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """By value in failwell's own lines; by name and by form in everybody's."""
    error = refused()
    extra = {"password": SECRET, "sent": {"api_key": SECRET}, "url": f"https://me:{SECRET}@h/"}
    logging.getLogger("app").error("token=%s", SECRET, extra=extra, exc_info=error)
    told = json.dumps(lines())
    assert SECRET not in told
    assert told.count("[redacted]") >= 4
