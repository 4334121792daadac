"""Which writes a run has made: pages that are written once, and an end that is one step."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from failwell.flows.runs import Book
from failwell.policy import runs
from failwell.policy.intents import identity
from failwell.policy.runs import End, Enlist, Full, List, Look, Open, Page, Peek, Put, Turn
from failwell.stores.memory import MemoryStore


def test_a_run_is_begun_once() -> None:
    """Whoever comes second goes on with the first one's generation."""
    store = MemoryStore()
    assert store.update("r", Open("g1")) == "g1"
    assert store.update("r", Open("g2")) == "g1"


def test_an_ended_run_takes_no_more_writes() -> None:
    """Nor does it where one of the same name was begun since."""
    store = MemoryStore()
    store.update("r", Open("g1"))
    assert store.update("r", Enlist("g1", "a")) is True
    assert store.update("r", End("g1")) is not None
    assert store.update("r", Enlist("g1", "b")) is False
    assert store.update("r", Open("g2")) == "g2"
    assert store.update("r", Enlist("g1", "b")) is False
    assert store.update("r", End("g1")) is None


@given(st.lists(st.integers(0, 3 * runs.PAGE), max_size=5 * runs.PAGE), st.data())
def test_every_write_is_on_the_list(numbers: list[int], data: st.DataObject) -> None:
    """However many there are, and wherever a process dies between two steps: all are listed."""
    store = MemoryStore()
    store.update("r", Open("g"))
    dies = data.draw(st.sets(st.integers(0, 9)))
    turned = 0
    for number in numbers:
        for _ in range(3):
            room = store.update("r", Enlist("g", str(number)))
            if not isinstance(room, Full):
                assert room is True
                break
            turned += 1
            store.update(f"p{room.number}", Put(Page(room.identities)))
            if turned not in dies:
                store.update("r", Turn("g", room.number))
                store.update("r", Turn("g", room.number))
        else:
            raise AssertionError("no room")
    run = store.update("r", Look())
    assert run is not None
    assert len(run.newest) <= runs.PAGE
    pages = [store.update(f"p{number}", Peek()) for number in range(run.pages)]
    listed = {name for page in pages for name in page} | set(run.newest)
    assert listed == {str(number) for number in numbers}


def test_the_names_of_runs() -> None:
    """Each is listed once, in the order they were begun, until it is struck off."""
    store = MemoryStore()
    for name in ("b", "a", "b"):
        store.update(runs.INDEX, List(enrol=name))
    assert store.update(runs.INDEX, List()) == ("b", "a")
    assert store.update(runs.INDEX, List(strike="b")) == ("a",)
    assert store.update(runs.INDEX, List(strike="a")) == ()


def test_no_two_records_share_a_slot() -> None:
    """A run, a page and the index are kept apart, whatever a run is called."""
    names = ["a", 'a", "g', "runs", ""]
    slots = [runs.slot(n) for n in names] + [runs.page_slot(n, "g", 0) for n in names]
    assert len({*slots, runs.INDEX}) == 2 * len(names) + 1


@given(st.lists(st.sampled_from("abc"), max_size=20), st.randoms(use_true_random=False))
def test_a_restart_that_writes_in_another_order_knows_its_writes(
    writes: list[str], dice: random.Random
) -> None:
    """Unnamed writes are told apart by how many like them came before, whatever came between."""

    def identities(order: list[str]) -> set[str]:
        book = Book("r")
        return {identity(None, digest, book.number(digest)) for digest in order}

    other = list(writes)
    dice.shuffle(other)
    assert identities(writes) == identities(other)
    assert len(identities(writes)) == len(writes)
