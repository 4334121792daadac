"""Quotas for single views of Flask."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal, ParamSpec

from flask import Request, current_app, request

from failwell.actions import Store
from failwell.contract import Contract
from failwell.server.quota import BlockingQuota, Windows

P = ParamSpec("P")


class limited:  # noqa: N801
    """Lets each caller have so many requests of a view: put it below whatever checks who is
    asking, and above `idempotent_route`, so that replays count too.

    It is `failwell.server.asgi.limited` for Flask: the same settings and the same headers, and
    `caller(request)` names who is asking. Views under one `limited` share its quota.
    """

    def __init__(
        self,
        contract: Contract,
        store: Store | str,
        windows: Windows,
        *,
        caller: Callable[[Request], str],
        route: str = "all",
        on_outage: Literal["refuse", "run"] = "run",
    ) -> None:
        self._quota = BlockingQuota(contract, store, windows, route, on_outage)
        self._caller = caller

    def __call__(self, view: Callable[P, Any]) -> Callable[P, Any]:
        """The view, whose callers have a quota."""

        @functools.wraps(view)
        def counted(*args: P.args, **kwargs: P.kwargs) -> Any:
            self._quota.spend(self._caller(request))
            return current_app.ensure_sync(view)(*args, **kwargs)

        return counted
