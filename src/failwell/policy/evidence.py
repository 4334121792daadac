"""What does an answer prove about the write it answers, and what is known after several?

This file alone decides when something took effect. It is the heart of failwell:

1. *An attempt is judged by its evidence* (`judge`). What proves that nothing was done: no byte
   of the request arrived, or not all of it at a server that acts on whole requests only; the
   API's own envelope with a code that its contract marks so, or its `Failwell-Outcome`. What
   proves that it was done: a 2xx in the promised media type, even if its body was then cut. All
   else proves nothing: a lost or cut answer, a time-out, a 5xx without a mark, a proxy's page,
   with 200 too.

2. *A call is folded from its attempts* (`fold`). A refusal of the second attempt says nothing
   about the first: once an attempt was unknown, the call stays unknown until an answer resolves
   it.

It must not know how anything is sent, nor how often, nor what time it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import msgspec

from failwell import headers, redaction
from failwell.contract import Code, Contract
from failwell.dialects import generic
from failwell.later import KeptFailure
from failwell.model import (
    BODY_LIMIT,
    Attempt,
    Failure,
    Fault,
    Kind,
    Outcome,
    Reply,
    Request,
    Response,
    kind_of,
    outcome_of,
)
from failwell.policy import kept, promise

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Verdict(msgspec.Struct, frozen=True):
    """What one attempt showed: the failure, what it proves about the write (None for a read),
    whether it may be tried again, whether it is the API's own word, and how many more sends its
    code allows at most (None: as many as the policy)."""

    failure: Failure
    outcome: Outcome | None
    transient: bool
    own: bool = False
    max_retries: int | None = None


def judge(contract: Contract, request: Request, reply: Reply) -> Verdict | None:
    """The verdict on an attempt, or None where it went well."""
    if type(reply) is Fault:
        return _cut(contract, request, reply)
    assert isinstance(reply, Response)
    if reply.status >= 400:
        return _refused(contract, request, reply)
    label = reply.headers.get("content-type")
    if promise.is_kept(contract, request, reply.status, label, reply.body):
        return None
    return _unreadable(contract, request, reply)


def fold(before: Outcome | None, request: Request, verdict: Verdict) -> Outcome | None:
    """What is known of the call after one more attempt; `before` is None at its first."""
    if verdict.outcome is None:
        return None
    is_gone = verdict.own and verdict.failure.status in (404, 410)
    if before is Outcome.UNKNOWN and request.method == "DELETE" and is_gone:
        return Outcome.APPLIED
    return _after(before, verdict.outcome)


def known(attempts: Iterable[Attempt]) -> Outcome | None:
    """What is known of a call by its attempts alone; None of a read."""
    outcomes = (attempt.outcome for attempt in attempts)
    return reduce(_after, (outcome for outcome in outcomes if outcome is not None), None)


def _after(before: Outcome | None, proof: Outcome) -> Outcome:
    if before is None or before.nothing_done:
        return proof
    is_resolved = before is Outcome.UNKNOWN and proof is Outcome.APPLIED
    return Outcome.APPLIED if is_resolved else before


def is_write(contract: Contract, request: Request) -> bool:
    """Whether the request may have an effect at all."""
    return request.method not in contract.safe


def still_running(request: Request, before: Outcome | None, verdict: Verdict) -> bool:
    """Whether a 409 may only mean that the first attempt, with the same key, is still under way."""
    return (
        before is Outcome.UNKNOWN
        and request.key is not None
        and verdict.own
        and verdict.failure.status == 409
    )


def kept_answer(contract: Contract, request: Request, reply: Reply) -> msgspec.Raw | None:
    """The body of the first answer to this write, where its key is refused as one that was used,
    with that answer as `result`; None in every other case."""
    rules = contract.idempotency
    if rules.replay != "result" or request.key is None:
        return None
    if not isinstance(reply, Response) or reply.status != rules.conflict[1]:
        return None
    own = contract.dialect.parse(reply) if reply.direct else None
    if own is None or own.code != rules.conflict[0]:
        return None
    try:
        return _members.decode(reply.body or b"").get("result")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _cut(contract: Contract, request: Request, fault: Fault) -> Verdict:
    url = str(request.url)
    secrets = kept.secrets_of(request, fault, url)
    failure = Failure(
        kind=fault.kind,
        message=redaction.text(fault.message, secrets) or fault.name,
        status=fault.status,
        request_id=kept.request_id(contract, fault.headers, secrets)
        or _own_id(contract, fault, secrets),
        api=contract.name,
        method=request.method,
        url=redaction.address(url, secrets),
        transient=fault.transient,
        support=contract.support,
    )
    if not is_write(contract, request):
        return Verdict(failure, None, fault.transient)
    return Verdict(failure, _proof_of_cut(contract, request, fault), fault.transient)


def _own_id(contract: Contract, fault: Fault, secrets: tuple[str, ...]) -> str | None:
    """The id that the request itself carried, where the API takes it over: no answer told one."""
    return kept.request_id(contract, fault.asked, secrets) if contract.request_ids.accepts else None


def _proof_of_cut(contract: Contract, request: Request, fault: Fault) -> Outcome:
    if not fault.sent or (contract.whole_requests and not fault.whole):
        return Outcome.NOT_STARTED
    if fault.status is not None and 200 <= fault.status < 300:
        media = headers.media_type(fault.headers.get("content-type"))
        if headers.is_json(media) or not promise.expects_json(contract, request):
            return Outcome.APPLIED
    return Outcome.UNKNOWN


def _unreadable(contract: Contract, request: Request, response: Response) -> Verdict:
    media = headers.media_type(response.headers.get("content-type"))
    is_json = headers.is_json(media)
    what = "JSON that is cut or broken" if is_json else f"{media or 'no content type'}, not JSON"
    url = str(request.url)
    secrets = kept.secrets_of(request, response, url)
    scrubbed = kept.scrubbed(response, secrets)
    failure = Failure(
        kind=Kind.BAD_RESPONSE,
        message=f"The answer ({response.status}) is {what}: {_glimpse(scrubbed)}",
        status=response.status,
        request_id=kept.request_id(contract, response.headers, secrets),
        api=contract.name,
        method=request.method,
        url=redaction.address(url, secrets),
        body=(scrubbed.body or b"")[:BODY_LIMIT],
        transient=True,
        support=contract.support,
    )
    if not is_write(contract, request):
        return Verdict(failure, None, transient=True)
    proof = Outcome.APPLIED if is_json and response.direct else Outcome.UNKNOWN
    return Verdict(failure, proof, transient=True)


def _glimpse(response: Response) -> str:
    body = response.body or b""
    if not body:
        return "it is empty"
    if body.lstrip()[:1] in (b"{", b"["):
        return f"it ends with {body[-24:].decode('utf-8', 'replace')!r}"
    return f"it says {generic.read(response).message[:80]!r}"


def _refused(contract: Contract, request: Request, response: Response) -> Verdict:
    own = contract.dialect.parse(response)
    entry = contract.find(own.code, response.status) if own and contract.codes else None
    outcome = _proof_of_refusal(contract, request, response, own, entry)
    transient = response.status in contract.transient
    if entry is not None and entry.transient is not None:
        transient = entry.transient
    if own is None and _may_hold_answer(contract, request, response):
        transient = True
    failure = KeptFailure(
        kind=(entry and entry.kind) or (own.kind if own else kind_of(response.status)),
        status=own.status if own else response.status,
        retry_after=_retry_after(response),
        outcome=outcome,
        transient=transient,
        source=kept.words(contract, request, response, own, entry),
    )
    limit = entry.max_retries if entry else None
    speaks = own is not None and response.direct
    return Verdict(failure, outcome, transient or bool(limit), speaks, limit)


def _may_hold_answer(contract: Contract, request: Request, response: Response) -> bool:
    """Whether a refusal that broke off may have had the first answer to this write in it: then it
    is to be asked for again."""
    rules = contract.idempotency
    is_refusal = response.direct and response.status == rules.conflict[1]
    media = headers.media_type(response.headers.get("content-type"))
    is_cut = headers.is_json(media) and not promise.is_json(response.body or b"")
    return rules.replay == "result" and request.key is not None and is_refusal and is_cut


def _proof_of_refusal(
    contract: Contract,
    request: Request,
    response: Response,
    own: Failure | None,
    entry: Code | None,
) -> Outcome | None:
    if not is_write(contract, request):
        return None
    if not response.direct:
        return Outcome.UNKNOWN
    if kept_answer(contract, request, response) is not None:
        return Outcome.APPLIED
    word = response.headers.get(headers.OUTCOME)
    stated = None if word is None else outcome_of(word)
    if stated is None and own is not None:
        stated = own.outcome
    if stated is not None:
        return stated
    if own is None:
        return Outcome.UNKNOWN
    if entry is not None:
        return entry.proves or Outcome.UNKNOWN
    is_plain_refusal = response.status < 500 and response.status not in (408, 409)
    return contract.unlisted if is_plain_refusal else Outcome.UNKNOWN


def _retry_after(response: Response) -> float | None:
    said = response.headers.get("retry-after")
    if said is None:
        return None
    date = response.headers.get("date")
    return headers.parse_retry_after(said, date=date, now=response.at)
