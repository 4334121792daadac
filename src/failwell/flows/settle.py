"""What became of a write whose outcome is unknown, found out now or days later.

By its key, where the API honours keys and still keeps this one: the same request again, which
reads what came of the first one or carries it out once. By repeating it, where that is harmless.
By looking for its record, where the contract says how. Otherwise it stays unknown, and the
answer says why. It is asked after an outage, or in one: so it waits for an open circuit to close.
"""

from __future__ import annotations

from typing import Any

import msgspec

from failwell.actions import Flow
from failwell.contract import Contract
from failwell.errors import FailwellError
from failwell.flows.call import call
from failwell.flows.inquiry import patient
from failwell.flows.lookup import Sighting, look_up, question, why_flawed
from failwell.flows.terms import Terms
from failwell.model import Outcome, Request, Response, Sent, read_json
from failwell.policy.fields import why_another
from failwell.policy.tags import why_unfindable


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the write by now, in `outcome` and in words (`why`).

    `response` is the answer that shows the record, as the HTTP library gives it, and
    `record_json` the record, where that is only a part of the answer; `error` is what stood in the
    way where it is still unknown.
    """

    outcome: Outcome | None
    why: str
    response: Any = None
    error: FailwellError | None = None
    record_json: bytes = b""

    @property
    def record(self) -> Any:
        """The record, decoded from the answer's JSON; None where there is no answer."""
        if self.record_json:
            return read_json(self.record_json)
        return None if self.response is None else self.response.json()


def settle(sent: Sent, known: Outcome, terms: Terms, *, now: float, today: float) -> Flow[Settled]:
    """What became of `sent`; `now` is in monotonic seconds, `today` the time of day (epoch)."""
    # Imported here, for most programs never settle: it holds the server's records, too.
    from failwell.policy.idempotency import why_not_again

    another = why_another(sent.withheld)
    if another is not None:
        return Settled(outcome=known, why=another)
    refusal = why_not_again(terms.contract, sent, today)
    if refusal is None:
        age = max(today - sent.at, 0.0)
        return (yield from _again(sent, known, terms, now, age))
    if question(terms.contract, sent) is not None:
        seen, _ = yield from look_up(terms.contract, sent, now, terms.ends, terms.gate)
        is_news = known is Outcome.UNKNOWN or seen.response is not None
        return _looked_up(seen, seen.outcome if is_news else known)
    unfindable = why_unfindable(terms.contract, sent)
    why = refusal if unfindable is None else f"It cannot be looked for: {unfindable}."
    return Settled(outcome=known, why=why)


def _again(sent: Sent, known: Outcome, terms: Terms, now: float, age: float) -> Flow[Settled]:
    waiting = msgspec.structs.replace(terms, gate=patient(terms.gate))
    try:
        done = yield from call(request_of(sent, terms.contract), waiting, now, known, age)
    except FailwellError as error:
        outcome = error.outcome or known
        if error.sent is not None:
            error.sent = msgspec.structs.replace(error.sent, at=sent.at)
        return Settled(outcome=outcome, why=f"Asked again: {error.message}", error=error)
    return Settled(
        outcome=Outcome.APPLIED,
        why=_answered(sent),
        response=done.response.native,
        record_json=_part(done.response),
    )


def _answered(sent: Sent) -> str:
    if sent.key is not None:
        return "The same request with the same key was answered; its effect stands once."
    return f"The same {sent.method} was sent again and answered: what it asks for stands."


def _looked_up(seen: Sighting, outcome: Outcome) -> Settled:
    response = seen.response
    if response is not None:
        why = "Its record was found."
        part = _part(response)
        return Settled(outcome=outcome, why=why, response=response.native, record_json=part)
    if outcome is Outcome.NOT_STARTED:
        return Settled(outcome=outcome, why="Its record is not there and will not appear.")
    if seen.flaw is not None:
        return Settled(outcome=outcome, why=f"{why_flawed(seen.flaw)}.")
    if not seen.was_asked:
        return Settled(outcome=outcome, why="Its record could not be looked for: that failed, too.")
    return Settled(outcome=outcome, why="Its record was not found, which proves nothing yet.")


def _part(response: Response) -> bytes:
    """The record that was taken out of a larger answer."""
    return b"" if response.native is not None else response.body or b""


def request_of(sent: Sent, contract: Contract) -> Request:
    """The request to send again: the same method, URL, header fields, body and key; the client
    adds its credentials."""
    fields = dict(sent.fields)
    if sent.content_type:
        fields["content-type"] = sent.content_type
    if sent.key is not None and contract.idempotency.header is not None:
        fields[contract.idempotency.header] = sent.key
    return Request(
        method=sent.method,
        url=sent.url,
        headers=fields,
        body=sent.body or b"",
        key=sent.key,
        tag=sent.tag,
    )
