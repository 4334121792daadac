"""Keyed writes that run once, for views of Flask."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, Unpack

from flask import Request, Response, current_app, request

from failwell.actions import Store
from failwell.contract import Contract
from failwell.errors import FailwellError
from failwell.flows.serve import Served
from failwell.server.guard import Settings, outcome_of
from failwell.server.guard import fields_of as fields_of_record
from failwell.server.turn import Tee, Turn, Turns
from failwell.server.wsgi.environ import asked_of, fields_of

P = ParamSpec("P")

EXTENSION = "failwell"
"""Where an app holds the settings of its keyed writes."""


class idempotent:  # noqa: N801
    """Makes the keyed writes of a view run once: put it below whatever checks who is asking.

    `store` is an object or a URL. `caller(request)` names who is asking: the same key of two
    callers is two keys (`single_tenant` where there is only one). The other settings are those of
    `failwell.server.guard.Settings`.

    Raises `ValueError` for a setting that is out of range, and for a contract whose catalogue
    lacks the codes that its `idempotency` names.
    """

    def __init__(
        self,
        contract: Contract,
        store: Store | str,
        *,
        caller: Callable[[Request], str],
        **settings: Unpack[Settings],
    ) -> None:
        self._caller = caller
        self._turns = Turns(contract, store, **settings)

    def __call__(self, view: Callable[P, Any]) -> Callable[P, Any]:
        """The view, whose keyed writes run once."""

        @functools.wraps(view)
        def once(*args: P.args, **kwargs: P.kwargs) -> Any:
            run = functools.partial(current_app.ensure_sync(view), *args, **kwargs)
            environ = request.environ
            key = self._turns.key_of(request.method, fields_of(environ))
            if key is None:
                return run()
            who, body = self._caller(request), request.get_data()
            turn = self._turns.take(asked_of(environ, caller=who, key=key, body=body))
            return _turned(turn, run) if turn.served is None else _given(turn.served)

        return once


def idempotent_route(view: Callable[P, Any]) -> Callable[P, Any]:
    """The view, whose keyed writes run once, by the settings that `install` was given.

    Raises `RuntimeError` where the app was given no store.
    """

    @functools.wraps(view)
    def once(*args: P.args, **kwargs: P.kwargs) -> Any:
        settings = current_app.extensions.get(EXTENSION)
        if settings is None:
            raise RuntimeError("install(app, contract, store=..., caller=...) was not called")
        return settings(view)(*args, **kwargs)

    return once


def _turned(turn: Turn, run: Callable[[], Any]) -> Response:
    try:
        with turn.running():
            response = _answer_of(run)
    except Exception as error:
        return _given(turn.failed(error))
    status, fields = response.status_code, list(response.headers)
    if response.is_streamed:
        source = response.response
        response.response = Tee(turn, status, fields, response.iter_encoded(), source)
        response.direct_passthrough = False
        return response
    served = turn.done(status, fields, response.get_data())
    if served.from_record:
        return _given(served)
    response.headers.extend(outcome_of(served))
    return response


def _answer_of(run: Callable[[], Any]) -> Response:
    """What the view answers, by the app's own error handlers too."""
    try:
        answer = run()
    except FailwellError:
        raise
    except Exception as error:
        answer = current_app.handle_user_exception(error)
    return current_app.make_response(answer)


def _given(served: Served) -> Response:
    return Response(served.answer.body, served.answer.status, fields_of_record(served))
