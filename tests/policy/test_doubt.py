"""What can be done about a write of which nobody knows whether it took effect."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from failwell import GENERIC, Contract
from failwell.drive import Rim, drive
from failwell.errors import FailwellError
from failwell.flows.call import call
from failwell.flows.terms import Terms
from failwell.model import Request, Sent
from failwell.policy import doubt
from failwell.testing import Clock, Script
from samples import listed, lost

TRUSTED = GENERIC.trusting_keys()
FOUND = msgspec.structs.replace(GENERIC, look_up=listed())


def advised(contract: Contract, method: str, key: str | None = "k", **how: Any) -> str | None:
    sent = Sent(method=method, url="https://api.example.org/x", at=0.0, key=key)
    return doubt.advice(contract, sent, **{"findable": False} | how)


@pytest.mark.parametrize(
    ("contract", "method", "findable"),
    [(TRUSTED, "POST", False), (GENERIC, "PUT", False), (GENERIC, "POST", True)],
)
def test_where_it_can_be_settled_nothing_else_is_advised(
    contract: Contract, method: str, findable: bool
) -> None:
    """A key that is honoured, a PUT, a look-up: `client.settle` finds out."""
    assert advised(contract, method, findable=findable) is None


def test_what_nobody_can_find_out_is_not_to_be_settled() -> None:
    """A POST to an API with neither keys nor a look-up: its caller has to look for the record."""
    told = advised(GENERIC, "POST")
    assert told is not None
    assert "settle" not in told
    assert "the API gives no way to ask" in told
    assert "Look for the record yourself" in told


def test_a_delete_is_looked_at_first() -> None:
    """Whether it is gone is what its caller can see."""
    told = advised(GENERIC, "DELETE", None)
    assert told is not None
    assert "look whether it is still there" in told


def test_a_record_without_a_tag_is_not_to_be_found() -> None:
    """The reason is told, and nothing is promised."""
    told = advised(FOUND, "POST", findable=False, unfindable="it had no room for a tag")
    assert told is not None
    assert "it had no room for a tag" in told


@pytest.mark.parametrize(
    ("method", "word"),
    [("POST", "gives no way to ask"), ("DELETE", "still there"), ("PUT", "client.settle(error)")],
)
def test_the_error_of_a_call_advises_it(method: str, word: str) -> None:
    """The advice comes with the error, under the contract of an API that nobody has declared."""
    request = Request(method=method, url="https://api.example.org/x")
    terms = Terms(contract=GENERIC, retry=None, roll=lambda: 0.5)
    clock = Clock()
    with pytest.raises(FailwellError) as caught:
        drive(call(request, terms, 0.0), Script(lost(), clock=clock), Rim(clock=clock))
    assert word in caught.value.advice
