"""The frozen settings of a client: when to send again, how long a call may last, how much may be
retried, when to stop asking a service that is down, and how to stay inside a quota."""

from __future__ import annotations

import sys
from typing import Any, Literal, Protocol

import msgspec

Jitter = Literal["full", "equal", "ten_percent"]


def require(holds: bool, name: str, value: object, wanted: str) -> None:
    """Raises `ValueError`, which names the setting and says what it must be, unless it holds."""
    if not holds:
        raise ValueError(f"{name}={value!r}: must be {wanted}")


def is_number(value: Any) -> bool:
    """Whether it is a finite number; what comes out of a configuration may be anything."""
    is_real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_real and abs(value) <= sys.float_info.max


def require_whole(name: str, value: Any, least: int) -> None:
    """Raises `ValueError` unless the value is a whole number, `least` or more."""
    is_whole = hasattr(value, "__index__") and not isinstance(value, bool)
    require(is_whole and value >= least, name, value, f"a whole number, {least} or more")


def _require_positive(settings: object, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        require(is_number(value) and value > 0, name, value, "above 0")


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """How many retries an origin is sent: in each sliding `window` (seconds) at most `ratio` of
    the calls, and `floor` besides, so that a quiet client keeps its retries.

    Raises `ValueError` for a setting that is out of range.
    """

    ratio: float = 0.1
    floor: int = 10
    window: float = 10.0

    def __post_init__(self) -> None:
        is_share = is_number(self.ratio) and 0 <= self.ratio <= 1
        require(is_share, "ratio", self.ratio, "from 0 to 1")
        require_whole("floor", self.floor, 0)
        _require_positive(self, "window")


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """When to stop asking an origin that is down; times in seconds.

    It opens after `failures` attempts in a row that failed, or where of at least `minimum`
    attempts in `window` at least `ratio` did; an attempt that took longer than `slow` counts as
    failed. It stays open for `open_for`, a quarter longer each time that the one probe after it
    fails, at most `longest`. A probe that is not heard of for `probe` is given up.

    `on_open="wait"` queues a call behind the probe; "raise" fails it at once. Left out, a call
    that has a deadline waits, and so does a retry; any other call fails at once.

    Raises `ValueError` for a setting that is out of range.
    """

    failures: int | None = 5
    ratio: float | None = None
    minimum: int = 20
    window: float = 10.0
    slow: float | None = None
    open_for: float = 0.5
    longest: float = 30.0
    probe: float = 60.0
    on_open: Literal["wait", "raise"] | None = None

    def __post_init__(self) -> None:
        modes = self.failures is not None or self.ratio is not None
        require(modes, "failures", self.failures, "a number where there is no ratio")
        if self.failures is not None:
            require_whole("failures", self.failures, 1)
        is_share = self.ratio is None or (is_number(self.ratio) and 0 < self.ratio <= 1)
        require(is_share, "ratio", self.ratio, "above 0, at most 1")
        require_whole("minimum", self.minimum, 1)
        _require_positive(self, "window", "open_for", "longest", "probe")
        if self.slow is not None:
            _require_positive(self, "slow")
        known = ("wait", "raise", None)
        require(self.on_open in known, "on_open", self.on_open, f"one of {known}")


class Limit(msgspec.Struct, frozen=True):
    """At most `limit` calls in any `seconds`; with `seconds` None, at most `limit` at a time.

    `route` narrows it to calls such as "POST /campaigns" (a trailing `*` makes the path a
    prefix). Raises `ValueError` for a limit below 1 or a length that is not above 0.
    """

    limit: int
    seconds: float | None = None
    route: str | None = None

    def __post_init__(self) -> None:
        require_whole("limit", self.limit, 1)
        if self.seconds is not None:
            _require_positive(self, "seconds")


class Governor(msgspec.Struct, frozen=True, kw_only=True):
    """How to stay inside an API's quota: by the `limits` that it is told, and, where `learn` is
    true, by what the answers' rate-limit fields say and by their 429s.

    `lease` (seconds) is for how long a call may hold one of a limited number of places.
    """

    limits: tuple[Limit, ...] = ()
    learn: bool = True
    lease: float = 120.0

    def __post_init__(self) -> None:
        _require_positive(self, "lease")
        msgspec.structs.force_setattr(self, "limits", _limits(self.limits))


def _limits(given: Any) -> tuple[Limit, ...]:
    """The limits, given as a tuple, a list, or one alone."""
    limits = (
        (given,) if isinstance(given, Limit) or not hasattr(given, "__iter__") else tuple(given)
    )
    is_told = all(isinstance(limit, Limit) for limit in limits)
    require(is_told, "limits", given, "failwell.Limits, such as [failwell.Limit(60, 60.0)]")
    return limits


def _check_deadline(deadline: float | None) -> None:
    """Raises `ValueError` unless the deadline is None or a positive, finite number of seconds."""
    if deadline is not None:
        is_time = is_number(deadline) and deadline > 0
        require(is_time, "deadline", deadline, "above 0 seconds")


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """When and how often to send again; times in seconds.

    The wait before retry n (from 0) is `base` doubled n times, at most `cap`, with `jitter`;
    `fast_base` takes the place of `base` where nothing was sent. A `Retry-After` is a floor under
    it; one past `max_wait` is not waited for where there is no deadline.

    Raises `ValueError` for a setting that is out of range.
    """

    max_retries: int = 5
    base: float = 1.0
    cap: float = 60.0
    jitter: Jitter | None = "full"
    fast_base: float = 0.05
    max_wait: float = 120.0

    def __post_init__(self) -> None:
        require_whole("max_retries", self.max_retries, 0)
        for name in ("base", "cap", "fast_base", "max_wait"):
            value = getattr(self, name)
            require(is_number(value) and value >= 0, name, value, "0 or more seconds")
        known = ("full", "equal", "ten_percent", None)
        require(self.jitter in known, "jitter", self.jitter, f"one of {known}")


_USUAL = Retry()
"""What a policy that was given no `retry` has; known by its identity, for to ask for these very
figures is a choice, too."""


class Publishing(Protocol):
    """Whoever has a retry rule of its own: a `failwell.Contract`."""

    @property
    def retry(self) -> Retry | None: ...


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How a client lives with failure. `None` turns a part off; `deadline` is in seconds and
    bounds a whole call, its attempts and its waits together. Budget, breaker and governor are
    shared by all who call the same origin with the same credential. Where no `retry` is given,
    the contract's published one holds, if it has one."""

    retry: Retry | None = _USUAL
    deadline: float | None = None
    budget: Budget | None = Budget()
    breaker: Breaker | None = Breaker()
    governor: Governor | None = Governor()

    def __post_init__(self) -> None:
        _check_deadline(self.deadline)
        for name, kind in _PARTS.items():
            part = getattr(self, name)
            is_part = part is None or isinstance(part, kind)
            require(is_part, name, part, f"a failwell.{kind.__name__}(...), or None")

    def under(self, contract: Publishing) -> Policy:
        """This policy for an API whose own retry rule stands where no other was asked for."""
        if self.retry is not _USUAL or contract.retry is None:
            return self
        return msgspec.structs.replace(self, retry=contract.retry)


_PARTS = {"retry": Retry, "budget": Budget, "breaker": Breaker, "governor": Governor}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """One call's own settings; what is left out stays as the client has it.

    `expect="json"` says that a success must be JSON; "any" says that it need not.
    `get_existing` answers a 409 that names the record which is there already with that record,
    where it holds what was sent. `name` is what the caller calls this write in a `run` of its own.
    """

    idempotency_key: str | None = None
    deadline: float | msgspec.UnsetType | None = msgspec.UNSET
    retry: Retry | msgspec.UnsetType | None = msgspec.UNSET
    expect: Literal["json", "any"] | None = None
    get_existing: bool | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if self.deadline is not msgspec.UNSET:
            _check_deadline(self.deadline)
        rule: Any = self.retry
        is_rule = rule is None or isinstance(rule, (Retry, msgspec.UnsetType))
        require(is_rule, "retry", self.retry, "a failwell.Retry(...), or None")
        known = ("json", "any", None)
        require(self.expect in known, "expect", self.expect, f"one of {known}")

    def over(self, other: Options) -> Options:
        """These options, with what they leave out filled in from `other`."""
        unset, key = msgspec.UNSET, self.idempotency_key
        return Options(
            idempotency_key=other.idempotency_key if key is None else key,
            deadline=other.deadline if self.deadline is unset else self.deadline,
            retry=other.retry if self.retry is unset else self.retry,
            expect=self.expect or other.expect,
            get_existing=other.get_existing if self.get_existing is None else self.get_existing,
            name=other.name if self.name is None else self.name,
        )
