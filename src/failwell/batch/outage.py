"""Is the API down? Asked by a batch after each of its calls; pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from failwell.errors import CircuitOpenError, FailwellError
from failwell.model import Kind

_DOWN = frozenset({Kind.CONNECTION, Kind.TIMEOUT, Kind.UNAVAILABLE, Kind.GATEWAY})


def origin_of(error: Exception) -> str | None:
    """The origin that seems to be down by this error; None where it does not say so."""
    if isinstance(error, FailwellError):
        if error.kind not in _DOWN and not isinstance(error, CircuitOpenError):
            return None
        parts = urlsplit(error.failure.url)
        return f"{parts.scheme}://{parts.netloc}"
    return "" if isinstance(error, (ConnectionError, TimeoutError)) else None


def counted(streaks: dict[str, int], error: Exception | None) -> dict[str, int]:
    """The failures in a row of each origin, after one more call; any other answer ends them."""
    origin = None if error is None else origin_of(error)
    if origin is None:
        return {}
    return {**streaks, origin: streaks.get(origin, 0) + 1}


def is_down(streaks: dict[str, int], stop_after: int) -> bool:
    """Whether an origin failed so often in a row that no more calls are begun."""
    return any(count >= stop_after for count in streaks.values())
