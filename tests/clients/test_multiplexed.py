"""A deadline over a connection of HTTP/2 that several threads share: each call keeps to its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import httpcore
import httpcore2
import httpx
import httpx2
import pytest

import failwell
from clients.h2_server import SECONDS, Http2Server
from clients.test_deadline import takes
from failwell import APITimeoutError, DeadlineExceededError, Options, Policy
from failwell.clients import multiplexed
from failwell.clients.httpx import Transport

ONCE = Policy(retry=None, breaker=None, budget=None)
SOON = {"failwell": Options(deadline=0.3)}


@contextmanager
def client_of(server: Http2Server) -> Iterator[failwell.Client]:
    with failwell.Client(
        base_url=server.url, policy=ONCE, timeout=None, http1=False, http2=True, trust_env=False
    ) as client:
        yield client


@contextmanager
def beside(server: Http2Server, call: Any, *args: Any) -> Iterator[Future[Any]]:
    """Another thread's call, that has arrived at the server; it ends with the block."""
    with ThreadPoolExecutor(1) as pool:
        try:
            future = pool.submit(call, *args)
            assert server.arrived.acquire(timeout=SECONDS)
            yield future
        finally:
            server.__exit__()


def test_a_call_that_waits_behind_a_reader_is_left_at_its_deadline() -> None:
    """Another thread, without a limit of its own, is reading from the connection."""
    with Http2Server() as server, client_of(server) as client:
        client.get("/warm")
        assert server.arrived.acquire(timeout=SECONDS)
        with beside(server, client.get, "/hang") as other:
            with takes(0.3, 2.0), pytest.raises(DeadlineExceededError):
                client.get("/hang", extensions=SOON)
            assert not other.done()
        assert isinstance(other.exception(), failwell.APIConnectionError)
    assert server.connections == 1


def test_the_first_call_on_a_connection_is_no_exception() -> None:
    """It opened the connection, and waits behind the second one."""
    with Http2Server() as server, client_of(server) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.get, "/hang", extensions={"failwell": Options(deadline=0.6)})
        assert server.arrived.acquire(timeout=SECONDS)
        with beside(server, client.get, "/hang"), takes(0.0, 3.0):
            assert isinstance(first.exception(SECONDS), DeadlineExceededError)
    assert server.connections == 1


def test_a_deadline_ends_its_own_call_alone() -> None:
    """The thread that reads for all has a deadline; the others' answers still come."""
    with Http2Server() as server, client_of(server) as client:
        client.get("/warm")
        assert server.arrived.acquire(timeout=SECONDS)
        with ThreadPoolExecutor(2) as pool:
            late = pool.submit(client.get, "/hang", extensions=SOON)
            assert server.arrived.acquire(timeout=SECONDS)
            slow = pool.submit(client.get, "/slow")
            assert isinstance(late.exception(SECONDS), DeadlineExceededError)
            server.released.set()
            assert slow.result(SECONDS).json() == {"ok": True}
    assert server.connections == 1


def test_who_queues_for_a_stream_is_left_at_its_deadline() -> None:
    """The server takes one at a time; nothing was sent of the second."""
    with Http2Server(streams=1) as server, client_of(server) as client:
        client.get("/warm")
        assert server.arrived.acquire(timeout=SECONDS)
        late = pytest.raises(DeadlineExceededError)
        with beside(server, client.get, "/hang"), takes(0.3, 2.0), late as caught:
            client.post("/second", json={}, extensions=SOON)
        assert caught.value.outcome == "not_started"
        assert "/second" not in server.paths


def test_who_waits_for_anothers_connect_is_left_at_its_deadline() -> None:
    """One thread connects for all; nothing was sent by those who wait for it."""
    connecting, done = threading.Event(), threading.Event()
    transport: Any = httpx2.HTTPTransport(http1=False, http2=True, trust_env=False)

    class Slow(httpcore2.SyncBackend):
        def connect_tcp(self, *args: Any, **kwargs: Any) -> Any:
            connecting.set()
            done.wait(SECONDS)
            return super().connect_tcp(*args, **kwargs)

    transport._pool._network_backend = Slow()
    with (
        Http2Server() as server,
        failwell.Client(
            base_url=server.url, policy=ONCE, timeout=None, transport=transport
        ) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        other = pool.submit(client.get, "/first")
        assert connecting.wait(SECONDS)
        try:
            with takes(0.3, 2.0), pytest.raises(APITimeoutError) as caught:
                client.post("/second", json={}, extensions=SOON)
        finally:
            done.set()
        assert other.result(SECONDS).status_code == 200
    assert caught.value.outcome == "not_started"
    assert "/second" not in server.paths


def test_over_httpx_too() -> None:
    """What was an httpx client keeps to them as well."""
    inner = httpx.HTTPTransport(http1=False, http2=True, trust_env=False)
    transport = Transport(inner, policy=ONCE)
    with (
        Http2Server() as server,
        httpx.Client(transport=transport, base_url=server.url, timeout=None) as client,
    ):
        client.get("/warm")
        assert server.arrived.acquire(timeout=SECONDS)
        late = pytest.raises(httpx.ReadTimeout)
        with beside(server, client.get, "/hang"), takes(0.3, 2.0), late:
            client.get("/hang", extensions=SOON)


@pytest.mark.parametrize("module", [httpcore, httpcore2])
def test_the_names_that_are_bound_are_there(module: ModuleType) -> None:
    """httpcore's private ones: one that goes leaves its wait unbounded, and must be found again."""
    from importlib import import_module

    origin = module.Origin(b"http", b"127.0.0.1", 80)
    pool = module.ConnectionPool(http1=False, http2=True)
    multiplexed.bind(pool, module)
    connection = pool.create_connection(origin)
    assert isinstance(connection._request_lock, multiplexed._Lock)
    h2 = import_module(f"{module.__name__}._sync.http2")
    connection._connection = shared = h2.HTTP2Connection(origin, module.MockStream([]))
    with connection._request_lock:
        pass
    for name in ("_init_lock", "_read_lock", "_write_lock"):
        assert isinstance(getattr(shared, name), multiplexed._Lock)
    assert shared._read_exception is None
    shared._max_streams_semaphore = import_module(f"{module.__name__}._synchronization").Semaphore(
        1
    )
    with shared._init_lock:
        pass
    assert isinstance(shared._max_streams_semaphore, multiplexed._Queue)


@pytest.mark.parametrize("module", [httpcore, httpcore2])
def test_so_are_those_of_a_connection_through_a_proxy(module: ModuleType) -> None:
    """A tunnel, too, is dug by one thread for all."""
    pool = module.HTTPProxy("http://127.0.0.1:1", http2=True)
    multiplexed.bind(pool, module)
    connection = pool.create_connection(module.Origin(b"https", b"127.0.0.1", 443))
    assert isinstance(connection._connect_lock, multiplexed._Lock)


def test_a_pool_that_speaks_no_http2_is_left_as_it_is() -> None:
    """Nobody shares its connections, and nothing is added to a call."""
    pool = httpcore2.ConnectionPool()
    multiplexed.bind(pool, httpcore2)
    assert "create_connection" not in vars(pool)
