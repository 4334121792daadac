"""OpenTelemetry: one span a call, one event an attempt, and the metrics of HTTP clients.

    client = instrument(failwell.Client(base_url="https://api.example.org"))

Names and attributes are those of the semantic conventions for HTTP, which are stable; what they
have no word for begins with `failwell.`. Needs `opentelemetry-api`; without an SDK it does nothing.

Sources: https://opentelemetry.io/docs/specs/semconv/http/http-spans/ and
https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ (schema 1.44.0).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import httpx2
import msgspec
from opentelemetry import metrics, propagate, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from failwell import redaction
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.errors import FailwellError
from failwell.events import AttemptFailed, CallFailed, Event
from failwell.hooks import facts
from failwell.model import Attempt

C = TypeVar("C", Client, AsyncClient)

SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Buckets (s) that the conventions advise for the duration of requests."""

_METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
_PORTS = {"http": 80, "https": 443}


def instrument(
    client: C,
    *,
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
) -> C:
    """The same client, each of whose calls is a span from now on, and so are those of its views.

    The span is the client's side of the whole call, with its retries and waits; it carries what
    the exception says of the outcome. Its context travels with the request (`traceparent`). Of a
    call that streams it ends when the answer has begun. Without providers the global ones serve.
    A client that is instrumented already is left as it is.
    """
    if isinstance(client, (_Traced, _AsyncTraced)):
        return client
    telemetry = Telemetry(tracer_provider, meter_provider)
    traced = cast("Any", client)
    rim = msgspec.structs.replace(client.rim, hooks=(*client.rim.hooks, telemetry))
    traced._settings = msgspec.structs.replace(traced._settings, rim=rim)
    traced._telemetry = telemetry
    traced.__class__ = _traced(type(client))
    return client


def _traced(cls: type[Any]) -> type[Any]:
    """The client's own class, with a span around `send`; a view, being a copy, keeps it."""
    base = _Traced if issubclass(cls, Client) else _AsyncTraced
    return type(cls.__name__, (base, cls), {"__module__": cls.__module__})


class _Traced:
    _telemetry: Telemetry

    def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
        with self._telemetry.span(request) as call:
            send = cast("Callable[..., httpx2.Response]", super().send)  # type: ignore[misc]
            response = send(request, **how)
            call.went_well(response)
        return response


class _AsyncTraced:
    _telemetry: Telemetry

    async def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
        with self._telemetry.span(request) as call:
            send = cast("Callable[..., Awaitable[httpx2.Response]]", super().send)  # type: ignore[misc]
            response = await send(request, **how)
            call.went_well(response)
        return response


class Telemetry:
    """The instruments, and the hook that tells them what became of each attempt."""

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self.tracer = trace.get_tracer("failwell", None, tracer_provider, SCHEMA)
        meter = metrics.get_meter("failwell", "", meter_provider, SCHEMA)
        self.duration = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=BOUNDS,
        )
        self.retries = meter.create_counter(
            "failwell.client.retries", "{request}", "Requests that were sent again."
        )
        self.failures = meter.create_counter(
            "failwell.client.failures", "{call}", "Calls that ended in an exception."
        )

    def __call__(self, event: Event) -> None:
        """Tell the call that is under way here of an attempt that failed."""
        call = _under_way.get()
        if call is None:
            return
        match event:
            case AttemptFailed(attempt):
                call.attempt_failed(attempt)
                self.retries.add(1, call.labels | _ended(attempt))
            case CallFailed(error) if error.attempts:
                call.attempt_failed(error.attempts[-1])
            case _:
                pass

    @contextmanager
    def span(self, request: httpx2.Request) -> Generator[_Call]:
        """A span around the call of this request, whose headers then carry its context."""
        labels, attributes = _labels(request), _attributes(request)
        name = labels["http.request.method"].replace("_OTHER", "HTTP")
        with self.tracer.start_as_current_span(
            name, kind=SpanKind.CLIENT, attributes=attributes | labels,
            record_exception=False, set_status_on_exception=False,
        ) as span:  # fmt: skip
            propagate.inject(request.headers)
            call = _Call(self, span, labels)
            token = _under_way.set(call)
            try:
                yield call
            except BaseException as error:
                call.failed(error)
                raise
            finally:
                _under_way.reset(token)


class _Call:
    """One call under way: its span, and when its present attempt began (s)."""

    def __init__(self, telemetry: Telemetry, span: Span, labels: dict[str, Any]) -> None:
        self.telemetry, self.span, self.labels = telemetry, span, labels
        self.failed_attempts = 0
        self.began = time.perf_counter()

    def attempt_failed(self, attempt: Attempt) -> None:
        self.failed_attempts = attempt.number
        self.began = time.perf_counter() + (attempt.wait or 0.0)
        self.telemetry.duration.record(attempt.elapsed, self.labels | _ended(attempt))
        self.span.add_event("failwell.attempt", _told(attempt))

    def went_well(self, response: httpx2.Response) -> None:
        elapsed = max(0.0, time.perf_counter() - self.began)
        status = {"http.response.status_code": response.status_code}
        self.telemetry.duration.record(elapsed, self.labels | status)
        number = self.failed_attempts + 1
        said: dict[str, Any] = {"failwell.attempt.number": number} | status
        self.span.add_event("failwell.attempt", said | {"failwell.attempt.elapsed": elapsed})
        self.span.set_attributes(status | _resent(number))

    def failed(self, error: BaseException) -> None:
        if not isinstance(error, FailwellError):
            self.span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            self.span.set_attribute("error.type", type(error).__qualname__)
            return
        told = facts.of_error(error)
        known = {f"failwell.{name}": told[name] for name in _SAID if name in told}
        self.telemetry.failures.add(1, self.labels | {n: known[n] for n in _COUNTED if n in known})
        last = _ended(error.attempts[-1]) if error.attempts else {"error.type": told["error"]}
        self.span.set_attributes(known | last | _resent(len(error.attempts)))
        self.span.set_status(Status(StatusCode.ERROR, error.message))


_under_way: ContextVar[_Call | None] = ContextVar("failwell_call", default=None)

_SAID = ("api", "code", "kind", "outcome", "request_id", "retry_after", "idempotency_key")
_COUNTED = ("failwell.api", "failwell.kind", "failwell.outcome")


def _labels(request: httpx2.Request) -> dict[str, Any]:
    """What spans and metrics share; of few values, for each set of them is a time series."""
    method, url = request.method, request.url
    return {
        "http.request.method": method if method in _METHODS else "_OTHER",
        "server.address": url.host,
        "server.port": url.port or _PORTS.get(url.scheme, 0),
        "url.scheme": url.scheme,
    }


def _attributes(request: httpx2.Request) -> dict[str, Any]:
    attributes = {"url.full": redaction.url(str(request.url))}
    if request.method not in _METHODS:
        attributes["http.request.method_original"] = request.method
    return attributes


def _ended(attempt: Attempt) -> dict[str, Any]:
    """How an attempt failed, in the conventions' words."""
    if attempt.status is None:
        return {"error.type": attempt.fault or "_OTHER"}
    fault = attempt.fault or str(attempt.status)
    return {"http.response.status_code": attempt.status, "error.type": fault}


def _told(attempt: Attempt) -> dict[str, Any]:
    names = ("number", "elapsed", "wait", "request_id")
    said = {name: getattr(attempt, name) for name in names} | {"outcome": attempt.outcome}
    known = {f"failwell.attempt.{n}": value for n, value in said.items() if value is not None}
    return known | _ended(attempt)


def _resent(attempts: int) -> dict[str, int]:
    return {"http.request.resend_count": attempts - 1} if attempts > 1 else {}
