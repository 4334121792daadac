"""The server half for Django, WSGI and ASGI.

In `wsgi.py` (or `asgi.py`), in the place of Django's own function of that name:

    application = get_wsgi_application(CONTRACT, journal="sqlite:///failures.db", paths=["/api/"])

In the settings, as the last of `MIDDLEWARE`: `"failwell.server.django.Failures"`. For Django REST
framework: `REST_FRAMEWORK = {"EXCEPTION_HANDLER": "failwell.server.django.drf.exception_handler"}`.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core import asgi as django_asgi
from django.core import wsgi as django_wsgi
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from failwell.contract import Contract
from failwell.journal import Journal
from failwell.server import asgi, wsgi
from failwell.server.context import RequestContext, current
from failwell.server.django.keyed import idempotent
from failwell.server.django.quota import limited
from failwell.server.django.refusals import refusal_of
from failwell.server.guard import single_tenant

__all__ = [
    "Failures",
    "get_asgi_application",
    "get_wsgi_application",
    "idempotent",
    "limited",
    "single_tenant",
]


def get_wsgi_application(
    contract: Contract, *, journal: Journal | str | None = None, paths: Iterable[str] = ("/",)
) -> wsgi.App:
    """The project as a WSGI app, whose every error below `paths` leaves in the contract's
    envelope. `journal` is an object or a URL."""
    bare: wsgi.App = django_wsgi.get_wsgi_application()
    wrapped = wsgi.wrap(bare, contract, journal=_journal(journal))
    prefixes = _watched(paths)

    def application(environ: wsgi.Environ, start_response: wsgi.StartResponse) -> Iterable[bytes]:
        app = wrapped if environ.get("PATH_INFO", "").startswith(prefixes) else bare
        return app(environ, start_response)

    return application


def get_asgi_application(
    contract: Contract, *, journal: Journal | str | None = None, paths: Iterable[str] = ("/",)
) -> asgi.App:
    """The project as an ASGI app, whose every error below `paths` leaves in the contract's
    envelope. `journal` is an object or a URL."""
    bare: Any = django_asgi.get_asgi_application()
    wrapped = asgi.wrap(bare, contract, journal=_journal(journal))
    prefixes = _watched(paths)

    async def application(scope: asgi.Scope, receive: asgi.Receive, send: asgi.SendMessage) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        app = wrapped if path.startswith(prefixes) else bare
        await app(scope, receive, send)

    return application


def _journal(journal: Journal | str | None) -> Journal | None:
    return Journal(journal) if isinstance(journal, str) else journal


def _watched(paths: Iterable[str]) -> tuple[str, ...]:
    got_request_exception.connect(_noted, dispatch_uid="failwell")
    return tuple(paths)


def _noted(request: HttpRequest | None = None, **_: Any) -> None:
    """An exception of which Django makes a page, from whichever depth."""
    known, error = current(), sys.exc_info()[1]
    if known is not None and isinstance(error, Exception):
        _keep(known, request, error)


def _keep(known: RequestContext, request: HttpRequest | None, error: Exception) -> None:
    match = getattr(request, "resolver_match", None)
    known.route = known.route if match is None else match.route
    known.raised = error


class Failures:
    """The middleware that keeps the contract's failures, and Django's own refusals, from being
    logged as errors and made into pages. Put it last, so that it is nearest to the views."""

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]
    ) -> None:
        self._get_response = get_response
        if iscoroutinefunction(get_response):  # pyright: ignore[reportDeprecated]
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The status of the contract's own failure, for the wrapper to render the rest of it; None
        for an exception that is none, which is Django's to report."""
        known = current()
        refusal = None if known is None else refusal_of(known.contract, error)
        if known is None or refusal is None:
            return None
        _keep(known, request, refusal)
        return HttpResponse(status=refusal.failure.status)
