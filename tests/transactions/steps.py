"""Steps that a recovery in another place can import: they write down what was called."""

from __future__ import annotations

import threading
from typing import Any

import failwell

LOG: list[str] = []
TROUBLES: dict[str, list[Exception]] = {}
PAUSES = threading.Event()
client: failwell.Client | None = None
"""What `failwell recover --app transactions.steps` finds."""


def create(name: str, idempotency_key: str | None = None) -> dict[str, str]:
    """Create something."""
    _say(f"create {name}")
    return {"id": name}


async def acreate(name: str) -> dict[str, str]:
    """The same, to be awaited."""
    return create(name)


def delete(made: dict[str, str]) -> None:
    """Delete it."""
    _say(f"delete {made['id']}")


def delete_slowly(made: dict[str, str]) -> None:
    """Delete it, in some time."""
    _say(f"delete {made['id']}")
    PAUSES.wait(0.1)


def odd() -> Any:
    """What JSON cannot spell."""
    _say("odd")
    return object()


def secret() -> dict[str, str]:
    """A record with a secret in it."""
    return {"id": "s", "password": "hunter22"}


def keep_record(made: Any) -> None:
    """Write down what an undo is given."""
    LOG.append(repr(made))


def _say(what: str) -> None:
    LOG.append(what)
    if TROUBLES.get(what):
        raise TROUBLES[what].pop(0)
