"""A run's count of its writes: what nothing came of is not counted."""

from __future__ import annotations

import threading

from failwell.flows.runs import Book


def test_each_like_write_counts_one_more() -> None:
    """By what they ask for."""
    book = Book("night")
    assert [book.number("a"), book.number("a"), book.number("b"), book.number("a")] == [0, 1, 0, 2]


def test_a_number_that_is_given_back_is_taken_again() -> None:
    """The lowest first: a script that is begun again counts from there."""
    book = Book("night")
    for _ in range(4):
        book.number("a")
    for number in (2, 0):
        book.give_back("a", number)
    assert [book.number("a") for _ in range(3)] == [0, 2, 4]
    assert book.number("b") == 0


def test_threads_take_each_number_once() -> None:
    """Also those that others give back meanwhile."""
    book, taken = Book("night"), [list[int]() for _ in range(4)]

    def work(mine: list[int]) -> None:
        for turn in range(500):
            number = book.number("a")
            if turn % 5 == 0:
                book.give_back("a", number)
            else:
                mine.append(number)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    numbers = [number for mine in taken for number in mine]
    assert len(numbers) == len(set(numbers)) == 1600
