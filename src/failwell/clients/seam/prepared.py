"""A call made ready, whatever the HTTP library: its key, its ids, its body, its terms, and what was
known of its write before."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

import msgspec

from failwell.actions import Flow, Send
from failwell.clients.seam.settings import Seam
from failwell.clients.seam.trail import ANYTHING, Asked, Left, Trail, left_by
from failwell.errors import FailwellError
from failwell.flows.call import call
from failwell.flows.terms import Done, Terms
from failwell.model import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from failwell.flows.intended import Intention


class Prepared(msgspec.Struct, frozen=True):
    """One call, made ready: the request as it was given, and what each attempt's copy gets.

    `native` is the HTTP library's own request, `body` the one that knows how far it got.
    """

    seam: Seam
    native: Any
    request: Request
    terms: Terms
    extra: dict[str, str]
    body: Any
    is_aside: bool = False
    plan: Intention | None = None
    before: Trail | None = None

    def with_content(self, content: bytes) -> tuple[Any, Any]:
        """The library's request with another body, and that body."""
        raise NotImplementedError  # abstract; `abc` would need a metaclass joined with msgspec's

    def asking(self, request: Request) -> Any:
        """The library's request for one that a flow made up itself."""
        raise NotImplementedError  # abstract, as above: each library has its own request

    def under(self, request: Request) -> Self:
        """The same call under the key and the tag of this request."""
        native, body = self.native, self.body
        if request.body is not self.request.body and request.body is not None:
            native, body = self.with_content(request.body)
        extra = self.seam.kept_under(self.extra, request)
        return msgspec.structs.replace(self, native=native, request=request, extra=extra, body=body)

    def rebuilt(self, send: Send) -> Self:
        """This call, or that of a request which a flow made up itself, such as a look-up."""
        request = send.request
        if request is self.request:
            return self
        # what a run asks for under the key or tag that it wrote down has the call's own fields
        if self.plan is not None and request.headers is self.request.headers:
            return self.under(request)
        native = self.asking(request)
        return type(self)(self.seam, native, request, self.terms, {}, None, is_aside=True)

    def course(self, now: float) -> Flow[Done]:
        """What brings the call to its end, for the whole of its write; it began `now` (monotonic
        seconds)."""
        before = self.before
        if before is None:
            return (yield from self._own_course(now, None))
        try:
            done = yield from self._own_course(now, before)
        except FailwellError as error:
            is_folded = self.plan is None and error.outcome is not None
            outcome = error.outcome if is_folded else before.goes_on_as(error.outcome)
            failed = before.told(error, outcome, before.history(error.attempts))
        else:
            return msgspec.structs.replace(done, attempts=before.history(done.attempts))
        raise failed from failed.__cause__

    def _own_course(self, now: float, before: Trail | None) -> Flow[Done]:
        if self.plan is not None:
            from failwell.flows.intended import intended

            return intended(self.plan, self.terms, now)
        if before is None:
            return call(self.request, self.terms, now)
        age = max(time.time() - before.sent.at, 0.0)
        return call(self.request, self.terms, now, before.outcome, age)

    def broken(self, error: FailwellError) -> FailwellError:
        """The error for an answer that broke while it was read, as that of the whole write."""
        if self.before is None:
            return error
        return self.before.told(error, self.before.goes_on_as(error.outcome), error.attempts)

    def leave(
        self,
        ended: Done | FailwellError,
        place: Left | None,
        asks: Callable[[], tuple[Asked, ...]],
    ) -> Left | None:
        """What is to lie on the request now that the call has ended, where there was `place`; it
        is the first that `asks`, and the others do for the same."""
        contract, request = self.terms.contract, self.request
        trail = left_by(contract, request, self.before, ended)
        if request.key is not None and contract.idempotency.header not in self.extra:
            self.seam.doubts.keep(request, trail)
        is_over = isinstance(ended, Done) and trail is None
        if place is None and is_over:
            return None
        asked, *others = asks()
        if place is None or not place.is_of(asked):  # what lies there is another write's
            if is_over:
                return None
            place = Left()
        marks = place.marks if self.before is not None else frozenset[bytes]()
        if trail is not None:
            marks = marks.union(one.mark for one in (asked, *others)) - {ANYTHING}
            marks |= _led_to(asked, ended)
        place.keep(trail, self.body, marks, asked)
        if is_over:
            place.body = place.source = None
        return place


def _led_to(asked: Asked, ended: Done | FailwellError) -> frozenset[bytes]:
    if isinstance(ended, FailwellError):
        return frozenset()
    location = ended.response.headers.get("location")
    return frozenset() if location is None else asked.led_to(ended.response.status, location)
