"""The record that a 409 names: read, and compared with what was sent.

The server's own uniqueness is a proof of its kind: where the record that has the natural key
holds what was sent, the write's effect is there. A record that holds something else is somebody
else's, or has been changed since: it proves nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from failwell.actions import Flow
from failwell.contract import Contract, Existing
from failwell.contract.lookup import Flaw, told
from failwell.flows.gate import Gate
from failwell.flows.inquiry import inquire
from failwell.flows.lookup import look_up, shown
from failwell.job import MISSING, member
from failwell.model import Issue, Kind, Request, Response, Sent, read_json
from failwell.policy.evidence import Verdict
from failwell.policy.natural import differences


class Twin(msgspec.Struct, frozen=True):
    """The record that is there already: the answer that shows it, where it is what was sent, else
    where it differs; neither where it could not be read, and what was wrong with the question."""

    response: Response | None = None
    issues: tuple[Issue, ...] = ()
    flaw: Flaw | None = None


_UNSEEN = Twin()


def is_clash(contract: Contract, verdict: Verdict) -> bool:
    """Whether the API says in its own words that a record with this natural key is there."""
    how, failure = contract.existing, verdict.failure
    if not verdict.own or failure.status != 409 or failure.kind is not Kind.CONFLICT:
        return False
    return how is None or not how.codes or failure.code in how.codes


def twin(
    contract: Contract,
    sent: Sent,
    verdict: Verdict,
    now: float,
    ends: float | None,
    gate: Gate | None = None,
) -> Flow[tuple[Twin, float]]:
    """The record that stands in the way of this write, and the time; over by `ends`."""
    asked = _question(contract.existing, sent, verdict)
    if asked is None:
        return (yield from _looked_for(contract, sent, now, ends, gate))
    if isinstance(asked, Flaw):
        return Twin(flaw=asked), now
    assert contract.existing is not None
    request = Request(method=asked[0], url=asked[1], reads_json=True)
    reading, now = yield from inquire(contract, request, now, ends, gate)
    reply = reading.reply
    if reading.verdict is not None or not isinstance(reply, Response):
        return _UNSEEN, now
    record = member(read_json(reply.body or b""), contract.existing.record)
    if record is MISSING:
        return _UNSEEN, now
    whole = reply if not contract.existing.record else shown(reply, record)
    return _compared(contract, sent, record, whole), now


def _question(how: Existing | None, sent: Sent, verdict: Verdict) -> tuple[str, str] | Flaw | None:
    """What reads the record that the refusal names, if it names one."""
    if how is None:
        return None
    found = member(verdict.failure.details, how.id)
    is_id = isinstance(found, (str, int)) and not isinstance(found, bool) and found != ""
    return told("Existing.request", how.request, sent, str(found)) if is_id else None


def _looked_for(
    contract: Contract, sent: Sent, now: float, ends: float | None, gate: Gate | None
) -> Flow[tuple[Twin, float]]:
    seen, now = yield from look_up(contract, sent, now, ends, gate)
    if seen.response is None:
        return Twin(flaw=seen.flaw), now
    record = read_json(seen.response.body or b"")
    if not isinstance(record, dict):
        return Twin(seen.response), now
    return _compared(contract, sent, record, seen.response), now


def _compared(contract: Contract, sent: Sent, record: Any, answer: Response) -> Twin:
    compare = None if contract.existing is None else contract.existing.compare
    issues = differences(read_json(sent.body or b""), record, compare)
    return Twin(issues=issues) if issues else Twin(answer)
