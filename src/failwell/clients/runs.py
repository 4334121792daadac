"""A client's run: which write is which, and what is done about a run as a whole."""

from __future__ import annotations

from typing import Any

import msgspec

from failwell import redaction
from failwell.actions import AsyncStore, Flow, Send, Store
from failwell.contract import Contract
from failwell.drive import Rim, drive
from failwell.errors import InvalidRequestError
from failwell.flows import runs
from failwell.flows.intended import Intention
from failwell.flows.runs import Book, Summary
from failwell.ids import minted
from failwell.model import Kind, Request
from failwell.policy.intents import Begin, identity
from failwell.policy.likeness import fingerprint_of

LONGEST_NAME = 200
"""Characters of a name, of a run or of a write."""


def begun(run: str | Book, store: Store | AsyncStore | None) -> tuple[Book, Store | AsyncStore]:
    """What a client is to know of its run, and where that is kept.

    Raises `InvalidRequestError` for a name that is none, or where there is no store.
    """
    book = book_of(run)
    if store is None:
        raise InvalidRequestError.of(
            f"The run {book.name!r} has no store to be kept in",
            advice='Give the client one that outlives the process: store="sqlite:///run.db".',
        )
    return book, store


def book_of(run: str | Book) -> Book:
    """The count of a run's writes, which clients that make them together share.

    Raises `InvalidRequestError` for a name that is none.
    """
    return run if isinstance(run, Book) else Book(_checked_name("run", run))


def ending(book: Book | None, force: bool) -> Flow[Summary | None]:
    """The end of a client's own run. Raises `RunError` where it has none."""
    if book is None:
        raise runs.refusal(
            "This client has no run to end",
            kind=Kind.BAD_REQUEST,
            advice='Make it with one: failwell.Client(store="sqlite:///run.db", run="…").',
        )
    return runs.end(book.name, force=force)


def intention(
    book: Book, contract: Contract, request: Request, name: str | None, tag: str | None
) -> Intention | None:
    """The write that the run is to vouch for, told from all others; None for one without a name
    that only asks for something, such as a session: to be given an old one would help nobody.

    Raises `InvalidRequestError` for a streamed body without a name: nobody could tell it from
    another one when the script is run again.
    """
    if name is not None:
        _checked_name("name", name)
    elif contract.only_asks(request.method, request.url):
        return None
    digest = fingerprint_of(request)
    if digest is None:
        if name is None:
            raise InvalidRequestError.of(
                "A run cannot tell one streamed body from another: give this write a name",
                advice='Send it with client.with_options(name="…"), or give its body as bytes.',
            )
        digest = fingerprint_of(msgspec.structs.replace(request, body=b"")) or ""
    number = None if name is not None else book.number(digest)
    begin = Begin(
        fingerprint=digest,
        token=minted(),
        what=f"{request.method} {redaction.url(str(request.url))}",
        key=request.key,
        tag=tag,
    )
    who = identity(name, digest, number or 0)
    return Intention(book=book, request=request, identity=who, begin=begin, number=number)


def listed(store: Store) -> list[Summary]:
    """Every run in the store that has not ended. Raises `StoreError`."""
    return drive(runs.listed(), sends_nothing, Rim(durable=store))


def end(store: Store, name: str, *, force: bool = False) -> Summary | None:
    """Forget a run; what it was, None where there is none of this name.

    Raises `RunError` where the end of a write is not known, unless `force` says to forget it;
    `StoreError` where the store cannot be used.
    """
    return drive(runs.end(name, force=force), sends_nothing, Rim(durable=store))


def sends_nothing(send: Send) -> Any:
    """The sender of a flow that only reads and writes records."""
    raise TypeError(f"this flow sends nothing, and not {send.request.method}")


def _checked_name(what: str, name: str) -> str:
    is_text = isinstance(name, str)  # pyright: ignore[reportUnnecessaryIsInstance]
    if not is_text or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidRequestError.of(
            f"{what}={name!r:.22}: 1 to {LONGEST_NAME} printable characters"
        )
    return name
