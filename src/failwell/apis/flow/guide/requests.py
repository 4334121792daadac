"""`make_api_request` and `make_idempotent_request`, as the guide's "REST API Error Handling" and
"Idempotent Requests", over a `Client` or an `AsyncClient`."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar, cast, overload

import httpx2

from failwell.apis.flow.client import AsyncClient, Client
from failwell.apis.flow.client.queries import contract_at
from failwell.apis.flow.client.reading import read
from failwell.apis.flow.contract import FLOW
from failwell.apis.flow.exceptions import FlowAPIError, FlowConnectionError, FlowTimeoutError
from failwell.apis.operation import Ask, Operation, arun, run
from failwell.contract import Contract
from failwell.headers import dump_retry_after
from failwell.model import read_json
from failwell.settings import Options

T = TypeVar("T")

logger = logging.getLogger("failwell")


class Hooks:
    """What `make_api_request` does about a failure: override what is to be done otherwise. Each
    `error_data` is the `error` of Flow's envelope."""

    def handle_auth_error(self, error_data: Mapping[str, Any]) -> None:
        """401, that a fresh token did not cure."""
        self.report(f"Authentication failed: {error_data.get('message')}")

    def handle_permission_error(self, error_data: Mapping[str, Any]) -> None:
        """403."""
        self.report(f"Permission denied: {error_data.get('message')}")

    def handle_not_found_error(self, error_data: Mapping[str, Any]) -> None:
        """404."""
        self.report(f"Not found: {error_data.get('message')}")

    def handle_rate_limit(self, headers: Mapping[str, str]) -> None:
        """429, after the client's own waits; `headers` has `Retry-After` and `X-RateLimit-Limit`,
        as far as Flow has said them."""
        self.report(f"Rate limited. Retry after {headers.get('Retry-After', 'some')} seconds")

    def report(self, message: str) -> None:
        """Tell the user: it is printed."""
        print(message)


class Body(dict[str, Any]):
    """The body of an answer, an object, and its `headers`."""

    headers: Mapping[str, str]


class Items(list[Any]):
    """The body of an answer, a list, and its `headers`."""

    headers: Mapping[str, str]


Answer = Body | Items


@overload
def make_api_request(
    endpoint: str,
    method: str = "GET",
    data: Any = None,
    *,
    client: Client | None = None,
    hooks: Hooks | None = None,
) -> Answer | None: ...
@overload
def make_api_request(
    endpoint: str,
    method: str = "GET",
    data: Any = None,
    *,
    client: AsyncClient,
    hooks: Hooks | None = None,
) -> Coroutine[Any, Any, Answer | None]: ...
def make_api_request(
    endpoint: str,
    method: str = "GET",
    data: Any = None,
    *,
    client: Client | AsyncClient | None = None,
    hooks: Hooks | None = None,
) -> Answer | Coroutine[Any, Any, Answer | None] | None:
    """The JSON body of the answer, which has its `headers`; None where the request failed, after
    one of the `hooks` was told. An answer without a body is an empty one.

    Awaitable with an `AsyncClient`; without a client, one is made from the environment. Raises
    `BadResponseError` and `CircuitOpenError`, which the guide does not speak of.
    """
    operation = _asked(endpoint, method, data, hooks or Hooks())
    return _done(client, operation, contract_at(endpoint))


@overload
def make_idempotent_request(
    operation: Mapping[str, Any],
    idempotency_key: str | None = None,
    *,
    client: Client | None = None,
) -> dict[str, Any]: ...
@overload
def make_idempotent_request(
    operation: Mapping[str, Any],
    idempotency_key: str | None = None,
    *,
    client: AsyncClient,
) -> Coroutine[Any, Any, dict[str, Any]]: ...
def make_idempotent_request(
    operation: Mapping[str, Any],
    idempotency_key: str | None = None,
    *,
    client: Client | AsyncClient | None = None,
) -> dict[str, Any] | Coroutine[Any, Any, dict[str, Any]]:
    """Create the sample that `operation` describes, once for its key, which is a UUID where none
    is given. Where the key was used, the first answer's `result` comes back.

    Awaitable with an `AsyncClient`; without a client, one is made from the environment. Raises
    `ConflictError` for a key that came with another sample.
    """
    key = idempotency_key or str(uuid.uuid4())
    return _done(client, _created(dict(operation), key), FLOW)


def _done(
    client: Client | AsyncClient | None, operation: Operation[T], contract: Contract
) -> T | Coroutine[Any, Any, T]:
    if isinstance(client, AsyncClient):
        return arun(client.client.under(contract), operation)
    if client is not None:
        return run(client.client.under(contract), operation)
    with Client() as made:
        return run(made.client.under(contract), operation)


def _asked(endpoint: str, method: str, data: Any, hooks: Hooks) -> Operation[Answer | None]:
    try:
        response, _ = yield from Ask(method, endpoint.lstrip("/"), json=data)
    except FlowTimeoutError:
        hooks.report("Request timed out. Try again.")
    except FlowConnectionError:
        hooks.report("Connection error. Check your network.")
    except FlowAPIError as error:
        _tell(hooks, error)
    else:
        return _answer(response)
    return None


def _tell(hooks: Hooks, error: FlowAPIError) -> None:
    data = _error_data(error)
    match error.status_code:
        case 401:
            hooks.handle_auth_error(data)
        case 403:
            hooks.handle_permission_error(data)
        case 404:
            hooks.handle_not_found_error(data)
        case 429:
            hooks.handle_rate_limit(_rate_headers(error))
        case _:
            hooks.report(f"API Error: {data['message']}")


def _error_data(error: FlowAPIError) -> dict[str, Any]:
    names = ("code", "message", "details", "request_id", "timestamp")
    return {name: getattr(error, name) for name in names if getattr(error, name) is not None}


def _rate_headers(error: FlowAPIError) -> dict[str, str]:
    fields: dict[str, str] = {}
    if error.retry_after is not None:
        fields["Retry-After"] = dump_retry_after(error.retry_after)
    details: Any = error.details
    if isinstance(details, dict) and "limit" in details:
        fields["X-RateLimit-Limit"] = str(cast("dict[str, Any]", details)["limit"])
    return fields


def _answer(response: httpx2.Response) -> Answer:
    found = read_json(response.content)
    answer = Items(cast("list[Any]", found)) if isinstance(found, list) else Body(found or {})
    answer.headers = response.headers
    return answer


def _created(operation: dict[str, Any], key: str) -> Operation[dict[str, Any]]:
    options = Options(idempotency_key=key)
    response, _ = yield from Ask("POST", "samples/create", json=operation, options=options)
    if "failwell_replayed" in response.extensions:
        logger.info("request %s already processed", key)
    return read(response, dict[str, Any])
