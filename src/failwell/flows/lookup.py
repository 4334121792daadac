"""Finding out what became of a write by looking for its record.

*Found* means applied. *Not found* proves nothing by itself, for the first request may still be
on its way: only a server that enforces the natural key, or a look-up repeated after the settle
time that the contract states, makes it a proof.
"""

from __future__ import annotations

from failwell.actions import Flow, Send, Wait
from failwell.contract import LookUp
from failwell.model import Outcome, Request, Response, Sent


def look_up(how: LookUp, sent: Sent) -> Flow[tuple[Outcome, Response | None, float]]:
    """What is now known of the write, the answer that shows its record, and the time."""
    asked = how.request(sent)
    if asked is None:
        _, now = yield from Wait(0.0)
        return Outcome.UNKNOWN, None, now
    request = Request(method=asked[0], url=asked[1])
    reply, now = yield from Send(request, 1)
    if _shows(how, sent, reply):
        assert isinstance(reply, Response)
        return Outcome.APPLIED, reply, now
    if not _answered(reply):
        return Outcome.UNKNOWN, None, now
    if how.enforced:
        return Outcome.NOT_STARTED, None, now
    if how.settle_time is None:
        return Outcome.UNKNOWN, None, now
    yield from Wait(how.settle_time)
    reply, now = yield from Send(request, 2)
    if _shows(how, sent, reply):
        assert isinstance(reply, Response)
        return Outcome.APPLIED, reply, now
    return (Outcome.NOT_STARTED if _answered(reply) else Outcome.UNKNOWN), None, now


def _answered(reply: object) -> bool:
    return isinstance(reply, Response) and (reply.status < 300 or reply.status == 404)


def _shows(how: LookUp, sent: Sent, reply: object) -> bool:
    return isinstance(reply, Response) and reply.status < 300 and how.found(sent, reply)
