"""A write that is repeated above the seam, by a redirect, an auth scheme or its caller: what is
known of it goes along.

Each of those requests is a call of its own here. What it is refused with says nothing of the one
before, whose answer may have been lost. So that one leaves a `Trail` on its request, which every
request that is made of it carries: the key and the tag to go on with, and what to fold.
"""

from __future__ import annotations

import hashlib
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

import msgspec

from failwell.contract import Contract
from failwell.errors import FailwellError, InvalidRequestError
from failwell.flows.account import sent_at
from failwell.flows.terms import Done
from failwell.later import whole
from failwell.model import Attempt, Outcome, Sent

if TYPE_CHECKING:
    from failwell.model import Request

LONGEST_HISTORY = 64
"""Attempts that a trail keeps, the last ones."""

MOMENTS = 120.0
"""Seconds for which a request without a key that is sent again is taken for the same write."""


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a write, `left` at that time of day (epoch seconds) by the last of its
    calls: the `attempts` that failed, and what they make of its `outcome`. No outcome says that it
    is not in doubt, but was redirected: it is then told only by a read that follows it."""

    sent: Sent
    left: float
    attempts: tuple[Attempt, ...] = ()
    outcome: Outcome | None = None

    def holds(self, contract: Contract, now: float) -> bool:
        """Whether what is sent again at that time of day is still the same write."""
        is_keyed = self.sent.key is not None
        return now - self.left < (contract.idempotency.retention if is_keyed else MOMENTS)

    def goes_on_as(self, outcome: Outcome | None) -> Outcome | None:
        """What is known of the write once a call that knew nothing of it has ended with that;
        None is the end of a read, such as the one that a 303 makes of a write."""
        if outcome is None:
            return self.outcome or Outcome.UNKNOWN
        return self.outcome if self.outcome is not None and outcome.nothing_done else outcome

    def history(self, attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
        """Its attempts, and these after them."""
        first = self.attempts[-1].number if self.attempts else 0
        later = (_numbered(attempt, first + attempt.number) for attempt in attempts)
        return (*self.attempts, *later)[-LONGEST_HISTORY:]

    def refused(self, error: FailwellError) -> FailwellError:
        """The error of a request that was not sent, as that of the whole write."""
        return self.told(error, self.goes_on_as(error.outcome), self.attempts)

    def told(
        self, error: FailwellError, outcome: Outcome | None, attempts: tuple[Attempt, ...]
    ) -> FailwellError:
        """The error as that of the whole write."""
        sent = msgspec.structs.replace(error.sent or self.sent, at=self.sent.at)
        return error.retold(outcome, attempts, sent)


class Asked(msgspec.Struct, frozen=True, dict=True):
    """What a request asks for, as it comes to the seam: its `content` is None for a stream, which
    is told by its `source`, and its `key` is one of its own header fields."""

    method: str
    url: str
    content: bytes | None
    source: Any
    key: str | None = None

    @cached_property
    def mark(self) -> bytes:
        """What it is told from others by; a URL may hold a credential, and is not kept."""
        return _mark(self.method, self.url, self._body)

    def led_to(self, status: int, location: str) -> frozenset[bytes]:
        """The marks of what HTTP libraries make of it where it is redirected: the same request or
        a read, in most cases without its body."""
        target = _resolved(self.url, location)
        if target is None:
            return frozenset({ANYTHING})
        if status in _WITH_BODY:
            return frozenset({_mark(self.method, target, self._body)})
        methods, bodies = (self.method, "GET"), (self._body, _digest(b""))
        return frozenset(_mark(method, target, body) for method in methods for body in bodies)

    @cached_property
    def _body(self) -> bytes:
        return b"a stream" if self.content is None else _digest(self.content)


class Left(msgspec.Struct):
    """Where a trail lies, which a request shares with those that are made of it: once the last of
    them has gone well, none has a trail any more. The `body` lies there, too, which was begun.

    A request may be changed by its caller, and is then another write: `marks` are those of all that
    was asked for on the trail, and of what the last of it leads to; `source` is its stream.
    """

    trail: Trail | None = None
    body: Any = None
    source: Any = None
    marks: frozenset[bytes] = frozenset()

    def found(self, contract: Contract, asked: Asked) -> Trail | None:
        """The trail, while it is one of the same write."""
        trail = self.trail
        if trail is None or not trail.holds(contract, time.time()) or not self.is_of(asked):
            return None
        return trail

    def is_of(self, asked: Asked) -> bool:
        """Whether this is asked for on the trail, if there is one."""
        if self.trail is None:
            return True
        known = self.trail.sent.key
        if asked.key is not None and known is not None and asked.key != known:
            return False
        if asked.content is None and asked.source is not self.source:
            return False
        return asked.mark in self.marks or ANYTHING in self.marks

    def keep(self, trail: Trail | None, body: Any, marks: frozenset[bytes], asked: Asked) -> None:
        """Lay down what a call left that asked for this, in the place of what was there."""
        self.trail, self.marks = trail, frozenset() if trail is None else marks
        if body is not None:
            self.body = body
        if asked.content is None:
            self.source = asked.source

    def begun(self, source: object) -> Any:
        """The body that was begun of this source; None where that is another one.

        Raises `InvalidRequestError` for one that cannot be sent again, and that the HTTP library
        would send without what was read of it.
        """
        if self.body is None or (source is not self.body and source is not self.body.source):
            return None
        if not self.body.is_rewindable():
            raise InvalidRequestError.of(
                "The body cannot be sent a second time, and this request is made of another",
                advice="Give bytes, or a file that can seek.",
            )
        return self.body


def left_by(
    contract: Contract, request: Request, before: Trail | None, ended: Done | FailwellError
) -> Trail | None:
    """What a call leaves on its request; None where whatever comes after it is another write."""
    if isinstance(ended, FailwellError):
        return _left_by_failure(ended)
    if ended.response.status not in _REDIRECTS:
        return None
    if request.method in contract.safe:
        return before
    now, header = time.time(), contract.idempotency.header
    known = None if before is None else before.outcome
    key = None if header is None else ended.response.asked.get(header)
    keyed = msgspec.structs.replace(request, key=key)
    return Trail(
        sent=sent_at(keyed, now if before is None else before.sent.at),
        left=now,
        attempts=tuple(map(whole, ended.attempts)),
        outcome=_in_all([known, *(attempt.outcome for attempt in ended.attempts)]),
    )


def _left_by_failure(error: FailwellError) -> Trail | None:
    if error.sent is None or not _is_doubtful(error.outcome):
        return None
    return Trail(sent=error.sent, left=time.time(), attempts=error.attempts, outcome=error.outcome)


def _is_doubtful(outcome: Outcome | None) -> bool:
    return outcome is not None and not outcome.nothing_done


def _in_all(outcomes: list[Outcome | None]) -> Outcome | None:
    """What these, one after another, make of a write; None where nothing can be left of it."""
    left = [outcome for outcome in outcomes if _is_doubtful(outcome)]
    return next(
        (known for known in left if known is not Outcome.UNKNOWN), left[0] if left else None
    )


def _mark(method: str, url: str, body: bytes) -> bytes:
    return _digest("\n".join((method, _plain(url), body.hex())).encode(errors="surrogateescape"))


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _plain(address: str) -> str:
    """The URL as it is however it is quoted, without its credentials and its fragment."""
    try:
        url = urlsplit(address)
    except ValueError:
        return address
    host = url.netloc.rpartition("@")[2].lower()
    host = host.removesuffix(":443" if url.scheme == "https" else ":80")
    return unquote(f"{url.scheme}://{host}{url.path or '/'}?{url.query}", errors="surrogateescape")


def _resolved(url: str, location: str) -> str | None:
    """Where a redirect leads to; None where HTTP libraries differ on that."""
    try:
        location.encode("ascii")
        target = urljoin(url, location)
        path = urlsplit(target).path
    except ValueError:
        return None
    is_odd = "//" in path or "/." in path or "\\" in target
    return None if is_odd else target


def _numbered(attempt: Attempt, number: int) -> Attempt:
    return msgspec.structs.replace(whole(attempt), number=number)


_REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""Those that HTTP libraries follow (RFC 9110 section 15.4), with the same method or by a GET."""

_WITH_BODY = frozenset({307, 308})
"""Those after which a request goes on as it was."""

ANYTHING = b""
"""The mark of whatever comes next."""
