"""Exceptions of both families: caught by either, printed by the library's name, picklable."""

from __future__ import annotations

import pickle

import httpx
import pytest
from requests import exceptions as requests_own

import failwell
from failwell.apis.flow.contract import FLOW
from failwell.apis.ionq.contract import IONQ
from failwell.clients import families
from failwell.clients.httpx import attempt as over_httpx
from failwell.clients.requests import attempt as over_requests
from failwell.contract import Contract
from failwell.errors import BY_KIND, FailwellError, InvalidRequestError
from failwell.model import Failure, Kind, Outcome
from samples import OWN

THEIRS = [httpx.ReadError, httpx.ReadTimeout, httpx.DecodingError, httpx.StreamError]
THEIRS += [requests_own.ReadTimeout, requests_own.ConnectTimeout, requests_own.InvalidJSONError]
TABLES = {**over_httpx.FAULTS, **over_requests.FAULTS}


def failed(kind: Kind, contract: Contract = OWN) -> FailwellError:
    failure = Failure(kind=kind, message="It failed.", outcome=Outcome.UNKNOWN)
    if kind is Kind.BAD_REQUEST:
        return InvalidRequestError(failure)
    return contract.error(failure)


@pytest.mark.parametrize("theirs", THEIRS)
@pytest.mark.parametrize("kind", [Kind.CONNECTION, Kind.TIMEOUT, Kind.BAD_RESPONSE])
@pytest.mark.parametrize("contract", [OWN, IONQ, FLOW])
def test_it_is_both(theirs: type[Exception], kind: Kind, contract: Contract) -> None:
    """Whatever an API's own classes derive from, the built-in `ConnectionError` included."""
    error = failed(kind, contract)
    both = families.joined(error, theirs)
    assert isinstance(both, theirs)
    assert isinstance(both, BY_KIND[kind])
    assert isinstance(both, type(error))
    assert (str(both), both.outcome, type(both).__name__) == (
        "It failed.",
        "unknown",
        theirs.__name__,
    )
    again = pickle.loads(pickle.dumps(both))
    assert (type(again), again, str(again)) == (type(both), both, "It failed.")


@pytest.mark.parametrize("theirs", [cls for cls in TABLES if TABLES[cls][0] is Kind.BAD_REQUEST])
def test_what_was_refused_here_is_both(theirs: type[Exception]) -> None:
    """A refusal is a `ValueError`, too, which not every layout of an exception can be."""
    if issubclass(theirs, httpx.StreamError):
        theirs = httpx.StreamError  # the others are not made from a message; see `_clean`
    if not theirs.__module__.startswith("h11"):
        both = families.joined(failed(Kind.BAD_REQUEST), theirs)
        assert isinstance(both, InvalidRequestError)
        assert isinstance(pickle.loads(pickle.dumps(both)), theirs)


def test_a_family_is_made_once() -> None:
    """One class for each pair, so that `except type(error)` works."""
    one = families.family(failwell.APIConnectionError, httpx.ReadError)
    assert one is families.family(failwell.APIConnectionError, httpx.ReadError)


def test_a_class_that_is_both_already_stays_as_it_is() -> None:
    """Nothing is added to it."""
    assert families.family(InvalidRequestError, ValueError) is InvalidRequestError


def test_cause_and_notes_come_along() -> None:
    """What was known of the error is known of both."""
    error = failed(Kind.CONNECTION)
    error.__cause__ = OSError("reset")
    error.add_note("by hand")
    both = families.joined(error, httpx.ReadError)
    assert str(both.__cause__) == "reset"
    assert "by hand" in both.__notes__
