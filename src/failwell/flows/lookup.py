"""Finding out what became of a write by looking for its record.

*Found* means applied. *Not found* proves nothing by itself, for the first request may still be
on its way: only a look-up repeated after the settle time that the contract states makes it a
proof. Where the server enforces the natural key, sending again is safe all the same. An answer
that is not the API's own, such as a proxy's page or its 404, says nothing at all; nor does one of
which the contract's own functions cannot make anything.
"""

from __future__ import annotations

from typing import Any

import msgspec

from failwell import redaction
from failwell.actions import Flow, Wait
from failwell.contract import Contract, LookUp
from failwell.contract.lookup import Flaw, told
from failwell.flows.gate import Gate
from failwell.flows.inquiry import Reading, inquire
from failwell.model import Headers, Outcome, Reply, Request, Response, Sent
from failwell.policy import deadline, promise


class Sighting(msgspec.Struct, frozen=True):
    """What a look-up showed: what is now known, the answer that shows the record, whether the
    write may be sent again although that is not proven to be the first, whether the API could be
    asked at all, and what was wrong with the question."""

    outcome: Outcome
    response: Response | None = None
    resend: bool = False
    was_asked: bool = True
    flaw: Flaw | None = None


_NOTHING = Sighting(Outcome.UNKNOWN)
_ABSENT = Sighting(Outcome.NOT_STARTED)
_UNASKED = Sighting(Outcome.UNKNOWN, was_asked=False)

LONGEST_FLAW = 300
"""Characters of what a contract's function raised that are told of it."""

_WHOLE = (*range(200, 206), *range(207, 300))
"""Successes of which a record may be missing; one that is a part (206) may go on behind it."""

PAUSES = (0.2, 0.5)
"""Seconds before a look-up that failed is made again: it is a read, in the middle of trouble."""


def look_up(
    contract: Contract,
    sent: Sent,
    now: float,
    ends: float | None = None,
    gate: Gate | None = None,
) -> Flow[tuple[Sighting, float]]:
    """What is known of the write by now, and the time; over by `ends` (monotonic seconds). Each
    look goes through the `gate`, if there is one."""
    how, asked = contract.look_up, question(contract, sent)
    if how is None or asked is None:
        return _NOTHING, now
    if isinstance(asked, Flaw):
        return _flawed(asked), now
    request = Request(method=asked[0], url=asked[1], reads_json=how.reads_json)
    seen, now = yield from _look(contract, how, request, sent, now, ends, gate)
    if seen is not _ABSENT:
        return seen, now
    is_enforced = told("LookUp.enforced", how.enforces, sent)
    if isinstance(is_enforced, Flaw):
        return _flawed(is_enforced), now
    if is_enforced:
        return Sighting(Outcome.UNKNOWN, resend=True), now
    left = deadline.left(ends, now)
    if how.settle_time is None or (left is not None and how.settle_time >= left):
        return _NOTHING, now
    _, now = yield from Wait(how.settle_time)
    return (yield from _look(contract, how, request, sent, now, ends, gate))


def question(contract: Contract, sent: Sent) -> tuple[str, str] | Flaw | None:
    """What asks for the record of this write, if anything does: one that a DELETE has left is no
    proof that it took effect, nor is one that is gone a proof that it did not."""
    how = contract.look_up
    if how is None or sent.method == "DELETE":
        return None
    return told("LookUp.request", how.request, sent)


def _look(
    contract: Contract,
    how: LookUp,
    request: Request,
    sent: Sent,
    now: float,
    ends: float | None,
    gate: Gate | None,
) -> Flow[tuple[Sighting, float]]:
    """One look, made again where it fails of something that may pass."""
    made = 0
    while True:
        reading, now = yield from inquire(contract, request, now, ends, gate, made + 1)
        left = deadline.left(ends, now)
        is_last = made == len(PAUSES) or (left is not None and PAUSES[made] >= left)
        if reading.verdict is None or not reading.verdict.transient or is_last:
            return _seen(how, sent, reading), now
        _, now = yield from Wait(PAUSES[made])
        made += 1


def _seen(how: LookUp, sent: Sent, reading: Reading) -> Sighting:
    reply, verdict = reading.reply, reading.verdict
    if reply is None:
        return _UNASKED
    if verdict is not None:
        is_gone = verdict.own and verdict.failure.status in (404, 410)
        return _ABSENT if is_gone else _UNASKED
    if not isinstance(reply, Response) or reply.status not in _WHOLE or reply.body is None:
        return _NOTHING
    if how.reads_json and not promise.is_json(reply.body):
        return _NOTHING
    is_found = told("LookUp.found", how.found, sent, reply)
    if isinstance(is_found, Flaw):
        return _flawed(is_found)
    return _found(how, sent, reply) if is_found else _ABSENT


def _found(how: LookUp, sent: Sent, reply: Response) -> Sighting:
    record = how.record
    if record is None:
        return Sighting(Outcome.APPLIED, reply)
    answer = told("LookUp.record", lambda: shown(reply, record(sent, reply)))
    return _flawed(answer) if isinstance(answer, Flaw) else Sighting(Outcome.APPLIED, answer)


def _flawed(flaw: Flaw) -> Sighting:
    return Sighting(Outcome.UNKNOWN, flaw=flaw)


def shown(reply: Reply, record: Any) -> Response:
    """The answer as it would be if it showed this record and nothing else."""
    return Response(
        status=200,
        headers=Headers({"content-type": "application/json"}),
        body=msgspec.json.encode(record),
        at=reply.at,
        asked=reply.asked,
    )


def why_flawed(flaw: Flaw, secrets: tuple[str, ...] = ()) -> str:
    """What to tell of a question that could not be asked, or whose answer could not be read."""
    words = redaction.words(flaw.words, secrets)[:LONGEST_FLAW]
    return f"Its record could not be looked for: {words}"


def status_of(contract: Contract, request: Request) -> int | None:
    """The status with which the API answers this write itself, where its contract says."""
    how = contract.look_up
    if how is None or how.status is None:
        return None
    sent = Sent(method=request.method, url=str(request.url), at=0.0, body=request.body)
    status = told("LookUp.status", how.status, sent)
    return None if isinstance(status, Flaw) else status
