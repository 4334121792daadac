"""Plain lines: for people, for pipes, and for machines."""

from __future__ import annotations

import sys

import msgspec

from failwell.flows.ending import Finished


def ready(url: str) -> None:
    """The one line that says that the sandbox serves."""
    print(f"ready {url}", flush=True)


def trouble(error: BaseException) -> None:
    """What stood in the way: one line on standard error."""
    said = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        said = f"{error.filename}: {error.strerror}"
    elif isinstance(error, OSError) and error.strerror:
        said = error.strerror
    print("failwell:", harmless(" ".join(said.split())), file=sys.stderr)


def text(said: str) -> None:
    """A text as it is, for a file or a pipe."""
    sys.stdout.write(said)


def job(ended: Finished) -> None:
    """The record of a job that has succeeded, as JSON."""
    json(ended.record)


def json(value: object) -> None:
    """A value in one line of JSON."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def harmless(text: str) -> str:
    """The text without what a terminal would take for an order."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
