"""Functions and arguments that can be written down, and found again by another process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from failwell import redaction
from failwell.errors import InvalidRequestError


def place_of(function: Callable[..., Any]) -> str:
    """Where a function can be imported from, as `module:qualname`.

    Raises `InvalidRequestError` for a lambda, a closure, a method of an instance, a partial:
    whatever another process cannot find by its name.
    """
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None)
    if isinstance(module, str) and isinstance(name, str) and "<" not in name:
        place = f"{module}:{name}"
        if _at(sys.modules.get(module), name) is function:
            return place
    raise InvalidRequestError.of(
        f"{name or function!r} cannot be found again by another process: it takes a function at "
        "the top of a module",
        advice="Move it to the top of a module and give what it closes over as JSON arguments.",
    )


def _at(module: object, name: str) -> object:
    found = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


class Finder:
    """Finds functions again, in the modules of an application and nowhere else: what a store says
    must not be able to run just anything."""

    def __init__(self, apps: Sequence[str]) -> None:
        self._apps = tuple(apps)

    def __call__(self, place: str) -> Callable[..., Any]:
        """The function. Raises `InvalidRequestError` where it is not, or not of the application."""
        module, _, name = place.partition(":")
        for app in self._apps if module == "__main__" else (module,):
            if self._is_ours(app):
                found = _at(_imported(app), name)
                if callable(found):
                    return found
        raise InvalidRequestError.of(
            f"{place} is not found in {', '.join(self._apps) or 'any application'}",
            advice="Name the module that holds the steps: failwell recover --app module.",
        )

    def _is_ours(self, module: str) -> bool:
        return any(module == app or module.startswith(app + ".") for app in self._apps)


def _imported(module: str) -> object:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise InvalidRequestError.of(f"{module} cannot be imported: {error}") from None


def here(place: str) -> Callable[..., Any]:
    """The function, in the process that has just named it."""
    module, _, name = place.partition(":")
    found = _at(sys.modules[module], name)
    assert callable(found)
    return found


def encoded(value: Any, where: str) -> bytes:
    """The value as JSON. Raises `InvalidRequestError` for one that JSON cannot spell or that
    holds a secret by its name."""
    try:
        body = msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError.of(f"The arguments of {where} are not JSON: {error}") from None
    if redaction.holds_secret(body):
        raise refused_secret(where)
    return body


def refused_secret(where: str) -> InvalidRequestError:
    """The refusal of what must not be written down."""
    return InvalidRequestError.of(
        f"{where} holds a secret, which must not be written down",
        advice="Let the client, or the function itself, fetch its credentials.",
    )
