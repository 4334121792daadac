"""What failwell says of a write is true, and nothing is sent twice unless that is proven safe.

A real server commits or does not, as a script says, and then answers well or badly, or not at all;
each of the five clients tells what became of its call, and is held to what the server really did.
`FAILWELL_TALES` makes it more tales than those of the tests, from `FAILWELL_SEED` on.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from failwell.clients import origin
from failwell.flows import lookup
from faults.truth.callers import Caller
from faults.truth.oracle import findings
from faults.truth.server import CrookedServer
from faults.truth.tales import Tale, draw

TALES = int(os.environ.get("FAILWELL_TALES", "100"))
SEED = int(os.environ.get("FAILWELL_SEED", "0"))
SLOW = TALES // 4


@pytest.fixture(scope="module")
def server() -> Iterator[CrookedServer]:
    with CrookedServer() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _looks_follow_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "PAUSES", (0.002, 0.005))


def untruths(tale: Tale, server: CrookedServer) -> list[str]:
    """What is wrong with what was told of one call."""
    origin.forget()
    books = tale.books()
    server.open(books)
    caller = Caller(tale, server)
    told = caller.tell()
    server.release()
    return findings(tale, books, told, caller)


def told(server: CrookedServer, seeds: range, *, slow: bool = False) -> str:
    """All untruths of the tales of these seeds, in words."""
    found: list[str] = []
    for seed in seeds:
        tale = draw(random.Random(seed).choice, slow=slow)
        found += [f"{seed}: {tale}\n    {wrong}" for wrong in untruths(tale, server)]
    return "\n".join(found)


@pytest.mark.timeout(120 + TALES)
def test_whatever_a_server_does_the_client_tells_the_truth(server: CrookedServer) -> None:
    """Sequences of up to six attempts, each met by one of some hundred acts, for five clients,
    nineteen APIs, four methods and six kinds of body, redirects followed or not: one effect at
    most; what is said of it, then and on settling, is so; the history is what the server saw; no
    secret is told."""
    wrong = told(server, range(SEED, SEED + TALES))
    assert not wrong, wrong


@pytest.mark.timeout(120 + TALES)
def test_a_deadline_that_ends_the_call_does_not_change_the_truth(server: CrookedServer) -> None:
    """The same where the server goes silent or trickles, and the deadline ends the attempt."""
    wrong = told(server, range(SEED, SEED + SLOW), slow=True)
    assert not wrong, wrong


@settings(
    max_examples=max(TALES // 2, 1),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_the_simplest_tale_that_is_not_true(server: CrookedServer, data: Any) -> None:
    """There is none; if there were, this would find its shortest form."""
    tale = draw(lambda options: data.draw(st.sampled_from(options)))
    wrong = untruths(tale, server)
    assert not wrong, f"{tale}\n" + "\n".join(wrong)
