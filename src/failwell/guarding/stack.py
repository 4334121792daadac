"""`failwell.guard`: the whole policy stack around any function, HTTP or not, sync or async."""

from __future__ import annotations

import functools
import inspect
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar, cast

from failwell.actions import AsyncStore, Send, Store
from failwell.clients.limits import awithin
from failwell.clients.origin import async_store, only_sync, opened, sync_store
from failwell.clients.readiness import read_ahead
from failwell.drive import Rim, adrive, asleep, drive
from failwell.flows.gate import CALM, Gate, Pass, Stay
from failwell.flows.guarded import Guarding, Try, guarded
from failwell.flows.standing import Enter
from failwell.guarding.named import exceptions
from failwell.policy import deadline
from failwell.settings import Policy
from failwell.stores.memory import MemoryStore

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def guard(
    policy: Policy | None = None,
    *,
    key: str | None = None,
    on: type[Exception] | tuple[type[Exception], ...] = (),
    store: Store | AsyncStore | str | None = None,
) -> Callable[[F], F]:
    """Put retry, budget, breaker, governor and deadline around a function.

    All functions with the same `key` (by default the function's own name) share their budget,
    breaker and limits: in this process, and with a `store` (an object or a URL) in all of them.
    `on` names the exceptions after which it may be called again; of failwell's own errors that is
    known. A deadline ends an async call; a sync one is not begun again after it.

    The function raises what it raised last, `CircuitOpenError` or `RateLimitError` where it was
    not called, `TimeoutError` where an async one ran into its deadline. Raises `TypeError` for what
    cannot be guarded, or is no policy, key or exception class.
    """
    settings, named = _checked(policy, key), exceptions(on)

    def decorate(function: F) -> F:
        name = _name(function) if key is None else key
        gate = Gate(
            key=f"guard {name}",
            budget=settings.budget,
            breaker=settings.breaker,
            governor=settings.governor,
        )
        make = _async_guard if _is_async(function) else _sync_guard
        return cast("F", functools.wraps(function)(make(function, settings, gate, named, store)))

    return decorate


def _checked(policy: Any, key: Any) -> Policy:
    if callable(policy):
        raise TypeError("write @failwell.guard(), with parentheses, or failwell.guard()(function)")
    if policy is not None and not isinstance(policy, Policy):
        raise TypeError(f"policy={policy!r}: give a failwell.Policy(...)")
    if key is not None and not (isinstance(key, str) and key):
        raise TypeError(f"key={key!r}: give the name that guarded functions have in common")
    return policy or Policy()


def _name(function: Any) -> str:
    """The name of a function; of a callable object, that of its class."""
    if hasattr(function, "__qualname__"):
        return f"{function.__module__}.{function.__qualname__}"
    return _name(type(function))


def _is_async(function: Any) -> bool:
    """Whether calling it gives what must be awaited. Raises `TypeError` for a generator, whose
    work is done after the call."""
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{_name(function)} is a generator: guard the function that does its work")
    called = getattr(function, "__call__", None)  # noqa: B004
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def _terms(policy: Policy, gate: Gate, on: tuple[type[Exception], ...], now: float) -> Guarding:
    ends = deadline.until(policy.deadline, now)
    return Guarding(gate=gate, retry=policy.retry, roll=random.random, on=on, ends=ends)


def _sync_guard(
    function: Callable[..., T],
    policy: Policy,
    gate: Gate,
    on: tuple[type[Exception], ...],
    store: Store | AsyncStore | str | None,
) -> Callable[..., T]:
    read_ahead()
    where = sync_store(only_sync(opened(store)))
    rim = Rim(store=where)
    clock, near = time.monotonic, _near(where, gate)
    entry = Enter(gate, "CALL", gate.key, policy.deadline)

    def call(*args: Any, **kwargs: Any) -> T:
        began = clock()
        asked = _asked(near, gate, entry)
        failed = None
        if asked is CALM:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                failed = Try(CALM, error, clock() - began)
        flow = guarded(_terms(policy, gate, on, began), clock(), failed, asked)
        result: T = drive(flow, lambda send: cast("Any", function(*args, **kwargs)), rim)
        return result

    return call


def _async_guard(
    function: Callable[..., Awaitable[T]],
    policy: Policy,
    gate: Gate,
    on: tuple[type[Exception], ...],
    store: Store | AsyncStore | str | None,
) -> Callable[..., Awaitable[T]]:
    read_ahead()
    where = async_store(opened(store))
    rim = Rim(store=where, sleep=asleep)
    clock = time.monotonic
    entry = Enter(gate, "CALL", gate.key, policy.deadline)
    near = _near(where, gate)

    def told(error: Exception, ends: float | None) -> Exception:
        """The error; in the place of the deadline's own, one that says so."""
        if type(error) is not TimeoutError or ends is None or clock() < ends:
            return error
        return TimeoutError(f"{gate.key} was not done in its {policy.deadline:g} s")

    async def call(*args: Any, **kwargs: Any) -> T:
        began = clock()
        asked = _asked(near, gate, entry)
        failed = None
        if asked is CALM:
            try:
                with awithin(policy.deadline):
                    return await function(*args, **kwargs)
            except Exception as error:
                late = told(error, deadline.until(policy.deadline, began))
                failed = Try(CALM, late, clock() - began)

        async def attempt(send: Send) -> Any:
            ends = deadline.until(send.within, clock())
            try:
                with awithin(send.within):
                    return await function(*args, **kwargs)
            except TimeoutError as error:
                late = told(error, ends)
            raise late

        flow = guarded(_terms(policy, gate, on, began), clock(), failed, asked)
        result: T = await adrive(flow, attempt, rim)
        return result

    return call


def _near(store: Store | AsyncStore, gate: Gate) -> MemoryStore | None:
    """The store, where the happy path needs no flow: one look in memory, and nothing to tell
    after."""
    slow = gate.breaker is not None and gate.breaker.slow is not None
    return store if type(store) is MemoryStore and not slow else None


def _asked(near: MemoryStore | None, gate: Gate, entry: Enter) -> Pass | Stay | None:
    if near is None:
        return None
    return CALM if near.glance(gate.key, gate) else near.update(gate.key, entry)
