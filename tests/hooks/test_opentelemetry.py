"""OpenTelemetry, told by its own SDK: one span a call, one event an attempt, the right metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

import failwell
from clients.fault_server import Act, Server, error
from failwell.hooks.opentelemetry import BOUNDS, instrument

SECRET = "tok-1234-secret"
AGAIN = failwell.Policy(retry=failwell.Retry(max_retries=3, base=0.001, cap=0.001))
AWAY = Act(status=503, body=error(503, "away", "The engine is away"), commit=False)


class Observed:
    """A client of a server, in either world, and what the SDK has seen of it."""

    def __init__(self, is_async: bool, server: Server) -> None:
        self._spans, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self._traces = TracerProvider()
        self._traces.add_span_processor(SimpleSpanProcessor(self._spans))
        self._meters = MeterProvider([self._reader])
        self._is_async, self._server = is_async, server

    def call(self, method: str, path: str, **more: Any) -> Any:
        """What a call answers, or the failure that it raises."""

        def ask(client: Any) -> Any:
            return client.with_options(expect="any").request(method, path, **more)

        return self.run(ask)

    def run(self, ask: Callable[[Any], Any]) -> Any:
        """What `ask` makes of an instrumented client, or the exception that it raises."""
        how = {"base_url": self._server.url, "policy": AGAIN, "trust_env": False}
        try:
            return asyncio.run(self._arun(ask, how)) if self._is_async else self._run(ask, how)
        except Exception as raised:
            return raised

    def _run(self, ask: Callable[[Any], Any], how: dict[str, Any]) -> Any:
        with failwell.Client(**how) as client:
            return ask(self.watched(client))

    async def _arun(self, ask: Callable[[Any], Any], how: dict[str, Any]) -> Any:
        async with failwell.AsyncClient(**how) as client:
            return await ask(self.watched(client))

    def watched(self, client: Any) -> Any:
        return instrument(client, tracer_provider=self._traces, meter_provider=self._meters)

    def span(self) -> ReadableSpan:
        """The only span."""
        (span,) = self._spans.get_finished_spans()
        return span

    def points(self, name: str) -> list[Any]:
        """The data points of a metric."""
        data = self._reader.get_metrics_data()
        scopes = [s for r in data.resource_metrics for s in r.scope_metrics] if data else []
        found = [m for s in scopes for m in s.metrics if m.name == name]
        return [point for metric in found for point in metric.data.data_points]


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def observe(request: pytest.FixtureRequest) -> Iterator[Callable[..., Observed]]:
    servers: list[Server] = []

    def make(*script: Any) -> Observed:
        servers.append(Server(script))
        servers[-1].__enter__()
        return Observed(request.param, servers[-1])

    yield make
    for server in servers:
        server.__exit__(None, None, None)


def test_a_call_that_goes_well(observe: Callable[..., Observed]) -> None:
    """One client span of the conventions' attributes, one attempt in it, one duration."""
    seen = observe()
    assert seen.call("GET", "/records", params={"page": 2, "api_key": SECRET}).status_code == 200
    span = seen.span()
    assert (span.name, span.kind, span.status.status_code) == (
        "GET",
        SpanKind.CLIENT,
        StatusCode.UNSET,
    )
    told = dict(span.attributes)
    assert told.pop("url.full").endswith("/records?page=2&api_key=[redacted]")
    assert told.pop("server.port") > 0
    assert told == {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "url.scheme": "http",
        "http.response.status_code": 200,
    }
    assert [event.name for event in span.events] == ["failwell.attempt"]
    (point,) = seen.points("http.client.request.duration")
    assert (point.count, tuple(point.explicit_bounds)) == (1, BOUNDS)
    assert point.attributes["http.response.status_code"] == 200
    assert "url.full" not in point.attributes


def test_attempts_are_events(observe: Callable[..., Observed]) -> None:
    """A call that recovers is one span: an event, a duration and a count for each attempt."""
    seen = observe(AWAY, AWAY)
    assert seen.call("GET", "/records").status_code == 200
    span = seen.span()
    statuses = [event.attributes["http.response.status_code"] for event in span.events]
    assert statuses == [503, 503, 200]
    assert [e.attributes["failwell.attempt.number"] for e in span.events] == [1, 2, 3]
    assert span.attributes["http.request.resend_count"] == 2
    assert span.status.status_code is StatusCode.UNSET
    durations = seen.points("http.client.request.duration")
    by_status = {p.attributes["http.response.status_code"]: p.count for p in durations}
    assert by_status == {503: 2, 200: 1}
    (retries,) = seen.points("failwell.client.retries")
    assert (retries.value, retries.attributes["error.type"]) == (2, "503")


def test_a_call_that_fails(observe: Callable[..., Observed]) -> None:
    """The span is an error and carries what the exception says: kind, outcome, request id."""
    seen = observe(Act(status=422, body=error(422, "bad", "No such unit"), commit=False))
    raised = seen.call("POST", "/records", json={})
    assert isinstance(raised, failwell.UnprocessableError)
    span = seen.span()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "No such unit")
    assert span.attributes["error.type"] == "422"
    assert span.attributes["failwell.kind"] == "unprocessable"
    assert span.attributes["failwell.outcome"] == "not_started"
    (failures,) = seen.points("failwell.client.failures")
    assert (failures.value, failures.attributes["failwell.outcome"]) == (1, "not_started")


def test_a_lost_answer(observe: Callable[..., Observed]) -> None:
    """Where no answer came, the fault is the type of the error, and the outcome is unknown."""
    seen = observe(Act("reset"))
    assert isinstance(seen.call("POST", "/records", json={}), failwell.APIConnectionError)
    span = seen.span()
    assert span.attributes["failwell.outcome"] == "unknown"
    assert "http.response.status_code" not in span.attributes
    (point,) = seen.points("http.client.request.duration")
    assert point.attributes["error.type"] == span.attributes["error.type"]


def test_the_context_travels(observe: Callable[..., Observed]) -> None:
    """Each attempt carries the span's own `traceparent`."""
    seen = observe(AWAY)
    seen.call("GET", "/records")
    context = seen.span().context
    sent = [request.headers["traceparent"] for request in seen._server.requests]
    ids = f"{context.trace_id:032x}-{context.span_id:016x}"
    assert sent == [f"00-{ids}-{context.trace_flags:02x}"] * 2


def test_no_secret_is_told(observe: Callable[..., Observed]) -> None:
    """What a careless server echoes is in no attribute, event or status."""
    echo = Act(status=500, body=error(500, "boom", f"You sent {SECRET}"), commit=False)
    seen = observe(echo)
    seen.call("POST", "/records", json={}, headers={"Authorization": f"Bearer {SECRET}"})
    assert SECRET not in seen.span().to_json()
    assert "[redacted]" in seen.span().to_json()


def test_other_exceptions_end_the_span(observe: Callable[..., Observed]) -> None:
    """What is no failure of the API ends the span as an error of its own class, unquoted."""

    def body() -> Iterator[bytes]:
        raise ZeroDivisionError(SECRET)
        yield b""

    async def abody() -> Any:
        for part in body():
            yield part

    seen = observe()
    content = abody() if seen._is_async else body()
    assert isinstance(seen.call("POST", "/records", content=content), ZeroDivisionError)
    assert seen.span().attributes["error.type"] == "ZeroDivisionError"
    assert SECRET not in seen.span().to_json()


def test_unknown_methods_are_counted_together(observe: Callable[..., Observed]) -> None:
    """A method that the conventions do not list is `_OTHER`, beside its own name."""
    seen = observe()
    seen.call("BREW", "/records")
    assert seen.span().name == "HTTP"
    assert seen.span().attributes["http.request.method"] == "_OTHER"
    assert seen.span().attributes["http.request.method_original"] == "BREW"


def test_a_client_is_instrumented_once() -> None:
    """It stays the same client of the same class for whoever asks, and its views are watched."""
    with failwell.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(204))) as client:
        assert instrument(instrument(client)) is client
        assert isinstance(client, failwell.Client)
        assert type(client).__name__ == "Client"
        assert client.get("https://api.example.org/").status_code == 204


def test_events_outside_a_call_are_passed_over() -> None:
    """The hook alone, on a client that is not instrumented, does nothing."""
    from failwell.hooks.opentelemetry import Telemetry

    transport = httpx2.MockTransport(lambda _: httpx2.Response(404))
    with (
        failwell.Client(transport=transport, hooks=[Telemetry()]) as client,
        pytest.raises(failwell.NotFoundError),
    ):
        client.get("https://api.example.org/")
