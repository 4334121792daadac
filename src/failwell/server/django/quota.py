"""Quotas for single views of Django."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any, Literal, ParamSpec

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest

from failwell.actions import Store
from failwell.contract import Contract
from failwell.server.quota import BlockingQuota, Windows

P = ParamSpec("P")


class limited:  # noqa: N801
    """Lets each caller have so many requests of a view, be it asynchronous or not: put it below
    whatever checks who is asking, and above `idempotent`, so that replays count too.

    It is `failwell.server.asgi.limited` for Django: the same settings and the same headers, and
    `caller(request)` names who is asking. Views under one `limited` share its quota. For a class,
    of Django REST framework too, it is `method_decorator(limited(...), name="post")`.
    """

    def __init__(
        self,
        contract: Contract,
        store: Store | str,
        windows: Windows,
        *,
        caller: Callable[[HttpRequest], str],
        route: str = "all",
        on_outage: Literal["refuse", "run"] = "run",
    ) -> None:
        self._quota = BlockingQuota(contract, store, windows, route, on_outage)
        self._caller = caller

    def __call__(self, view: Callable[P, Any]) -> Callable[P, Any]:
        """The view, whose callers have a quota."""

        @functools.wraps(view)
        def counted(*args: P.args, **kwargs: P.kwargs) -> Any:
            self._spend(args[0])
            return view(*args, **kwargs)

        @functools.wraps(view)
        async def acounted(*args: P.args, **kwargs: P.kwargs) -> Any:
            await asyncio.to_thread(self._spend, args[0])
            return await view(*args, **kwargs)

        is_async = iscoroutinefunction(view)  # pyright: ignore[reportDeprecated]
        return acounted if is_async else counted

    def _spend(self, request: Any) -> None:
        self._quota.spend(self._caller(request))
