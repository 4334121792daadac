"""The server half for Flask: `install` does all of it, `idempotent_route` marks the writes that run
once, `limited` gives the callers of a view a quota.

app = Flask(__name__)
install(app, CONTRACT, store="sqlite:///writes.db", caller=who_asks)

@app.post("/orders")
@logged_in
@idempotent_route
def order(): ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from flask import Flask, Request, Response, g, got_request_exception, request
from flask import json as flask_json
from flask.signals import request_started
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from failwell.actions import Store
from failwell.contract import Contract
from failwell.errors import FailwellError
from failwell.journal import Journal
from failwell.policy.disclosure import failure_of
from failwell.server.context import current
from failwell.server.flask.keyed import EXTENSION, idempotent, idempotent_route
from failwell.server.flask.quota import limited
from failwell.server.guard import Settings, single_tenant
from failwell.server.logs import RequestIds
from failwell.server.wsgi import wrap

__all__ = ["idempotent", "idempotent_route", "install", "limited", "single_tenant"]


def install(
    app: Flask,
    contract: Contract,
    *,
    store: Store | str | None = None,
    caller: Callable[[Request], str] | None = None,
    journal: Journal | str | None = None,
    **settings: Unpack[Settings],
) -> None:
    """See to it that every failure of the app leaves in the contract's envelope.

    `abort`, unknown routes, unreadable JSON, exceptions, and `contract.fail`, whatever
    `PROPAGATE_EXCEPTIONS`, `TESTING` and `DEBUG` say; the app's own error handlers come first. The
    request's id is `flask.g.request_id`, and on the records of `app.logger`. With a `store` (an
    object or a URL), `idempotent_route` marks views whose keyed writes run once; `caller(request)`
    names who is asking. `journal` is an object or a URL.

    Raises `ValueError` for a store without a `caller`, and where `idempotent` does.
    """
    if store is not None:
        if caller is None:
            raise ValueError("say whose keys they are: caller=..., or caller=single_tenant")
        app.extensions[EXTENSION] = idempotent(contract, store, caller=caller, **settings)
    journal = Journal(journal) if isinstance(journal, str) else journal
    inner: Any = app
    inner.wsgi_app = wrap(inner.wsgi_app, contract, journal=journal)
    app.register_error_handler(FailwellError, _meant)
    app.register_error_handler(HTTPException, _plain)
    request_started.connect(_started, app)
    got_request_exception.connect(_noted, app)
    app.logger.addFilter(RequestIds())


def _started(sender: Flask, **_: Any) -> None:
    known = current()
    if known is not None:
        g.request_id = known.request_id
        known.route = None if request.url_rule is None else request.url_rule.rule


def _noted(sender: Flask, exception: Exception, **_: Any) -> None:
    known = current()
    if known is not None:
        known.raised = exception


def _meant(error: FailwellError) -> ResponseReturnValue:
    """The contract's own failure, for the wrapper to render; another API's is an exception."""
    known = current()
    if known is None or failure_of(known.contract, error) is not error.failure:
        raise error
    known.raised = error
    return Response(status=error.failure.status)


def _plain(error: HTTPException) -> ResponseReturnValue:
    """What `abort` or the router said, without the page around it."""
    if error.response is not None:
        return error.get_response()
    said: Any = error.description if error.description != type(error).description else ""
    body = said if isinstance(said, str) else flask_json.dumps(said)
    kind = "text/plain" if isinstance(said, str) else "application/json"
    response = Response(body, error.code, mimetype=kind)
    kept = (pair for pair in error.get_headers() if pair[0].lower() != "content-type")
    response.headers.extend(kept)
    return response
