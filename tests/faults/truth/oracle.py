"""Was that the truth? What a client said of a call, against what its server really did.

It knows failwell's words and nothing of its judgement. Each finding is a sentence.
"""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from faults.truth import forms
from faults.truth.acts import Act
from faults.truth.apis import APPLIED, NOT_STARTED, PARTLY, ROLLED_BACK, SILENT, UNKNOWN, WELL
from faults.truth.books import Books, Entry
from faults.truth.callers import Caller, Told
from faults.truth.tales import MARK, Tale

NOTHING = {NOT_STARTED, ROLLED_BACK}
LATE = ("ReadTimeout", "WriteTimeout", "PoolTimeout", "ConnectTimeout", "Timeout")


@dataclass(frozen=True)
class Attempt:
    """One attempt as the server knows it: what it was shown in the end, and what that proves."""

    entry: Entry
    proofs: frozenset[str]
    statuses: frozenset[int | None]

    @property
    def act(self) -> Act:
        return self.entry.act


def attempts_of(tale: Tale, log: list[Entry]) -> list[Attempt]:
    """The attempts, each with all of its hops; where those are calls of their own, one each."""
    if tale.hops:
        shown = [e for e in log if e.kind in ("write", "refused", "aside") and not e.is_move]
        return [_attempt(tale, [entry]) for entry in shown]
    chains: list[list[Entry]] = []
    for entry in log:
        if entry.kind in ("write", "refused") and not entry.is_hop:
            chains.append([entry])
        elif chains and entry.kind in ("write", "aside"):
            chains[-1].append(entry)
    return [_attempt(tale, chain) for chain in chains]


def _attempt(tale: Tale, chain: list[Entry]) -> Attempt:
    last = chain[-1]
    if last.kind == "aside":
        return Attempt(last, frozenset({UNKNOWN}), frozenset({404}))
    act, proofs = last.act, last.act.proofs(tale.api)
    if act.how == "overlong" and not tale.is_own_client:
        proofs |= {UNKNOWN}  # another library's answer is whole, or it is none
    status = None if act.how in ("refused", "trickle_head") else act.status
    statuses = {status, None} if act.is_race else {status}
    if act.status in (307, 308) and tale.follows and tale.body.endswith("generator"):
        statuses |= {None}  # what cannot be sent again cannot follow
    if tale.caller == "requests" and act.interim.startswith(b"HTTP/1.1 103"):
        proofs, statuses = frozenset({UNKNOWN}), {103}  # urllib3 takes it for the final one
    return Attempt(last, proofs, frozenset(statuses))


def folds(tale: Tale, attempts: list[Attempt]) -> set[str]:
    """What may be known after these attempts, by DESIGN section 3."""
    known: set[str | None] = {None}
    for attempt in attempts:
        known = {_fold(tale, k, p, attempt) for k in known for p in attempt.proofs}
    return {word for word in known if word is not None}


def _fold(tale: Tale, before: str | None, proof: str, attempt: Attempt) -> str:
    if before is None or before in NOTHING:
        return proof
    if before != UNKNOWN:
        return before
    own_gone = (404, 410)
    is_gone = attempt.act.shape == "own" and attempt.act.status in own_gone
    if tale.method == "DELETE" and is_gone and attempt.entry.kind == "write" and proof in NOTHING:
        return APPLIED
    return proof if proof in (APPLIED, WELL, SILENT) else UNKNOWN


def findings(tale: Tale, books: Books, told: Told, caller: Caller) -> list[str]:
    """All that is wrong with what was told."""
    if told.crash is not None:
        shown = "".join(traceback.format_exception(told.crash))
        return [f"it raised what is not failwell's: {told.crash!r}\n{shown}"]
    log = list(books.log)
    attempts = attempts_of(tale, log)
    found = [
        *_of_keys(tale, log), *_of_history(told, attempts),
        *_of_resends(tale, attempts, log), *_of_claims(tale, told, attempts, log),
    ]  # fmt: skip
    found += _of_secrets(tale, told)
    if told.error is not None:
        found += _of_settling(tale, books, told, caller)
    books.finish()
    found += _of_effects(tale, books, told)
    return found


# --- One at a time -------------------------------------------------------------------------------


def _of_keys(tale: Tale, log: list[Entry]) -> Iterator[str]:
    writes = [entry for entry in log if entry.kind == "write"]
    takes_key = tale.api.keys != "none" and tale.method in ("POST", "PATCH")
    if takes_key and any(entry.key is None for entry in writes):
        yield "a write went out without its key"
    wrong = [body for body in _bodies(writes) if not _is_whole(tale, body)]
    if wrong and tale.api.look != "tag":
        told = [f"{len(body)} of {len(tale.content)}" for body in wrong]
        yield f"a body went out that is not the caller's: {told} bytes"
    for one in _writes(tale, log):
        keys = {entry.key for entry in one}
        if len(keys) > 1:
            yield f"one write went out under several keys: {keys}"
        if len(_bodies(one)) > 1:
            yield "one write went out with several bodies"


def _bodies(writes: list[Entry]) -> set[bytes]:
    return {entry.body for entry in writes if entry.body is not None}


def _is_whole(tale: Tale, body: bytes) -> bool:
    is_form = tale.body == "form" and tale.method != "DELETE"
    return forms.is_of(body, tale.content) if is_form else body == tale.content


def _writes(tale: Tale, log: list[Entry]) -> list[list[Entry]]:
    """The requests that must be told to be one write: all of them, but for those that a redirect
    made above failwell of one that was not in doubt."""
    writes: list[list[Entry]] = [[]]
    for at, entry in enumerate(log):
        if entry.kind == "write":
            writes[-1].append(entry)
        known = folds(tale, attempts_of(tale, log[:at]))
        if tale.hops and entry.is_move and (not known or known & (NOTHING | {SILENT})):
            writes.append([])
    return writes


def _of_history(told: Told, attempts: list[Attempt]) -> Iterator[str]:
    ended_well = told.error is None and told.how == "answered"
    failed = attempts[:-1] if ended_well else attempts
    if len(told.attempts) != len(failed):
        seen = [attempt.act.name for attempt in attempts]
        if told.attempts and told.attempts[-1].fault in LATE:
            return  # its time was over before it was sent
        yield f"the history has {len(told.attempts)} attempts, the server {len(failed)} of {seen}"
        return
    for number, (said, seen_) in enumerate(zip(told.attempts, failed, strict=True), 1):
        if said.number != number:
            yield f"attempt {number} is numbered {said.number}"
        is_late = said.fault in LATE and said.status is None
        if said.status not in seen_.statuses and not is_late:
            yield f"attempt {number} says {said.status}, it was shown {set(seen_.statuses)}"


def _of_resends(tale: Tale, attempts: list[Attempt], log: list[Entry]) -> Iterator[str]:
    """Nothing is sent twice unless it is proven safe."""
    if tale.method in ("PUT", "DELETE") or tale.api.trusted:
        return
    looks = sum(entry.kind == "look" for entry in log)
    for sent, attempt in enumerate(attempts[:-1]):
        is_safe = bool(folds(tale, attempts[: sent + 1]) & NOTHING)
        if not is_safe and not (tale.api.look and looks):
            yield f"it was sent again after {attempt.act.name!r}, which proves nothing"


def _of_claims(tale: Tale, told: Told, attempts: list[Attempt], log: list[Entry]) -> Iterator[str]:
    """What is proven is said."""
    possible = folds(tale, attempts)
    looks = [entry for entry in log if entry.kind == "look" and entry.found is not None]
    was_found = bool(looks) and looks[-1].found
    if told.error is None:
        return
    said = str(told.error.outcome)
    is_late = any(a.fault in LATE for a in told.attempts)
    if said == UNKNOWN:
        if not possible & {UNKNOWN, SILENT} and possible and not is_late:
            yield f"it says unknown, where it is proven to be {possible}"
        if was_found and tale.api.look != "natural" and tale.taken == "":
            yield "it says unknown, although its record was found"
    elif said not in possible and not looks and not is_late and attempts:
        yield f"it says {said}, the evidence is for {possible}"


def _of_effects(tale: Tale, books: Books, told: Told) -> Iterator[str]:
    effects, is_once = books.effects, tale.method in ("POST", "PATCH")
    if effects > 1 and is_once:
        yield f"{effects} effects of one call"
    is_tagged = tale.api.look == "tag"
    is_other = books.state is not None and not _is_whole(tale, books.state)
    if tale.method == "PUT" and not is_tagged and is_other:
        yield "the last state is not what was sent"
    for claim, when in _claims(tale, books, told):
        if claim in NOTHING and effects:
            yield f"it said {claim} {when}, and there are {effects} effects"
        if claim in (APPLIED, PARTLY) and not _is_done(tale, books):
            yield f"it said {claim} {when}, and there is no effect"


def _claims(tale: Tale, books: Books, told: Told) -> Iterator[tuple[str, str]]:
    if told.error is not None:
        yield str(told.error.outcome), "at once"
    elif _claims_success(tale, told):
        yield APPLIED, f"by answering {told.status} ({told.how})"
    for settled in told.settled:
        yield str(settled.outcome), f"on settling ({settled.why})"


def _claims_success(tale: Tale, told: Told) -> bool:
    is_success = told.status is not None and 200 <= told.status < 300
    is_page = told.media.startswith("text/html") and not tale.api.json
    return is_success and not told.moved and not is_page


def _is_done(tale: Tale, books: Books) -> bool:
    if tale.method == "DELETE":
        return not books.is_there
    return books.effects > 0 or books.taken == "equals"


# --- Settling, and secrets -----------------------------------------------------------------------


def _of_settling(tale: Tale, books: Books, told: Told, caller: Caller) -> Iterator[str]:
    error = told.error
    assert error is not None
    carried = pickle.loads(pickle.dumps(error))
    if carried != error or type(carried) is not type(error):
        yield "a pickle changes it"
    if tale.settles_late:
        books.finish()
        books.looks_left.clear()
    books.left.clear()
    caller.server.attend()
    told.settled = [caller.settle(error), caller.settle(carried), caller.settle(copy.copy(error))]
    words = [str(settled.outcome) for settled in told.settled]
    if words[0] != words[1] and tale.settles_late:
        yield f"it is settled as {words}, the same error and its pickle"
    if str(error.outcome) == UNKNOWN and tale.settles_late:
        known = (tale.api.trusted or tale.method in ("PUT", "DELETE")) and not tale.hides
        if known and UNKNOWN in words:
            yield f"it can be settled and is not: {told.settled[0].why}"


def _of_secrets(tale: Tale, told: Told) -> Iterator[str]:
    for where, said in _said(told):
        if MARK in said:
            at = said.index(MARK)
            yield f"a secret is in its {where}: {said[max(at - 60, 0) : at + 40]!r}"


def _said(told: Told) -> Iterator[tuple[str, str]]:
    """All that it says of itself, and of the request that httpx hangs on it."""
    for line in told.lines:
        yield "log", line
    yield "history", repr(told.attempts)
    error: Any = told.error
    if error is None:
        return
    yield "str", str(error)
    yield "repr", repr(error)
    yield "args", repr(error.args)
    yield "dict", repr(vars(error))
    asked = vars(error).get("_request")
    if asked is not None:
        yield "request", repr((str(asked.url), list(asked.headers.items()), asked.content))
    yield "notes", repr(error.__notes__)
    yield "facts", repr((error.failure, error.sent, error.details, error.body, error.advice))
    yield "cause", repr(error.__cause__)
    yield "traceback", "".join(traceback.format_exception(error))
    yield "pickle", pickle.dumps(error).decode("latin-1")
