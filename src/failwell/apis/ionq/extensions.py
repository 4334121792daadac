"""What a library on top adds to the client, in one value: `IonQClient(extension=…)`.

Source: `ionq_core.extensions` of IonQ's client 0.2.0. Here hooks and wrappers see each attempt, not
each call: retries are made above them.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import httpx2
import msgspec

from failwell.apis.ionq.exceptions import IonQError

logger = logging.getLogger("failwell")


class EventHook(Protocol):
    """Is told of each attempt of a sync call."""

    def on_request(self, request: httpx2.Request) -> None:
        """A request is about to be sent."""
        ...

    def on_response(self, request: httpx2.Request, response: httpx2.Response) -> None:
        """An answer has begun; its body is not read yet."""
        ...


class AsyncEventHook(Protocol):
    """The same for an async call."""

    async def on_request(self, request: httpx2.Request) -> None:
        """A request is about to be sent."""
        ...

    async def on_response(self, request: httpx2.Request, response: httpx2.Response) -> None:
        """An answer has begun; its body is not read yet."""
        ...


class ClientExtension(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a library on top; the client's own arguments go first.

    `user_agent_token` is added to the User-Agent, `default_headers` to each request.
    `retryable_status_codes` take the place of 429, 500, 502, 503 and 520 to 529; a job is sent
    again only where that is safe, all the same. `transport_wrapper` makes another transport of the
    client's. `error_mapper` makes another exception of an `IonQError`, or gives it back. What a
    hook raises is logged, and raised only with `debug_hooks`.
    """

    user_agent_token: str | None = None
    default_headers: dict[str, str] = {}
    event_hooks: tuple[EventHook, ...] = ()
    async_event_hooks: tuple[AsyncEventHook, ...] = ()
    retryable_status_codes: frozenset[int] | None = None
    max_retries: int | None = None
    timeout: httpx2.Timeout | None = None
    transport_wrapper: Callable[[httpx2.BaseTransport], httpx2.BaseTransport] | None = None
    async_transport_wrapper: (
        Callable[[httpx2.AsyncBaseTransport], httpx2.AsyncBaseTransport] | None
    ) = None
    error_mapper: Callable[[Exception], Exception] | None = None
    debug_hooks: bool = False

    @contextmanager
    def mapping(self) -> Generator[None]:
        """What is raised inside is raised as `error_mapper` has it."""
        try:
            yield
        except IonQError as error:
            mapped = error if self.error_mapper is None else self.error_mapper(error)
            if mapped is error:
                raise
            raise mapped from error

    def sync_arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What it adds to the `given` arguments of a sync client over HTTP."""
        added: dict[str, Any] = {}
        if self.event_hooks:
            added["event_hooks"] = self._hooks()
        if self.transport_wrapper is not None:
            own = httpx2.HTTPTransport(**_of_transport(given))
            added["transport"] = self.transport_wrapper(own)
        return added

    def async_arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The same for an async client."""
        added: dict[str, Any] = {}
        if self.async_event_hooks:
            added["event_hooks"] = self._async_hooks()
        if self.async_transport_wrapper is not None:
            own = httpx2.AsyncHTTPTransport(**_of_transport(given))
            added["transport"] = self.async_transport_wrapper(own)
        return added

    def _hooks(self) -> dict[str, list[Callable[..., None]]]:
        def sent(request: httpx2.Request) -> None:
            for hook in self.event_hooks:
                self._told(hook.on_request, request)

        def answered(response: httpx2.Response) -> None:
            for hook in self.event_hooks:
                self._told(hook.on_response, response.request, response)

        return {"request": [sent], "response": [answered]}

    def _async_hooks(self) -> dict[str, list[Callable[..., Awaitable[None]]]]:
        async def sent(request: httpx2.Request) -> None:
            for hook in self.async_event_hooks:
                await self._atold(hook.on_request, request)

        async def answered(response: httpx2.Response) -> None:
            for hook in self.async_event_hooks:
                await self._atold(hook.on_response, response.request, response)

        return {"request": [sent], "response": [answered]}

    def _told(self, tell: Callable[..., None], *what: object) -> None:
        try:
            tell(*what)
        except Exception:
            self._bear(tell)

    async def _atold(self, tell: Callable[..., Awaitable[None]], *what: object) -> None:
        try:
            await tell(*what)
        except Exception:
            self._bear(tell)

    def _bear(self, tell: Callable[..., object]) -> None:
        """Inside an `except`: raise what a hook raised, or log it."""
        if self.debug_hooks:
            raise
        logger.exception("failwell: hook %r failed; the call goes on", tell)


_TRANSPORTS = ("verify", "cert", "trust_env", "http1", "http2", "limits", "proxy")


def _of_transport(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a client's arguments that its transport would be made with."""
    return {name: given[name] for name in _TRANSPORTS if name in given}
