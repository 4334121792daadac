"""What can be made to go wrong in the sandbox, for which requests, and how often.

Nothing here knows of a server: `wire` performs what this module decides.
"""

from __future__ import annotations

import random
import re
import reprlib
import threading
from collections import Counter
from collections.abc import Iterable
from typing import Literal, get_args

import msgspec

FaultKind = Literal["lose_answer", "reset", "cut_body", "truncate", "html_502", "status", "delay"]
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

_ANSWERING = frozenset({"status", "html_502"})
_AFTER_THE_APP = frozenset({"lose_answer", "cut_body", "truncate"})
_ON_THE_WIRE = frozenset({"lose_answer", "reset", "cut_body"})

_METHOD = re.compile(r"[A-Za-z]+")
_HEADER_VALUE = re.compile(r"(?![ \t])[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*(?<![ \t])")

_HINTS = {
    "fault": f"use one of {', '.join(KINDS)}",
    "match": 'give {"method": "POST", "path": "/parts"}, or leave it out to match every request',
    "method": "give a name such as POST, or leave it out to match every method",
    "path": 'start it with "/" (a trailing "*" makes it a prefix), or leave it out',
    "status": "give a whole number from 400 to 599, or leave it out for 503",
    "seconds": "give a number from 0 to 300",
    "retry_after": 'give a string that fits on one header line, such as "2"',
    "times": "give a whole number from 1, or leave it out for ever",
    "committed": "give true or false, and only with status or html_502",
    "probability": "give a number from 0 to 1",
}
_WHOLE = 'send a JSON list such as [{"fault": "reset"}]; an empty list clears'


class FaultError(ValueError):
    """Says which fault of a list is wrong, in which field, and what to write instead."""


def _check(field: str, value: object, fine: object) -> None:
    if not fine:
        raise FaultError(f"field `{field}` is {reprlib.repr(value)}; {_HINTS[field]}")


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which requests a fault is for; what is left out matches everything."""

    method: str | None = None
    path: str | None = None

    def __post_init__(self) -> None:
        _check("method", self.method, self.method is None or _METHOD.fullmatch(self.method))
        _check("path", self.path, self.path in (None, "*") or self.path[:1] == "/")

    def admits(self, method: str, path: str) -> bool:
        """Say whether a request is meant; `path` is below the API's base URL."""
        if self.method is not None and self.method.upper() != method.upper():
            return False
        if self.path is None or self.path == path:
            return True
        return self.path.endswith("*") and path.startswith(self.path[:-1])


class Fault(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One thing that goes wrong, valid from the moment it exists."""

    fault: FaultKind
    match: Match = Match()
    status: int = 503
    seconds: float = 1.0
    retry_after: str | None = None
    times: int | None = None
    committed: bool = False
    probability: float = 1.0

    def __post_init__(self) -> None:
        _check("status", self.status, 400 <= self.status <= 599)
        _check("seconds", self.seconds, 0 <= self.seconds <= 300)
        _check("times", self.times, self.times is None or self.times >= 1)
        _check("probability", self.probability, 0 <= self.probability <= 1)
        _check("committed", self.committed, not self.committed or self.fault in _ANSWERING)
        plain = self.retry_after is None or _HEADER_VALUE.fullmatch(self.retry_after)
        _check("retry_after", self.retry_after, plain)

    @property
    def runs_app(self) -> bool:
        """Whether the request takes effect before its answer is spoilt."""
        return self.committed or self.fault in _AFTER_THE_APP

    @property
    def breaks_connection(self) -> bool:
        """Whether the fault ends the TCP connection."""
        return self.fault in _ON_THE_WIRE


class FaultList:
    """Hands each request the first fault that is still live and meant for it.

    A fault with a `probability` is rolled for when a request matches it; when the roll misses,
    the next fault in the list gets its chance and no use is counted.
    """

    def __init__(self, faults: Iterable[Fault] = (), rng: random.Random | None = None) -> None:
        self._lock = threading.Lock()
        self._faults = list(faults)
        self._used: Counter[FaultKind] = Counter()
        self._rng = rng or random.Random(0)

    def __bool__(self) -> bool:
        return bool(self._faults)

    @property
    def listed(self) -> tuple[Fault, ...]:
        """The live faults, each with the `times` it has left."""
        with self._lock:
            return tuple(self._faults)

    @property
    def used(self) -> dict[FaultKind, int]:
        """How often each kind was handed out, over all lists this one has held."""
        with self._lock:
            return dict(self._used)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Forget the faults listed so far and list these."""
        fresh = list(faults)
        with self._lock:
            self._faults = fresh

    def take(self, method: str, path: str, rng: random.Random | None = None) -> Fault | None:
        """Return the fault for this request, counting one use of it, or None."""
        with self._lock:
            for index, fault in enumerate(self._faults):
                if fault.match.admits(method, path) and _hits(fault, rng or self._rng):
                    self._spend(index, fault)
                    return fault
        return None

    def _spend(self, index: int, fault: Fault) -> None:
        self._used[fault.fault] += 1
        if fault.times == 1:
            del self._faults[index]
        elif fault.times is not None:
            self._faults[index] = msgspec.structs.replace(fault, times=fault.times - 1)


def decode(body: bytes) -> list[Fault]:
    """Read the JSON list of a `PUT …/faults`, or raise a `FaultError` that says how to mend it."""
    try:
        return _DECODER.decode(body)
    except msgspec.ValidationError as error:
        raise FaultError(_explain(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FaultError(f"faults: the body is not JSON ({error}); {_WHOLE}") from None


_DECODER = msgspec.json.Decoder(list[Fault])
_LOCATED = re.compile(r"(?s)(?P<problem>.*?)(?: - at `\$(?P<where>.*)`)?")
_MISSING = re.compile(r"missing required field `(\w+)`")


def _hits(fault: Fault, rng: random.Random) -> bool:
    return fault.probability >= 1 or rng.random() < fault.probability


def _explain(error: msgspec.ValidationError) -> str:
    located = _LOCATED.fullmatch(str(error))
    assert located is not None
    where = located["where"] or ""
    if isinstance(error.__cause__, FaultError):
        return f"faults{where}: {error.__cause__}"
    return f"faults{where}: {located['problem']}; {_hint(located['problem'], where)}"


def _hint(problem: str, where: str) -> str:
    if not where:
        return _WHOLE
    if "unknown field" in problem:
        known = Match if where.endswith(".match") else Fault
        return f"use only {', '.join(known.__struct_fields__)}"
    missing = _MISSING.search(problem)
    field = missing[1] if missing else where.rpartition(".")[2]
    return _HINTS.get(field, 'give an object such as {"fault": "reset"}')
