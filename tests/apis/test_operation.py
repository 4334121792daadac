"""Operations that the clients of several APIs share."""

from __future__ import annotations

import pytest

from failwell.apis.operation import Ask, deleted
from failwell.errors import BadResponseError, FailwellError, NotFoundError, ServerError
from failwell.model import Failure, Kind, Outcome


def failed(cls: type[FailwellError], kind: Kind, outcome: Outcome) -> FailwellError:
    return cls(Failure(kind=kind, message="no", method="DELETE", outcome=outcome))


@pytest.mark.parametrize(
    "error",
    [
        failed(NotFoundError, Kind.NOT_FOUND, Outcome.APPLIED),
        failed(BadResponseError, Kind.BAD_RESPONSE, Outcome.APPLIED),
    ],
)
def test_what_is_proven_to_be_gone_is_gone(error: FailwellError) -> None:
    """By the 404 after a lost answer, and by an answer that could not be read: one deletion."""
    operation = deleted("things/1")
    assert next(operation) == Ask("DELETE", "things/1")
    with pytest.raises(StopIteration):
        operation.throw(error)


@pytest.mark.parametrize(
    "error",
    [
        failed(NotFoundError, Kind.NOT_FOUND, Outcome.NOT_STARTED),
        failed(ServerError, Kind.INTERNAL, Outcome.UNKNOWN),
    ],
)
def test_what_may_be_there_is_told(error: FailwellError) -> None:
    """A thing that never was, and a deletion of which nobody knows."""
    operation = deleted("things/1")
    next(operation)
    with pytest.raises(type(error)):
        operation.throw(error)
