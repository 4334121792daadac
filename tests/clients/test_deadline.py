"""One deadline bounds a whole call: its attempts, its waits and the inside of an attempt."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx2
import msgspec
import pytest

import failwell
from clients.fault_server import Act, Server, refusal
from clients.names import deaf, names
from clients.test_settle import ABSENT, UNKEYED, ask, shows
from clients.world import API, Face, World, read
from failwell import DeadlineExceededError, LookUp, Options, Outcome, Policy, Retry

SOON = Policy(retry=Retry(base=0.0, jitter=None), deadline=0.3)


@contextmanager
def takes(least: float, most: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert least <= time.monotonic() - began < most


async def caught(client: Face, method: str = "POST", **request: Any) -> failwell.FailwellError:
    with pytest.raises(failwell.FailwellError) as info:
        await client.request(method, "/records", **request)
    return info.value


@pytest.mark.parametrize("how", ["hang", "trickle_headers", "trickle_body"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_server_outlasts_it(world: World, how: Any, method: str) -> None:
    """A server that says nothing, or one byte after another, is left at the deadline."""
    act = Act(how, status=200, body=b"{" + b" " * 1000)
    with Server([act]) as server, takes(0.3, 2.0):
        error = world.run(
            lambda client: caught(client, method), base_url=server.url, policy=SOON, timeout=30
        )
    assert type(error) is DeadlineExceededError
    assert isinstance(error, failwell.APITimeoutError)
    began_to_answer = how == "trickle_body"
    write = Outcome.APPLIED if began_to_answer else Outcome.UNKNOWN
    assert error.outcome is (write if method == "POST" else None)
    assert len(error.attempts) == 1
    assert "deadline" in error.message


def test_a_slow_upload_does_not_outlast_it(world: World) -> None:
    """A server that does not read the body is left at the deadline; what it got is not whole."""
    contract = msgspec.structs.replace(API, whole_requests=True)
    with Server([Act("hang", commit=False, reads=False)]) as server, takes(0.3, 1.5):
        error = world.run(
            lambda client: caught(client, content=b"x" * 32_000_000),
            base_url=server.url,
            policy=SOON,
            timeout=30,
            contract=contract,
        )
    assert type(error) is DeadlineExceededError
    assert error.outcome is Outcome.NOT_STARTED


@contextmanager
def sipping() -> Iterator[str]:
    """A server that takes a little of what it is sent every 10 ms, and says nothing; its URL."""
    over = threading.Event()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.settimeout(5)

    def sip() -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                while not over.wait(0.01) and connection.recv(64 * 1024):
                    pass

    thread = threading.Thread(target=sip, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.close()
        thread.join(10)


def test_a_reader_that_sips_does_not_outlast_it() -> None:
    """Each part of the body that the socket takes does not get the whole time once more."""
    small = [(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)]
    with sipping() as url, takes(0.3, 2.0):
        error = World("sync").run(
            lambda client: caught(client, content=b"x" * 64_000_000),
            base_url=url,
            policy=SOON,
            transport=httpx2.HTTPTransport(socket_options=small),
        )
    assert type(error) is DeadlineExceededError


def test_many_addresses_do_not_outlast_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with four addresses that do not answer has the time of one; nothing was sent."""
    with deaf() as port, takes(0.3, 1.1):
        names(monkeypatch, *((f"127.0.0.{last}", port) for last in (1, 2, 3, 4)))
        error = World("sync").run(caught, base_url="http://many.test", policy=SOON, timeout=30)
    assert type(error) is DeadlineExceededError
    assert error.outcome is Outcome.NOT_STARTED


def test_an_address_that_answers_has_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those before it, that do not answer, leave it time; one that refuses takes none."""
    with deaf() as port, Server(listening=False) as shut, Server() as server, takes(0.0, 3.0):
        here = [("127.0.0.1", each) for each in (port, shut.port, server.port)]
        names(monkeypatch, *here)
        policy = Policy(retry=None, deadline=1.0)
        response = World("sync").run(
            lambda client: client.get("/r"), base_url="http://many.test", policy=policy
        )
    assert response.status_code == 200


def test_the_first_address_is_the_one_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the last one's error is the one that is told, as without a deadline."""
    with Server() as first, Server() as second, Server(listening=False) as shut:
        names(monkeypatch, ("127.0.0.1", first.port), ("127.0.0.1", second.port))
        sync = World("sync")
        sync.run(lambda client: client.get("/r"), base_url="http://many.test", policy=SOON)
        assert (first.connections, second.connections) == (1, 0)
        names(monkeypatch, *[("127.0.0.1", shut.port)] * 2)
        policy = Policy(retry=None, deadline=1.0)
        error = sync.run(caught, base_url="http://many.test", policy=policy)
    assert type(error) is failwell.APIConnectionError
    assert "refused" in error.message
    assert error.outcome is Outcome.NOT_STARTED


def test_a_name_that_is_none_is_no_connection() -> None:
    """As without a deadline: not started, and it may pass."""
    error = World("sync").run(caught, base_url="http://no-such.invalid", policy=SOON)
    assert type(error) is failwell.APIConnectionError
    assert error.outcome is Outcome.NOT_STARTED
    assert error.__cause__ is not None


class Wrapping(httpx2.BaseTransport):
    """What caches and logs are made like."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self.inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self.inner.handle_request(request)


class Routing(httpx2.BaseTransport):
    """One that has several below."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self.table = {"http": inner, "other": httpx2.MockTransport(lambda _: httpx2.Response(204))}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self.table[request.url.scheme].handle_request(request)


class Rotating(httpx2.BaseTransport):
    """One that takes turns."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self.turns = [inner]

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self.turns[0].handle_request(request)


@pytest.mark.parametrize(
    "wrapped",
    [Wrapping, Routing, Rotating, lambda inner: Wrapping(Routing(inner))],
    ids=["one", "dictionary", "list", "twice"],
)
def test_a_transport_that_wraps_another_keeps_to_it(wrapped: Any) -> None:
    """The sockets of the one inside are bound, wherever it is held."""
    act = Act("trickle_body", status=200, body=b"{" + b" " * 1000)
    with Server([act]) as server, takes(0.3, 2.0):
        error = World("sync").run(
            lambda client: caught(client, "GET"),
            base_url=server.url,
            policy=SOON,
            transport=wrapped(httpx2.HTTPTransport()),
        )
    assert type(error) is DeadlineExceededError


def test_the_retries_of_a_transport_keep_to_it() -> None:
    """httpx2's own wait between them, 0.5 s and more, included."""
    with Server(listening=False) as shut, takes(0.0, 1.2):
        error = World("sync").run(
            caught,
            base_url=shut.url,
            policy=SOON,
            transport=httpx2.HTTPTransport(retries=5),
        )
    assert isinstance(error, failwell.APIConnectionError)
    assert error.outcome is Outcome.NOT_STARTED


def test_a_trickled_refusal_is_still_the_answer(world: World) -> None:
    """A 500 whose body never ends is raised as what it is, at the deadline."""
    act = Act("trickle_body", status=500, body=b"{" + b" " * 1000, commit=False)
    with Server([act]) as server, takes(0.3, 2.0):
        error = world.run(caught, base_url=server.url, policy=SOON, timeout=30)
    assert type(error) is failwell.ServerError
    assert error.status_code == 500


def test_it_counts_all_attempts_together(world: World) -> None:
    """Attempts that each hang for 0.12 s do not add up to more than the deadline."""
    with Server([Act("hang")] * 9, honours_keys=True) as server, takes(0.25, 2.0):
        error = world.run(caught, base_url=server.url, policy=SOON, timeout=0.12)
    assert isinstance(error, failwell.APITimeoutError)
    assert error.outcome is Outcome.UNKNOWN
    assert len(server.requests) == len(error.attempts)
    assert 2 <= len(error.attempts) <= 3


def test_a_wait_that_does_not_fit_raises_the_last_real_error(world: World) -> None:
    """With 0.3 s left, a backoff of 1 s is not begun: the 503 itself is raised, at once."""
    policy = Policy(retry=Retry(base=1.0, jitter=None), deadline=0.3)
    with Server([refusal(503, "unavailable")]) as server, takes(0.0, 0.9):
        error = world.run(caught, base_url=server.url, policy=policy, really_sleeps=True)
    assert type(error) is failwell.ServiceUnavailableError
    assert len(error.attempts) == 1


def test_sleeps_count_too(world: World) -> None:
    """0.15 s of backoff fit into 0.3 s once, not twice."""
    policy = Policy(retry=Retry(base=0.15, cap=0.15, jitter=None), deadline=0.29)
    with Server([refusal(503, "unavailable")] * 9) as server, takes(0.15, 0.6):
        error = world.run(caught, base_url=server.url, policy=policy, really_sleeps=True)
    assert len(error.attempts) == 2


def test_a_call_has_its_own_deadline(world: World) -> None:
    """`Options` and `with_options` set it for their calls; None takes it off."""
    with Server([Act("hang")] * 2) as server, takes(0.3, 1.2):

        async def scenario(client: Face) -> list[Any]:
            extensions = {"failwell": Options(deadline=0.15)}
            first = await caught(client, "GET", extensions=extensions)
            second = await caught(client.with_options(deadline=0.15), "GET")
            return [type(first), type(second)]

        found = world.run(scenario, base_url=server.url, timeout=30)
    assert found == [DeadlineExceededError] * 2
    with Server([refusal(503, "unavailable")]) as server:
        world.run(
            lambda client: client.with_options(deadline=None).get("/r"),
            base_url=server.url,
            policy=Policy(retry=Retry(base=0.1, jitter=None), deadline=0.05),
        )
    assert len(server.requests) == 2


def test_the_clients_own_timeouts_go_on_working(world: World) -> None:
    """A read timeout shorter than the deadline ends an attempt, also for a bare request."""
    policy = Policy(retry=None, deadline=20.0)
    with Server([Act("hang")] * 2) as server, takes(0.2, 1.5):

        async def scenario(client: Face) -> list[failwell.FailwellError]:
            errors = [await caught(client, "GET")]
            with pytest.raises(failwell.APITimeoutError) as info:
                await client.send(httpx2.Request("GET", server.url))
            return [*errors, info.value]

        errors = world.run(scenario, base_url=server.url, timeout=0.1, policy=policy)
    assert {type(error) for error in errors} == {failwell.APITimeoutError}


def test_a_streamed_answer_keeps_to_it(world: World) -> None:
    """What is read of a stream is over at the deadline, however slowly it trickles."""
    act = Act("trickle_body", status=200, body=b"{" + b" " * 1000)
    with Server([act]) as server, takes(0.3, 2.0):

        async def consume(client: Face) -> None:
            async with client.stream("GET", "/records") as response:
                await read(response)

        async def scenario(client: Face) -> failwell.FailwellError:
            with pytest.raises(failwell.FailwellError) as info:
                await consume(client)
            return info.value

        error = world.run(scenario, base_url=server.url, policy=SOON, timeout=30)
    assert type(error) is DeadlineExceededError
    assert len(server.requests) == 1


def test_a_stream_that_never_begins_keeps_to_it(world: World) -> None:
    """A stream whose headers trickle is left at the deadline, too."""
    with Server([Act("trickle_headers")]) as server, takes(0.3, 2.0):

        async def scenario(client: Face) -> None:
            with pytest.raises(DeadlineExceededError):
                async with client.stream("GET", "/records"):
                    pass

        world.run(scenario, base_url=server.url, policy=SOON, timeout=30)


def test_a_look_up_keeps_to_it(world: World) -> None:
    """A settle time that does not fit is not slept, and a look-up that hangs is left."""
    look = LookUp(request=ask, found=shows, settle_time=50.0)
    contract = msgspec.structs.replace(UNKEYED, look_up=look)
    for second in (ABSENT, Act("hang")):
        with Server([Act("reset"), second]) as server, takes(0.0, 1.0):
            error = world.run(
                lambda client: caught(client, json={"name": "a"}),
                base_url=server.url,
                contract=contract,
                policy=SOON,
                really_sleeps=True,
                timeout=30,
            )
        assert error.outcome is Outcome.UNKNOWN


def test_a_connection_serves_on_after_it(world: World) -> None:
    """A deadline of one call does not reach into the next one, not even over its connection."""
    with Server() as server:

        async def scenario(client: Face) -> None:
            await client.get("/r", extensions={"failwell": Options(deadline=0.1)})
            time.sleep(0.15)
            assert (await client.get("/r")).status_code == 200

        world.run(scenario, base_url=server.url)
    assert server.connections == 1


@pytest.mark.parametrize("deadline", [0, -1, float("nan"), float("inf"), 10**400])
def test_a_deadline_is_a_positive_number(deadline: float) -> None:
    """Nonsense is refused where it is written down."""
    with pytest.raises(ValueError, match="deadline"):
        Policy(deadline=deadline)
    with pytest.raises(ValueError, match="deadline"):
        Options(deadline=deadline)


@pytest.mark.parametrize("deadline", [1e10, 10**12, 1e300])
def test_a_deadline_longer_than_a_socket_can_wait_is_one(world: World, deadline: float) -> None:
    """Without time-outs of the client's, too."""
    with Server() as server:
        response = world.run(
            lambda client: client.get("/r"),
            base_url=server.url,
            timeout=None,
            policy=Policy(deadline=deadline),
        )
    assert response.status_code == 200
