"""How the record of a write is found: after its answer was lost, or where a 409 tells of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from failwell.model import Response, Sent
from failwell.settings import require

T = TypeVar("T")


class Flaw(msgspec.Struct, frozen=True):
    """A function of a contract's has raised, and what: it has told nothing."""

    words: str


def told(name: str, function: Callable[..., T], *given: object) -> T | Flaw:
    """What a function of a contract's tells, which whoever declared an API has written. It is asked
    in the middle of a failure, so what it raises is no failure of the call."""
    try:
        return function(*given)
    except Exception as error:
        return Flaw(f"{name} raised {type(error).__name__}: {error}")


class LookUp(msgspec.Struct, frozen=True, kw_only=True):
    """How to find out whether a write took effect, for an API without keys.

    `request(sent)` makes the method and URL to ask, or None where this write cannot be looked up (a
    DELETE never is); `found(sent, answer)` says whether the answer shows the record, and
    `record(sent, answer)` is that record, where the answer is not the record itself (a list, say).
    `settle_time` (seconds) is the time after which a write that is not found will not appear any
    more, where the API states one; `enforced` says that the server itself refuses a second record
    with the same natural key, of all writes or of those for which it gives True.

    Where records have no natural key but room for a word of the caller's, `tag(sent, tag)` makes
    the request's body with a tag in it, by which `request` and `found` then go (`sent.tag`). It
    is unique to the call; None says that this write has no room for one.

    `status(sent)` is the status with which the API answers this write itself: an SDK under which
    failwell stands waits for that. Left out, a record that was found comes with 200.

    Only an answer that is JSON shows or misses a record: a login page, an empty answer or a
    proxy's says nothing. `reads_json=False` takes every success for the API's own, such as that of
    a HEAD. A function that raises says nothing either; the call's error has a note of it.
    """

    request: Callable[[Sent], tuple[str, str] | None]
    found: Callable[[Sent, Response], bool]
    settle_time: float | None = None
    enforced: bool | Callable[[Sent], bool] = False
    record: Callable[[Sent, Response], Any] | None = None
    tag: Callable[[Sent, str], bytes | None] | None = None
    status: Callable[[Sent], int] | None = None
    reads_json: bool = True

    def __post_init__(self) -> None:
        if self.settle_time is not None:
            holds = math.isfinite(self.settle_time) and self.settle_time >= 0
            require(holds, "settle_time", self.settle_time, "0 or more seconds")

    def enforces(self, sent: Sent) -> bool:
        """Whether the server itself refuses a second record with the natural key of this one."""
        return self.enforced(sent) if callable(self.enforced) else self.enforced


class Existing(msgspec.Struct, frozen=True, kw_only=True):
    """How a 409 tells which record has the natural key already, where the server enforces one.

    `id` is where the refusal's details hold the id of that record: a path of names, or a function
    of the details. `request(sent, id)` makes the method and URL that read the record, or None
    where this write makes no such record; `record` is the path to it inside the answer. The
    record is the one that was sent where it holds what was sent: all members of the JSON body, or
    those that `compare` names. `codes` are the codes of the 409 that mean it; none stands for any.
    """

    request: Callable[[Sent, str], tuple[str, str] | None]
    id: str | Callable[[Any], Any] = "existing_id"
    record: str = ""
    compare: frozenset[str] | None = None
    codes: frozenset[str] = frozenset()
