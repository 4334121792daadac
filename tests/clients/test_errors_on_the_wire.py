"""What an exception says, read off real answers; and what is refused before anything is sent."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import signal
import threading
import time
import traceback
from typing import Any

import pytest

import failwell
from clients.fault_server import Act, Server, error, refusal
from clients.world import API, Face, World
from failwell import FailwellError, InvalidRequestError, Kind, Outcome, Policy, Retry

ONCE = Policy(retry=None)


def provoke(world: World, script: list[Any], method: str = "POST", **arguments: Any) -> Any:
    """The error that a call meets, and the server."""
    request = arguments.pop("request", {})
    with Server(script) as server:

        async def scenario(client: Face) -> FailwellError:
            with pytest.raises(FailwellError) as caught:
                await client.request(method, "/records", **request)
            return caught.value

        found = world.run(scenario, base_url=server.url, **arguments)
    return found, server


def test_every_fact_of_an_answer_is_there(world: World) -> None:
    """All that the API said is on the exception, under the same names for every API."""
    body = error(
        422,
        "invalid",
        "Two fields are wrong.",
        details=[
            {"path": "parts[0].count", "message": "must be above 0", "value": -1},
            {"field": "name", "message": "is missing"},
        ],
        request_id="req_1",
        timestamp="2025-01-02T03:04:05Z",
    )
    act = Act(status=422, body=body, commit=False, headers=(("Retry-After", "9"),))
    found, _ = provoke(world, [act])
    assert type(found) is failwell.UnprocessableError
    assert found.status_code == 422
    assert found.code == "invalid"
    assert found.message == str(found) == "Two fields are wrong."
    assert found.kind is Kind.UNPROCESSABLE
    assert found.outcome is Outcome.NOT_STARTED
    assert found.details[0]["value"] == -1
    assert [issue.pointer for issue in found.issues] == ["/parts/0/count", "/name"]
    assert found.errors[0]["message"] == "must be above 0"
    assert found.data["error"]["code"] == "invalid"
    assert found.body == body.decode()
    assert found.request_id == "req_1"
    assert found.retry_after == 9.0
    assert found.timestamp == "2025-01-02T03:04:05Z"
    assert found.advice
    assert found.failure.api == "Records"
    assert found.failure.method == "POST"
    assert found.failure.url.endswith("/records")


@pytest.mark.parametrize(
    ("status", "cls", "kind"),
    [
        (400, failwell.BadRequestError, Kind.BAD_REQUEST),
        (401, failwell.AuthenticationError, Kind.UNAUTHENTICATED),
        (403, failwell.PermissionDeniedError, Kind.PERMISSION_DENIED),
        (404, failwell.NotFoundError, Kind.NOT_FOUND),
        (405, failwell.APIError, Kind.METHOD_NOT_ALLOWED),
        (409, failwell.ConflictError, Kind.CONFLICT),
        (410, failwell.GoneError, Kind.GONE),
        (413, failwell.PayloadTooLargeError, Kind.TOO_LARGE),
        (418, failwell.APIError, Kind.OTHER_CLIENT),
        (422, failwell.UnprocessableError, Kind.UNPROCESSABLE),
        (429, failwell.RateLimitError, Kind.RATE_LIMITED),
        (500, failwell.ServerError, Kind.INTERNAL),
        (502, failwell.ServerError, Kind.GATEWAY),
        (503, failwell.ServiceUnavailableError, Kind.UNAVAILABLE),
        (504, failwell.ServerError, Kind.GATEWAY),
        (599, failwell.ServerError, Kind.INTERNAL),
    ],
)
def test_each_status_has_its_class(
    world: World, status: int, cls: type[Exception], kind: Kind
) -> None:
    """The class and the kind are those of HTTP, for an API that nobody has declared."""
    act = Act(status=status, body=b'{"detail": "No."}', commit=False)
    found, _ = provoke(world, [act], contract=failwell.GENERIC, policy=ONCE)
    assert (type(found), found.kind, found.status_code) == (cls, kind, status)
    assert found.message == "No."
    told = status < 500 and status not in (408, 409)
    assert found.outcome is (Outcome.NOT_STARTED if told else Outcome.UNKNOWN)


def test_the_request_id_is_read_from_the_header(world: World) -> None:
    """Where the body has none, the header that the contract names does."""
    act = refusal(404, "not_found", headers=(("X-Request-Id", "req-7"),))
    found, _ = provoke(world, [act])
    assert found.request_id == "req-7"
    assert found.attempts[0].request_id == "req-7"


def test_the_attempts_tell_the_story(world: World) -> None:
    """Number, method, URL, status or fault, elapsed, wait and request id of each attempt."""
    script = [
        refusal(503, "unavailable", headers=(("X-Request-Id", "req-1"),), commit=True),
        Act("reset"),
        refusal(422, "invalid"),
    ]
    began = time.time()
    found, server = provoke(
        world,
        script,
        policy=Policy(retry=Retry(jitter=None)),
        request={"params": {"token": "x" * 9}},
    )
    first, second, third = found.attempts
    assert [a.number for a in found.attempts] == [1, 2, 3]
    assert {a.method for a in found.attempts} == {"POST"}
    assert {a.url for a in found.attempts} == {server.url + "/records?token=[redacted]"}
    assert (first.status, first.fault, first.request_id, first.wait) == (503, None, "req-1", 1.0)
    assert (second.status, second.fault, second.wait) == (None, "ReadError", 2.0)
    assert (third.status, third.wait) == (422, None)
    assert all(0 < a.elapsed < 5 for a in found.attempts)
    assert all(began - 1 < a.at < time.time() for a in found.attempts)
    assert found.outcome is Outcome.UNKNOWN


def test_a_traceback_tells_it_too(world: World) -> None:
    """A note of a few lines: what was sent, each attempt, the outcome and what to do."""
    found, _ = provoke(
        world,
        [refusal(503, "unavailable", commit=True), Act("reset", commit=False)],
        policy=Policy(retry=Retry(max_retries=1)),
    )
    told = "".join(traceback.format_exception(found))
    assert "attempt 1: status 503" in told
    assert "then waited" in told
    assert "attempt 2: ReadError" in told
    assert "outcome: unknown" in told
    assert "client.settle(error)" in told
    assert len(found.__notes__) == 1
    assert len(found.__notes__[0].splitlines()) < 8


@pytest.mark.parametrize("how", ["pickle", "copy", "deepcopy"])
@pytest.mark.parametrize("fault", ["refusal", "reset", "page"])
def test_copies_are_equal(world: World, how: str, fault: str) -> None:
    """Same class, failure, attempts, cause and notes, from pickle, copy and deepcopy."""
    act = {
        "refusal": refusal(422, "invalid"),
        "reset": Act("reset"),
        "page": Act(status=200, body=b"<h1>Hello</h1>", content_type="text/html"),
    }[fault]
    found, _ = provoke(world, [act], policy=ONCE)
    found.add_note("mine")
    other = {
        "pickle": lambda e: pickle.loads(pickle.dumps(e)),
        "copy": copy.copy,
        "deepcopy": copy.deepcopy,
    }[how](found)
    assert other == found
    assert type(other) is type(found)
    assert (other.failure, other.attempts, other.sent) == (
        found.failure,
        found.attempts,
        found.sent,
    )
    assert other.__notes__ == found.__notes__
    assert repr(other.__cause__) == repr(found.__cause__)
    assert getattr(found.__cause__, "_request", None) is None


MALFORMED = [
    "http://[::1",
    "http://host:port/",
    "http://exa mple.com/",
    "http://x\n.test/",
    "http://" + "a" * 70 + ".test/",
    "http://a..b/",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:-1/",
    "http://127.0.0.1:0/",
    "http:///nohost",
    "ftp://127.0.0.1/file",
    "file:///etc/hosts",
    "mailto:a@b.test",
    "/relative",
    "",
    "127.0.0.1/x",
    "http://" + "x" * 70_000,
    "http://\ud800/",
    "http://127.0.0.1/\udc80",
]


@pytest.mark.parametrize("url", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_urls_are_refused(world: World, url: str) -> None:
    """What cannot be a URL of this client's is `InvalidRequestError`, and nothing is sent."""

    async def scenario(client: Face) -> FailwellError:
        with pytest.raises(FailwellError) as caught:
            await client.post(url)
        return caught.value

    found = world.run(scenario, policy=Policy(retry=Retry(max_retries=1)), timeout=5)
    assert type(found) is InvalidRequestError, found
    assert isinstance(found, ValueError)
    assert found.outcome is Outcome.NOT_STARTED
    assert len(found.attempts) <= 1


@pytest.mark.parametrize(
    "headers",
    [{"X-Name": "Ä"}, {"X-Näme": "a"}, {"X-Name": "a\r\nB: c"}, {"X Name": "a"}, {"X-N": "\x00"}],
)
def test_bad_headers_are_refused(world: World, headers: dict[str, str]) -> None:
    """A header that cannot be sent is `InvalidRequestError`; no byte of the request goes out."""
    with Server() as server:

        async def scenario(client: Face) -> FailwellError:
            with pytest.raises(InvalidRequestError) as caught:
                await client.post("/x", headers=headers)
            return caught.value

        found = world.run(scenario, base_url=server.url)
    assert server.requests == []
    assert found.outcome is Outcome.NOT_STARTED


def test_a_view_of_unknown_options_is_refused(world: World) -> None:
    """A misspelt option is a `TypeError` where it is written."""

    async def scenario(client: Face) -> None:
        with pytest.raises(TypeError):
            client.with_options(deadlin=3)

    world.run(scenario)


def test_nothing_is_printed_and_no_handler_installed(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """A library is silent until it is asked: no output, no handler, no level."""
    provoke(world, [Act("reset"), refusal(422, "invalid")])
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")
    assert logging.getLogger("failwell").handlers == []
    assert logging.getLogger("failwell").level == logging.NOTSET


def test_it_logs_when_asked(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """One line for each attempt that failed and one for the end, with the facts beside it."""
    caplog.set_level(logging.INFO, logger="failwell")
    provoke(world, [Act("reset"), refusal(422, "invalid")])
    first, last = [record for record in caplog.records if record.name == "failwell"]
    assert "attempt 1: ReadError; again in" in first.getMessage()
    assert "gave up after 2 (permanent)" in last.getMessage()
    assert isinstance(first.failwell, failwell.events.AttemptFailed)  # type: ignore[attr-defined]
    assert {record.levelno for record in (first, last)} == {logging.INFO}


def test_hooks_are_told_and_cannot_break_a_call(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Each hook hears of each failed attempt and of the recovery; one that raises is logged."""
    told: list[Any] = []

    def broken(event: Any) -> None:
        raise LookupError("in the hook")

    with Server([Act("reset")], honours_keys=True) as server:
        world.run(
            lambda client: client.post("/x"), base_url=server.url, hooks=[broken, told.append]
        )
    assert [type(event).__name__ for event in told] == ["AttemptFailed", "Recovered"]
    assert told[0].key == server.keys[0]
    assert "in the hook" in caplog.text


def test_a_cancelled_task_leaves_a_note() -> None:
    """A task that is cancelled while its write is under way says that it may have taken effect."""
    with Server([Act("hang")]) as server:

        async def main() -> BaseException:
            client = World("async").client(base_url=server.url)
            task = asyncio.create_task(client.post("/x"))
            while not server.requests:
                await asyncio.sleep(0.01)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError as stopped:
                return stopped
            finally:
                await client.aclose()
            raise AssertionError("not cancelled")

        stopped = asyncio.run(main())
    said = "".join(traceback.format_exception(stopped))
    assert "POST" in said
    assert str(server.keys[0]) in said
    assert "may or may not have taken effect" in said


def interrupted(script: list[Any], **arguments: Any) -> BaseException:
    """What comes of a sync write that Ctrl-C meets, soon after its request has arrived."""
    over = threading.Event()
    with Server(script) as server:

        def interrupt() -> None:
            while not server.requests and not over.wait(0.01):
                pass
            if not over.wait(0.1):
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        def call() -> None:
            try:
                client.post("/x")
            finally:
                over.set()

        thread = threading.Thread(target=interrupt)
        client = World("sync").client(base_url=server.url, **arguments)
        thread.start()
        with client, pytest.raises(KeyboardInterrupt) as caught:
            call()
        thread.join()
        return caught.value


def test_an_interrupt_leaves_a_note() -> None:
    """Ctrl-C while an answer is awaited: the traceback says what may have happened."""
    stopped = interrupted([Act("hang")])
    assert "may or may not have taken effect" in stopped.__notes__[0]


def test_an_interrupted_wait_leaves_a_note() -> None:
    """Ctrl-C in the pause after a lost answer, likewise."""
    stopped = interrupted(
        [Act("reset")],
        policy=Policy(retry=Retry(base=20.0, jitter=None)),
    )
    assert "may or may not have taken effect" in stopped.__notes__[0]


def test_an_interrupted_wait_after_a_refusal_says_nothing() -> None:
    """Ctrl-C in the pause after a 429 that did nothing: there is nothing to fear."""
    stopped = interrupted(
        [refusal(429, "busy")],
        policy=Policy(retry=Retry(base=20.0, jitter=None)),
    )
    assert not getattr(stopped, "__notes__", [])


def test_an_interrupted_read_says_nothing(world: World) -> None:
    """A read has no effect to speak of."""
    with Server([Act("hang")]) as server:

        async def scenario(client: Face) -> None:
            with pytest.raises(failwell.APITimeoutError) as caught:
                await client.get("/x", timeout=0.1)
            assert caught.value.outcome is None
            assert "outcome" not in caught.value.__notes__[0]

        world.run(scenario, base_url=server.url, policy=ONCE)


def test_an_apis_own_classes_are_raised(world: World) -> None:
    """A contract puts its own class in the place of failwell's; both can be caught."""

    class RecordsError(FailwellError):
        pass

    class RecordsMissing(RecordsError, failwell.NotFoundError):  # noqa: N818
        pass

    import msgspec

    contract = msgspec.structs.replace(API, exceptions={Kind.NOT_FOUND: RecordsMissing})
    found, _ = provoke(world, [refusal(404, "not_found")], contract=contract)
    assert type(found) is RecordsMissing
    assert isinstance(found, failwell.NotFoundError)


def test_a_huge_error_is_kept_in_part(world: World) -> None:
    """Of a 3 MB error page at most 64 KiB are kept; it is still raised for what it is."""
    act = Act(status=500, body=b"<h1>Broken</h1>" + b"x" * 3_000_000, content_type="text/html")
    found, _ = provoke(world, [act], method="GET", policy=ONCE)
    assert type(found) is failwell.ServerError
    assert "Broken" in found.message
    assert len(found.failure.body) <= 64 * 1024


def test_request_ids_go_out_where_the_api_takes_them(world: World) -> None:
    """With `accepts`, each call names itself, and every attempt of it alike."""
    import msgspec

    ids = failwell.RequestIds(header="X-Trace", accepts=True)
    contract = msgspec.structs.replace(API, request_ids=ids)
    with Server([Act("reset")], honours_keys=True) as server:

        async def scenario(client: Face) -> None:
            await client.post("/x")
            await client.get("/x", headers={"X-Trace": "mine"})

        world.run(scenario, base_url=server.url, contract=contract)
    sent = [seen.headers["x-trace"] for seen in server.requests]
    assert sent[0] == sent[1] != "mine"
    assert sent[2] == "mine"
