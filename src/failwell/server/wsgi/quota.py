"""Quotas for WSGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from failwell.actions import Store
from failwell.contract import Contract
from failwell.server.quota import BlockingQuota, Windows
from failwell.server.wsgi.environ import App, Environ, StartResponse


class limited:  # noqa: N801
    """Lets each caller have so many requests: call it with the app, inside authentication.

    It is `failwell.server.asgi.limited` for WSGI: the same settings and the same headers, and
    `caller(environ)` names who is asking.
    """

    def __init__(
        self,
        contract: Contract,
        store: Store | str,
        windows: Windows,
        *,
        caller: Callable[[Environ], str],
        route: str = "all",
        on_outage: Literal["refuse", "run"] = "run",
    ) -> None:
        self._quota = BlockingQuota(contract, store, windows, route, on_outage)
        self._caller = caller

    def __call__(self, app: App) -> App:
        """The app, whose callers have a quota."""

        def counted(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            self._quota.spend(self._caller(environ))
            return app(environ, start_response)

        return counted
