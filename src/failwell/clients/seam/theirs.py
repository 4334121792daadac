"""The HTTP library's own classes, for what failwell raises and it has not."""

from __future__ import annotations

import msgspec

from failwell.clients import families
from failwell.errors import BadResponseError, FailwellError, InvalidRequestError, RunError
from failwell.model import Outcome


class Theirs(msgspec.Struct, frozen=True):
    """The library's own classes for what it has not raised itself: an answer that cannot be read,
    a request that was refused here, an origin that is not to be asked now, a write of a run whose
    answer was lost in the past, and a write that a run cannot vouch for."""

    garbled: type[Exception]
    refused: type[Exception]
    unreachable: type[Exception]
    lost: type[Exception]
    unvouched: type[Exception]

    def join(self, error: FailwellError) -> FailwellError:
        """The error as one of both families."""
        return families.joined(error, self._of(error))

    def _of(self, error: FailwellError) -> type[Exception]:
        if isinstance(error, BadResponseError):
            return self.garbled
        if isinstance(error, InvalidRequestError):
            return self.refused
        if isinstance(error, RunError):
            return self.unvouched
        return self.lost if error.outcome is Outcome.UNKNOWN else self.unreachable
