"""Successes that are not what was promised: told, with what they prove."""

from __future__ import annotations

import httpx2
import msgspec
import pytest

from failwell import BadResponseError, Contract, Outcome
from failwell.apis.answers import members, read, unreadable
from failwell.dialects import Flat

KILN = Contract(name="kiln", dialect=Flat(code="error_code", message="message"))
KEY = "key-of-the-caller"


class Pot(msgspec.Struct):
    glaze: str


def answered(body: bytes, method: str = "POST") -> httpx2.Response:
    headers = {"Authorization": f"Bearer {KEY}"}
    request = httpx2.Request(method, "https://kiln.test/pots", headers=headers)
    return httpx2.Response(201, content=body, request=request, headers={"X-Request-Id": "req-1"})


def test_a_record_is_read() -> None:
    """A body in the promised shape is the record."""
    assert read(KILN, answered(b'{"glaze": "ash"}'), Pot) == Pot("ash")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"glaze": 1}', b"\xff", b'{"a":' * 100_000], ids=repr
)
@pytest.mark.parametrize(("method", "outcome"), [("POST", Outcome.APPLIED), ("GET", None)])
def test_another_shape_is_told(body: bytes, method: str, outcome: Outcome | None) -> None:
    """It is a `BadResponseError` with the request's id; a write that was answered so is applied."""
    with pytest.raises(BadResponseError, match="The answer is not a Pot") as caught:
        read(KILN, answered(body, method), Pot)
    told = caught.value
    assert (told.outcome, told.status_code, told.request_id) == (outcome, 201, "req-1")


def test_no_secret_that_was_sent_is_kept() -> None:
    """A server that echoes the credential does not get it into the exception; a body that may
    hold one of its own is left out where the caller says so."""
    response = answered(f'{{"echo": "{KEY}"}}'.encode())
    error = unreadable(KILN, response, f"is not a Pot: {KEY}")
    assert KEY not in f"{error} {error!r} {error.body!r}"
    assert not unreadable(KILN, response, "is not a Pot", keep_body=False).body


def test_what_is_no_object_has_no_members() -> None:
    """Only a JSON object has any; whatever else came is an empty one."""
    assert members(b'{"a": 1}') == {"a": 1}
    assert [members(body) for body in (None, b"", b"[1]", b"{", b"\xff")] == [{}] * 5
