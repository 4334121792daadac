"""Options for all calls inside a `with`.

    with failwell.options(name="order 17"):
        sdk.orders.create(...)

An SDK's method has no room for failwell's `Options`, and neither has requests. So they are given to
whatever is called inside, in this thread or task and in the tasks that it starts. To a pool of
threads, which Python tells nothing of the `with` around a `submit`, they are carried:

    pool.submit(failwell.carry(sdk.orders.create), ...)
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, TypeVar

import msgspec

from failwell.clients.keys import OneKey
from failwell.errors import InvalidRequestError
from failwell.settings import Options

P = ParamSpec("P")
R = TypeVar("R")


class Given(msgspec.Struct, frozen=True):
    """The options of a call, and the key that serves one write of those that share them."""

    options: Options = Options()
    key: OneKey | None = None

    def over(self, other: Given) -> Given:
        """These, with what they leave out filled in from `other`."""
        return Given(self.options.over(other.options), other.key if self.key is None else self.key)


NOTHING = Given()
around: ContextVar[Given] = ContextVar("failwell_options", default=NOTHING)
"""What the `with` around a call gives it."""


@contextmanager
def options(**options: Any) -> Generator[None]:
    """Give these `Options` to every call that is made inside, in this thread or task, by a client
    of failwell's or an adopted one, over a `Transport`, or over an `Adapter`.

    Those inside win over those around them, those of `client.with_options` over both, and a
    request's own over all. An `idempotency_key` serves one write: the second raises
    `InvalidRequestError`.
    """
    token = around.set(of(Options(**options)).over(around.get()))
    try:
        yield
    finally:
        around.reset(token)


def carry(function: Callable[P, R]) -> Callable[P, R]:
    """The function, which is called under the options that are given here, in whatever thread.

    It may be called many times and by many threads at once; an `idempotency_key` serves one write
    of them all. `asyncio.to_thread`, anyio and Starlette carry the options by themselves, and so
    does a task.

    Raises `TypeError` for an async function: make it a task.
    """
    if iscoroutinefunction(function):
        raise TypeError(f"{function!r} is async: a task that is made inside the `with` inherits it")
    here = around.get()

    @wraps(function)
    def carried(*args: P.args, **kwargs: P.kwargs) -> R:
        token = around.set(here)
        try:
            return function(*args, **kwargs)
        finally:
            around.reset(token)

    return carried


def given(own: Any = None, where: str = "", view: Given = NOTHING) -> Given:
    """What is given to a call over this `view` of a client, whose `own` options are found at
    `where`, if it has any.

    Raises `InvalidRequestError` where those are something else.
    """
    if own is None:
        return view.over(around.get())
    if isinstance(own, Options):
        return of(own).over(view).over(around.get())
    raise InvalidRequestError.of(f"{where} is a {type(own).__name__}: give failwell.Options(...)")


def of(options: Options) -> Given:
    """The options, whose key serves one write."""
    if options.idempotency_key is None:
        return Given(options)
    key = OneKey(options.idempotency_key)
    return Given(msgspec.structs.replace(options, idempotency_key=None), key)
