"""Ionworks' exceptions, as its guide has them."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

import failwell
from failwell.apis import ionworks
from failwell.apis.ionworks import IONWORKS, IonworksError, exceptions
from failwell.errors import BY_KIND
from failwell.model import Failure, Headers, Kind, Request, Response
from failwell.policy.evidence import judge

URL = "https://api.ionworks.com/cell_specifications/x"


def read(status: int, body: Any) -> IonworksError:
    """The exception that a client makes of this answer."""
    response = Response(
        status=status,
        headers=Headers({"content-type": "application/json", "x-correlation-id": "abc123"}),
        body=json.dumps(body).encode(),
    )
    verdict = judge(IONWORKS, Request(method="GET", url=URL), response)
    assert verdict is not None
    error = IONWORKS.error(verdict.failure)
    assert isinstance(error, IonworksError)
    return error


def test_one_public_name() -> None:
    """8: `IonworksError` is the only exception to import; its leaves are private."""
    assert exceptions.__all__ == ["IonworksError"]
    assert [name for name in ionworks.__all__ if "Error" in name] == ["IonworksError"]


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_is_both(kind: Kind) -> None:
    """8: each leaf is an `IonworksError` and failwell's class of that kind; all pickle."""
    error = IONWORKS.error(Failure(kind=kind, message="m", status=404, api="ionworks"))
    assert isinstance(error, IonworksError)
    assert isinstance(error, BY_KIND[kind])
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again) == (type(error), error)


def test_attributes() -> None:
    """8: `message`, `data` (the whole body), `status_code`, `error_code`, and the text of it."""
    body = {"error_code": "CONFLICT", "message": "There already", "detail": {"existing_id": "c-1"}}
    error = read(409, body)
    assert isinstance(error, failwell.ConflictError)
    assert (error.message, error.status_code, error.error_code) == (
        "There already",
        409,
        "CONFLICT",
    )
    assert error.data == body
    assert (error.correlation_id, error.request_id) == ("abc123", "abc123")
    assert str(error) == "error code: 409, message: There already"


def test_the_older_shape() -> None:
    """3: `{"detail": …}` has neither code nor data."""
    error = read(404, {"detail": "Not Found"})
    assert (error.message, error.error_code, error.data) == ("Not Found", None, None)
    assert isinstance(error, failwell.NotFoundError)


def test_without_an_answer() -> None:
    """3: no answer, no status, no data, no code."""
    error = IONWORKS.error(Failure(kind=Kind.TIMEOUT, message="too late", api="ionworks"))
    assert isinstance(error, IonworksError)
    assert (error.status_code, error.data, error.error_code) == (None, None, None)
    assert str(error) == "error code: None, message: too late"
