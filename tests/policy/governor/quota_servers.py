"""The quotas that real services keep, as plain arithmetic: each is asked, and says what it says."""

from __future__ import annotations

import math
from typing import Literal, Protocol

from failwell.quotas import Quota


class Server(Protocol):
    """Whether a call at that time is served, and what its answer says of the quota."""

    def ask(self, now: float) -> tuple[bool, Quota | None]: ...


class Bucket:
    """A token bucket. Its reset says when the next token is there, or when all are; its limit may
    be told as something other than its size."""

    def __init__(
        self,
        rate: float = 100.0,
        size: int = 20,
        limit: int | None = None,
        reset: Literal["next", "full"] = "next",
    ) -> None:
        self.rate, self.size, self.limit, self.reset = rate, size, limit or size, reset
        self.tokens, self.at = float(size), 0.0

    def ask(self, now: float) -> tuple[bool, Quota]:
        self.tokens = min(self.size, self.tokens + self.rate * (now - self.at))
        self.at = now
        served = self.tokens >= 1
        self.tokens -= served
        missing = max(1 - self.tokens, 0) if self.reset == "next" else self.size - self.tokens
        return served, Quota("", self.limit, int(self.tokens), round(missing / self.rate, 3), True)


class Window:
    """A fixed window, whose reset is exact or rounded up to whole seconds; every `theft` s
    another client takes one call of it."""

    def __init__(
        self, limit: int, seconds: float, *, exact: bool = True, theft: float = math.inf
    ) -> None:
        self.limit, self.seconds, self.exact, self.theft = limit, seconds, exact, theft
        self.number, self.used, self.stolen = 0, 0, 0

    def ask(self, now: float) -> tuple[bool, Quota]:
        number = int(now / self.seconds)
        if number != self.number:
            self.number, self.used = number, 0
        stolen = int(now / self.theft)
        self.used = min(self.used + stolen - self.stolen, self.limit)
        self.stolen = stolen
        served = self.used < self.limit
        self.used += served
        left = (number + 1) * self.seconds - now
        reset = left if self.exact else float(math.ceil(left))
        return served, Quota("", self.limit, self.limit - self.used, reset, self.exact)


class Silent:
    """A service that says nothing but 429."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def ask(self, now: float) -> tuple[bool, None]:
        return self.server.ask(now)[0], None
