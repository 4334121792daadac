"""An SDK's own exception, told what failwell knows of the answer that it was made of.

SDKs make their exceptions of a status, a body and a request id, and let go of the response. What
failwell's adapter has put on that would be lost.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from failwell.clients.seam import latest


class Telling:
    """A method of an SDK's: an exception that it raises gets, as `failwell`, the account of the
    answer that was handed on last, where that was a failure.

    `sends` says that the method itself sends the request: no answer from before it counts.
    """

    def __init__(self, method: Callable[..., Any], *, sends: bool) -> None:
        self._method = method
        self._sends = sends

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._begin()
        try:
            return self._method(*args, **kwargs)
        except Exception as error:
            _tell(error)
            raise

    def _begin(self) -> None:
        if self._sends:
            latest.set(None)


class AsyncTelling(Telling):
    """The same for a method that is awaited."""

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._begin()
        try:
            return await self._method(*args, **kwargs)
        except Exception as error:
            _tell(error)
            raise


def tell_of(
    owner: object, method: str, *, sends: bool = True, kind: type[Telling] = Telling
) -> None:
    """Make what this object's method raises know failwell's account; once, however often."""
    own = getattr(owner, method)
    if not isinstance(own, Telling):
        with suppress(AttributeError):  # a class with slots has no room for it
            setattr(owner, method, kind(own, sends=sends))


def _tell(error: Exception) -> None:
    account = latest.get()
    if account is None or account.error is None or hasattr(error, "failwell"):
        return
    with suppress(AttributeError):
        error.failwell = account  # type: ignore[attr-defined]
