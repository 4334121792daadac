"""The contract of an API that nobody has declared, and its dialect: whatever it may say.

How any body is read is a long story (`anything`), and told when the first one has failed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import msgspec

from failwell.contract import Contract
from failwell.model import Failure, Outcome, Response


class Generic(msgspec.Struct, frozen=True, kw_only=True):
    """Reads any error body; renders problem documents (RFC 9457).

    A member `outcome` is not believed: nobody has said what this API means by it.
    """

    media_type: str = "application/problem+json"

    def parse(self, response: Response) -> Failure | None:
        """The failure where the body is JSON with a sentence or a code in it, or where a 429 says
        `Retry-After`; None where anybody on the way may have written it."""
        own = _from_json()(response)
        if own is None and response.status == 429 and "retry-after" in response.headers:
            return read(response)
        return own

    def render(self, failure: Failure) -> Response:
        """A problem document."""
        from failwell.dialects.problem import Problem

        return Problem().render(failure)


@cache
def _from_json() -> Callable[[Response], Failure | None]:
    from failwell.dialects.anything import from_json

    return from_json


def read(response: Response) -> Failure:
    """The best reading of any body, in whatever shape; never raises."""
    from failwell.dialects import anything

    return anything.read(response)


GENERIC = Contract(name="the API", dialect=Generic(), unlisted=Outcome.NOT_STARTED)
"""The contract of an API that nobody has declared: it goes by HTTP's own meaning.

A 4xx other than 408 and 409 with a readable error body, or a 429 with `Retry-After`, was answered
before any effect; all else proves nothing. An idempotency key is sent and not trusted:
`GENERIC.trusting_keys()` is for an API that is known to honour it.
"""
