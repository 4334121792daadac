"""What the caller of a key is told that was used before: the first answer, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from failwell.contract import Contract
from failwell.errors import FailwellError
from failwell.headers import OUTCOME
from failwell.model import Failure, Outcome
from failwell.policy.idempotency import Stored

Signed = Callable[[Failure], Failure]
"""Puts the request's id on a failure."""

ASK_AGAIN = 5.0
"""Seconds after which a caller is to ask again, at most. The rest of the lease says only when a
dead holder lets go; a living one renews it for as long as it runs, and is mostly done long before:
who waited the whole lease would sit out half a minute for an answer that is there."""

_REFUSALS = {
    "mismatch": "This Idempotency-Key was used with another request body",
    "running": "A request with this Idempotency-Key is still being processed",
    "uncertain": (
        "A request with this Idempotency-Key ended without an answer; "
        "it may or may not have taken effect"
    ),
    "failed": (
        "A request with this Idempotency-Key has failed, and its answer was not kept; "
        "it may or may not have taken effect"
    ),
    "unkept": "A request with this Idempotency-Key was carried out; its answer was not kept",
    "done": "A request with this Idempotency-Key was carried out already",
}
_PROVEN = {"mismatch": Outcome.NOT_STARTED, "unkept": Outcome.APPLIED}


def replayed(contract: Contract, answer: Stored, signed: Signed) -> Stored:
    """The answer to a used key: the first one, or the contract's conflict with it inside."""
    rules = contract.idempotency
    if rules.replay == "same" or answer.status >= 400:
        return answer
    said = contract.fail(*rules.conflict, message=_REFUSALS["done"], outcome=Outcome.APPLIED)
    rendered = contract.dialect.render(signed(said.failure))
    body: dict[str, Any] = msgspec.json.decode(rendered.body or b"{}")
    body["result"] = _result(answer.body)
    fields = {**rendered.headers, OUTCOME: Outcome.APPLIED.value}
    body_bytes = msgspec.json.encode(body)
    return Stored(status=rendered.status, headers=tuple(fields.items()), body=body_bytes)


def _result(body: bytes) -> Any:
    """A first answer as a JSON value: as it is where it is JSON, and as text where it is not."""
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body.decode("utf-8", "replace") or None
    return msgspec.Raw(body)


def refusal(contract: Contract, why: str, seconds: float) -> FailwellError:
    """The exception for a key that can be given no answer, for this reason; a running write lets
    it go after so many `seconds` at the latest."""
    rules = contract.idempotency
    own = {"mismatch": rules.mismatch, "running": rules.running}.get(why)
    return contract.fail(
        *(own or rules.conflict),
        message=_REFUSALS[why],
        retry_after=min(max(1.0, seconds), ASK_AGAIN) if why == "running" else None,
        outcome=_PROVEN.get(why, Outcome.UNKNOWN),
    )
