"""IonQ's exceptions, word for word as its reference has them, and as failwell's of their kinds."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import httpx2
import pytest

import failwell
from failwell.apis import ionq
from failwell.apis.ionq import IONQ, exceptions
from failwell.apis.ionq.exceptions import raise_for_status
from failwell.model import Failure, Kind

NAMES = [
    "APIConnectionError", "APIError", "APITimeoutError", "AuthenticationError", "BadRequestError",
    "IonQError", "NotFoundError", "PermissionDeniedError", "RateLimitError", "ServerError",
]  # fmt: skip


def test_the_ten_names() -> None:
    """Exactly these, in alphabetical order, and each from the package too."""
    assert exceptions.__all__ == NAMES
    assert all(getattr(ionq, name) is getattr(exceptions, name) for name in NAMES)


def test_the_tree() -> None:
    """A timeout is a connection error; the other six are API errors; all are IonQ's."""
    assert issubclass(ionq.APIConnectionError, ionq.IonQError)
    assert issubclass(ionq.APITimeoutError, ionq.APIConnectionError)
    assert issubclass(ionq.APIError, ionq.IonQError)
    others = set(NAMES) - {"APIConnectionError", "APITimeoutError", "APIError", "IonQError"}
    assert all(issubclass(getattr(ionq, name), ionq.APIError) for name in others)
    for name in set(NAMES) - {"IonQError"}:
        assert issubclass(getattr(ionq, name), getattr(failwell, name))


def test_an_api_error() -> None:
    """Status, body, message and id as given; the message is `str()` of it."""
    error = ionq.APIError(402, {"message": "m"}, "Pay", request_id="r-1")
    assert (error.status_code, error.body, error.message) == (402, {"message": "m"}, "Pay")
    assert (error.request_id, str(error)) == ("r-1", "Pay")
    bare = ionq.APIError(418)
    assert (bare.body, bare.message, bare.request_id) == (None, "HTTP 418", None)
    assert str(ionq.APIError(500, None, "")) == "HTTP 500"


@pytest.mark.parametrize("body", [None, {"a": [1]}, {}, "plain text", "123", '{"a": 1}', "ü", []])
def test_a_body_stays_what_it_is(body: Any) -> None:
    """Through the constructor, a pickle and a copy."""
    error = ionq.BadRequestError(400, body)
    for same in (error, pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert same.body == body
        assert type(same) is ionq.BadRequestError


def test_a_rate_limit_error() -> None:
    """Its fourth argument is `retry_after`, and its status goes without saying."""
    error = ionq.RateLimitError(429, None, "Slow down", 2.5, request_id="r")
    assert (error.retry_after, error.message, error.request_id) == (2.5, "Slow down", "r")
    bare = ionq.RateLimitError()
    assert (bare.status_code, bare.retry_after, str(bare)) == (429, None, "HTTP 429")
    assert pickle.loads(pickle.dumps(error)) == error


EXACT = {400: "BadRequestError", 401: "AuthenticationError", 403: "PermissionDeniedError",
         404: "NotFoundError", 429: "RateLimitError"}  # fmt: skip


@pytest.mark.parametrize("status", [100, 200, 302, 399])
def test_nothing_is_raised_below_400(status: int) -> None:
    """Whatever else is given."""
    raise_for_status(status, {"message": "m"}, 1.0, "m", request_id="r")


@pytest.mark.parametrize("status", [*EXACT, 402, 405, 409, 413, 415, 422, 499, 500, 503, 504, 599])
def test_raise_for_status(status: int) -> None:
    """Five statuses have their class, 5xx are server errors, any other 4xx a plain `APIError`."""
    name = EXACT.get(status, "ServerError" if status >= 500 else "APIError")
    with pytest.raises(ionq.APIError) as caught:
        raise_for_status(status, {"k": 1}, 3.0, "m", request_id="r")
    assert type(caught.value) is getattr(ionq, name)
    assert (caught.value.status_code, caught.value.body) == (status, {"k": 1})
    assert (caught.value.message, caught.value.request_id) == ("m", "r")
    assert caught.value.retry_after == (3.0 if status == 429 else None)


def test_the_status_map() -> None:
    """Five entries and no more."""
    table = exceptions._STATUS_TO_EXCEPTION
    assert {status: cls.__name__ for status, cls in table.items()} == EXACT


def test_a_sentence_is_enough() -> None:
    """The base class and the connection errors are made of a message alone."""
    assert str(ionq.IonQError("Session already open")) == "Session already open"
    assert str(ionq.IonQError()) == ""
    assert ionq.APIConnectionError("ConnectError: refused").kind is Kind.CONNECTION
    assert ionq.APITimeoutError("timed out").kind is Kind.TIMEOUT


@pytest.mark.parametrize("kind", list(Kind))
def test_a_client_makes_them_of_facts(kind: Kind) -> None:
    """Each kind has a class of IonQ's that is failwell's too; facts, history and text survive."""
    failure = Failure(kind=kind, message="m", status=400, body=b'{"error": "E"}', api="ionq")
    error = IONQ.error(failure)
    assert isinstance(error, ionq.IonQError)
    assert error.failure is failure
    assert error.body == {"error": "E"}
    assert pickle.loads(pickle.dumps(error)) == error


def test_a_long_text_is_cut() -> None:
    """A body that is not JSON is shown up to 500 characters."""
    failure = Failure(kind=Kind.GATEWAY, message="m", status=502, body=b"<html>" * 200)
    assert len(ionq.ServerError(failure).body) == 500


def test_a_client_raises_them(cloud: Any) -> None:
    """Over the wire each status becomes its class, with IonQ's body; a refused connection keeps
    the transport's own error in `__cause__`."""
    once = failwell.Policy(retry=None)
    fields = {"Authorization": f"apiKey {cloud.keys['key']}"}
    settings: dict[str, Any] = {"contract": IONQ, "policy": once, "trust_env": False}
    with failwell.Client(base_url=cloud.base, headers=fields, **settings) as client:
        with pytest.raises(ionq.BadRequestError) as wrong:
            client.post("/jobs", json={"type": "ionq.circuit.v1", "shots": 0})
        assert wrong.value.body["validation"]["keys"] == ["shots"]
        assert wrong.value.issues[0].path == "shots"
        with pytest.raises(ionq.NotFoundError) as missing:
            client.get("/jobs/nope")
        assert missing.value.request_id
        with cloud.limited(max_body_bytes=1), pytest.raises(ionq.APIError) as large:
            client.post("/jobs", json={})
        assert isinstance(large.value, failwell.PayloadTooLargeError)
        with cloud.limited(requests_per_minute=1), pytest.raises(ionq.RateLimitError) as limited:
            client.get("/whoami")
        assert limited.value.retry_after
    with (
        failwell.Client(base_url="http://127.0.0.1:9", **settings) as nowhere,
        pytest.raises(ionq.APIConnectionError) as refused,
    ):
        nowhere.get("/whoami")
    assert isinstance(refused.value.__cause__, httpx2.ConnectError)
    assert not isinstance(refused.value, ionq.APITimeoutError)
