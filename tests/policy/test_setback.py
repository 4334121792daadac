"""What an error says about a step, and about undoing it once more."""

from __future__ import annotations

import pytest

from failwell.errors import APIConnectionError, FailwellError, NotFoundError
from failwell.model import Failure, Kind, Outcome
from failwell.policy import setback as policy


def failed(kind: Kind, outcome: Outcome | None = None, **facts: object) -> FailwellError:
    failure = Failure(kind=kind, message="no", outcome=outcome, **facts)  # type: ignore[arg-type]
    return (NotFoundError if kind is Kind.NOT_FOUND else APIConnectionError)(failure)


@pytest.mark.parametrize(
    ("error", "keyed", "wanted"),
    [
        (ValueError("x"), False, (False, True, True)),
        (failed(Kind.NOT_FOUND, Outcome.NOT_STARTED, method="DELETE"), False, (True, True, True)),
        (failed(Kind.NOT_FOUND, Outcome.UNKNOWN, method="DELETE"), False, (False, False, True)),
        (failed(Kind.NOT_FOUND, Outcome.NOT_STARTED, method="POST"), False, (False, False, True)),
        (failed(Kind.BAD_RESPONSE, Outcome.APPLIED, method="POST"), False, (True, True, True)),
        (failed(Kind.TIMEOUT, Outcome.UNKNOWN, method="POST"), False, (False, False, False)),
        (failed(Kind.TIMEOUT, Outcome.UNKNOWN, method="POST"), True, (False, True, True)),
        (failed(Kind.TIMEOUT, Outcome.UNKNOWN, method="DELETE"), False, (False, True, True)),
        (failed(Kind.UNAUTHENTICATED, Outcome.NOT_STARTED), False, (False, False, True)),
    ],
)
def test_what_an_error_says_about_another_try(
    error: Exception, keyed: bool, wanted: tuple[bool, bool, bool]
) -> None:
    """A compensation that may have been made is not made again unless that is safe."""
    setback = policy.judge(error, keyed=keyed)
    assert (setback.made, setback.again, setback.later) == wanted


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (failed(Kind.TIMEOUT, Outcome.UNKNOWN), Outcome.UNKNOWN),
        (failed(Kind.TIMEOUT, None), None),
        (ConnectionResetError(), Outcome.UNKNOWN),
        (TimeoutError(), Outcome.UNKNOWN),
        (KeyboardInterrupt(), Outcome.UNKNOWN),
        (ValueError("bad name"), Outcome.NOT_STARTED),
    ],
)
def test_what_the_error_of_a_step_proves(error: BaseException, outcome: Outcome | None) -> None:
    """failwell's errors say it; lost connections and interruptions leave it open."""
    assert policy.outcome_of(error) is outcome
