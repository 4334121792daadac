"""Keyed writes that run once, for views of Django."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, ParamSpec, Unpack

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse

from failwell.actions import Store
from failwell.contract import Contract
from failwell.flows.serve import Served
from failwell.server.django.refusals import refusal_of
from failwell.server.guard import Settings, outcome_of
from failwell.server.guard import fields_of as fields_of_record
from failwell.server.stray import unless_cancelled
from failwell.server.turn import Tee, Turn, Turns
from failwell.server.wsgi.environ import asked_of, fields_of

P = ParamSpec("P")


class idempotent:  # noqa: N801
    """Makes the keyed writes of a view run once: put it below whatever checks who is asking.

    `store` is an object or a URL. `caller(request)` names who is asking: the same key of two
    callers is two keys (`single_tenant` where there is only one). The other settings are those of
    `failwell.server.guard.Settings`.

    With `ATOMIC_REQUESTS` the view's transaction ends before its answer is kept. With
    `transactional=True` the view commits its answer with its effects:

        with transaction.atomic():
            order = Order.objects.create(...)
            context.idempotency().commit(connection, 201, {"id": order.id})

    A stream of an asynchronous view is passed on, and its answer is not kept.

    Raises `ValueError` for a setting that is out of range, and for a contract whose catalogue
    lacks the codes that its `idempotency` names.
    """

    def __init__(
        self,
        contract: Contract,
        store: Store | str,
        *,
        caller: Callable[[HttpRequest], str],
        **settings: Unpack[Settings],
    ) -> None:
        self._contract = contract
        self._caller = caller
        self._turns = Turns(contract, store, **settings)

    def __call__(self, view: Callable[P, Any]) -> Callable[P, Any]:
        """The view, whose keyed writes run once."""

        @functools.wraps(view)
        def once(*args: P.args, **kwargs: P.kwargs) -> Any:
            request: Any = args[0]
            key = self._key_of(request)
            run = functools.partial(_apart, view, *args, **kwargs)
            if key is None:
                return run()
            turn = self._take(request, key)
            if turn.served is not None:
                return _given(turn.served)
            return self._turned(turn, request, run)

        @functools.wraps(view)
        async def aonce(*args: P.args, **kwargs: P.kwargs) -> Any:
            request: Any = args[0]
            key = self._key_of(request)
            if key is None:
                return await view(*args, **kwargs)
            turn = await asyncio.to_thread(self._take, request, key)
            if turn.served is not None:
                return _given(turn.served)
            try:
                with turn.running():
                    response = await unless_cancelled(view(*args, **kwargs))
            except Exception as error:
                return await asyncio.to_thread(self._failed, turn, request, error)
            return await asyncio.to_thread(self._done, turn, request, response)

        if iscoroutinefunction(view):  # pyright: ignore[reportDeprecated]
            return aonce
        once._non_atomic_requests = set(connections)  # type: ignore[attr-defined]
        return once

    def answered(self, request: Any, response: Any) -> Any:
        """The view's answer with its body made."""
        if not getattr(response, "is_rendered", True):
            response.render()
        return response

    def refusal_of(self, request: Any, error: Exception) -> Exception:
        """What an exception of the view stands for."""
        return refusal_of(self._contract, error) or error

    def _key_of(self, request: HttpRequest) -> str | None:
        return self._turns.key_of(request.method or "", fields_of(request.META))

    def _take(self, request: HttpRequest, key: str) -> Turn:
        who, body, path = self._caller(request), request.body, request.path
        return self._turns.take(asked_of(request.META, caller=who, key=key, body=body, path=path))

    def _turned(self, turn: Turn, request: Any, run: Callable[[], Any]) -> Any:
        try:
            with turn.running():
                response = self.answered(request, run())
        except Exception as error:
            return self._failed(turn, request, error)
        return self._done(turn, request, response)

    def _failed(self, turn: Turn, request: Any, error: Exception) -> HttpResponse:
        refusal = self.refusal_of(request, error)
        if refusal is not error:
            refusal.__cause__ = error
        return _given(turn.failed(refusal))

    def _done(self, turn: Turn, request: Any, response: Any) -> Any:
        response = self.answered(request, response)
        status, fields = response.status_code, list(response.items())
        if response.streaming and not response.is_async:
            response.streaming_content = Tee(turn, status, fields, response.streaming_content)
            return response
        served = turn.done(status, fields, None if response.streaming else response.content)
        if served.from_record and not response.streaming:
            return _given(served)
        for name, value in outcome_of(served):
            response[name] = value
        return response


def _apart(view: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run the view in the transactions of `ATOMIC_REQUESTS`, which end with it."""
    with ExitStack() as atomic:
        for alias in connections:
            if connections[alias].settings_dict["ATOMIC_REQUESTS"]:
                _check_outermost(connections[alias])
                atomic.enter_context(transaction.atomic(using=alias))
        return view(*args, **kwargs)


def _check_outermost(connection: Any) -> None:
    """Raises `ImproperlyConfigured` inside a transaction that would end after the answer is kept;
    that of a `TestCase` does not count."""
    if any(not block._from_testcase for block in connection.atomic_blocks):
        raise ImproperlyConfigured(
            "ATOMIC_REQUESTS began a transaction around this keyed write: decorate the view's "
            "dispatch with django.db.transaction.non_atomic_requests"
        )


def _given(served: Served) -> HttpResponse:
    response = HttpResponse(served.answer.body, status=served.answer.status)
    del response["content-type"]
    for name, value in fields_of_record(served):
        response[name] = value
    return response
