"""How a client is told to reach its API: each argument is looked at before anything is sent.

All raise `InvalidRequestError`, a `ValueError`, which names the argument and says what it must be;
nothing of a credential is shown.
"""

from __future__ import annotations

from typing import Any, cast

import httpx2

from failwell import redaction
from failwell.clients.arguments import instance, policy, unfit
from failwell.clients.httpx2.address import why_unreachable
from failwell.errors import InvalidRequestError
from failwell.settings import is_number

__all__ = ["address", "instance", "policy", "seconds", "text", "timeout"]


def address(given: Any, name: str = "base_url") -> str:
    """The address of an API, as it was given: an absolute http or https URL."""
    if not isinstance(given, (str, httpx2.URL)):
        raise InvalidRequestError.of(f"{name} is a {type(given).__name__}: give a URL as a string")
    said = str(given)
    if "://" not in said:  # it may be a key, which belongs elsewhere
        raise InvalidRequestError.of(f"{name} {_ABSOLUTE}")
    shown = redaction.url(said)
    try:
        url = httpx2.URL(said)
    except (httpx2.InvalidURL, UnicodeError):
        raise InvalidRequestError.of(f"{name}={shown!r:.120} is no URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise InvalidRequestError.of(f"{name}={shown!r:.120} {_ABSOLUTE}")
    unreachable = why_unreachable(url.raw_host, url.port)
    if unreachable is not None:
        raise InvalidRequestError.of(f"{name}={shown!r:.120}: {unreachable}")
    return said


_ABSOLUTE = "is no absolute URL: give one such as https://api.example.org"


def timeout(given: Any, name: str = "timeout") -> Any:
    """The time-out of an attempt, as it was given: seconds above 0, a pair or four of those (to
    connect, read, write, and wait for a connection), httpx2's own, or None for none."""
    parts = _parts(given)
    if not all(part is None or (is_number(part) and cast("float", part) > 0) for part in parts):
        raise unfit(name, given, "a number of seconds above 0, or an httpx2.Timeout")
    return given


def _parts(given: Any) -> tuple[object, ...]:
    """The single times of a time-out; for a tuple of another length, what is none."""
    if isinstance(given, httpx2.Timeout):
        return tuple(given.as_dict().values())
    if isinstance(given, tuple):
        parts = cast("tuple[object, ...]", given)
        return parts if len(parts) in (2, 4) else (False,)
    return (given,)


def seconds(given: Any, name: str) -> float:
    """A time above 0, as it was given."""
    if not is_number(given) or given <= 0:
        raise unfit(name, given, "a number of seconds above 0")
    return cast("float", given)


def text(given: Any, name: str) -> str | None:
    """A word that travels in a header field or in a body, as it was given, or None."""
    if given is not None and not isinstance(given, str):
        raise unfit(name, given, "a string")
    if given is not None and not (given.isascii() and given.isprintable()):
        raise unfit(name, given, "printable ASCII characters")
    return given
