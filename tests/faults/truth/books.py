"""What really became of a write, whatever anybody was told: the truth that a client is held to."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Any

from faults.truth.acts import Act
from faults.truth.apis import WELL, Api
from faults.truth.repertoire import EXISTS, GONE, OK

FORBIDDEN = Act("forbidden", status=403, shape="own", code="forbidden")
REPLAYED = Act("replayed", status=201, shape="record", headers=(("Idempotent-Replayed", "true"),))
KEY_USED = Act("key used", status=409, shape="record", code="key_used", states=WELL)


@dataclass(frozen=True)
class Entry:
    """One request as it came in, and what it was shown: `kind` is "write", "refused" (no byte of
    it came in), "look" or "aside" (a read that a redirect made)."""

    kind: str
    act: Act
    key: str | None = None
    body: bytes | None = None
    method: str = ""
    is_hop: bool = False
    found: bool | None = None
    credential: str | None = None

    @property
    def is_move(self) -> bool:
        """Whether it was told to go elsewhere."""
        return self.kind == "write" and self.act.status in (303, 307, 308)


@dataclass
class Books:
    """One record, its effects and its history.

    `taken` is whose record of the same name is there beforehand: nobody's, or one that "equals"
    what will be sent, or "differs" from it.
    """

    api: Api
    script: Iterable[Act]
    looks: Iterable[str]
    method: str = "POST"
    taken: str = ""
    effects: int = 0
    state: bytes | None = None
    log: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lock = RLock()
        self.left = list(self.script)
        self.looks_left = list(self.looks)
        self.is_delete = self.method == "DELETE"
        self.is_natural = self.api.look == "natural" and self.method == "POST"
        self.is_there = self.is_delete or bool(self.taken)
        self._answered: set[str] = set()
        self._tags: set[str] = set()
        self._late: list[tuple[float, str | None, bytes | None]] = []

    @property
    def refuses(self) -> bool:
        """Whether the next attempt finds nobody who listens."""
        return bool(self.left) and self.left[0].how == "refused"

    def attempts(self, *, hops: bool = False) -> int:
        """How many attempts there were, as far as is known here; those that follow a redirect are
        counted with `hops`."""
        with self.lock:
            kinds = ("refused", "write", "aside") if hops else ("refused", "write")
            return sum(e.kind in kinds and (hops or not e.is_hop) for e in self.log)

    @property
    def moves(self) -> int:
        """How many writes were told to go elsewhere."""
        with self.lock:
            return sum(e.is_move for e in self.log)

    def refuse(self) -> None:
        """Write down an attempt that found nobody."""
        with self.lock:
            if self.refuses:
                self.log.append(Entry("refused", self.left.pop(0)))

    def next(self) -> Act:
        """What the next write meets."""
        with self.lock:
            while self.refuses:  # it came in by a connection that was open before
                self.left.pop(0)
            return self.left.pop(0) if self.left else OK

    def write(self, act: Act, entry: Entry) -> Act:
        """Carry the write out, or not; what is shown of it."""
        with self.lock:
            self._catch_up()
            if act.commit and act.late:
                self._late.append((time.monotonic() + act.late, entry.key, entry.body))
            elif act.commit or act.name == "ok":
                act = self._told(act, self._carry_out(entry.key, entry.body))
            act = self._honest(act)
            self.log.append(replace(entry, act=act))
            return act

    def look(self, tag: str) -> tuple[str, bool]:
        """How a look at the record, with this tag in it, is answered, and whether it is there."""
        with self.lock:
            self._catch_up()
            how = self.looks_left.pop(0) if self.looks_left else "truth"
            told = how in ("truth", "missing")
            is_there = self.is_there and (not tag or any(tag in said for said in self._tags))
            self.log.append(Entry("look", OK, found=is_there if told else None))
            return how, is_there

    def finish(self) -> None:
        """All that is still on its way arrives."""
        with self.lock:
            self._catch_up(everything=True)

    def _catch_up(self, *, everything: bool = False) -> None:
        now = time.monotonic()
        due = [late for late in self._late if everything or late[0] <= now]
        self._late = [late for late in self._late if late not in due]
        for _, key, body in due:
            self._carry_out(key, body)

    def _carry_out(self, key: str | None, body: bytes | None) -> str:
        if self.api.keeps and key is not None and key in self._answered:
            return "replayed"
        if self.is_delete and not self.is_there:
            return "gone"
        if self.is_natural and self.is_there:
            return "exists"
        self.effects += 1
        self.is_there = not self.is_delete
        self.state = body
        self._tags.add((body or b"").decode("utf-8", "replace"))
        if key is not None:
            self._answered.add(key)
        return "done"

    def _told(self, act: Act, what: str) -> Act:
        """What is shown where the write could not be carried out as it was asked."""
        speaks_of_success = act.is_answered and (act.status or 0) < 300 and act.shape != "page"
        claims = speaks_of_success or act.states not in (None, "unknown") or act.commit
        if what in ("exists", "gone") and claims:
            return replace(EXISTS if what == "exists" else GONE, reads=act.reads)
        if what == "replayed" and act.name == "ok":
            return KEY_USED if self.api.keys == "result" else REPLAYED
        return act

    def _honest(self, act: Act) -> Act:
        """No honest API says that a record is gone while it is there, or the other way round."""
        if act.shape != "own":
            return act
        lies = self.is_delete and self.is_there and act.status in (404, 410)
        if lies or (self.is_natural and not self.is_there and act.code == "exists"):
            return FORBIDDEN
        return act


def record(name: str, state: bytes | None, taken: str) -> dict[str, Any]:
    """The record as it is read."""
    return {"id": "rec_1", "name": name, "n": 99 if taken == "differs" else 7, "status": "here"}
