"""What of an app's failure may be told to its caller, and what does it prove about the write?"""

from __future__ import annotations

from failwell.contract import Contract
from failwell.errors import FailwellError
from failwell.headers import OUTCOME
from failwell.model import Failure, Outcome, Response, kind_of, outcome_of


def failure_of(contract: Contract, error: Exception) -> Failure:
    """What an exception of the app says to the caller: its own facts where the contract's `fail`
    made it, and not a word of it otherwise. A failure that a client of some other API raised is
    no failure of this one, whatever its status: it has a history of attempts."""
    if not isinstance(error, FailwellError) or error.attempts or error.sent is not None:
        return foreign(contract, 500)
    failure = error.failure
    is_own = failure.status is not None and failure.api in ("", contract.name)
    return failure if is_own else foreign(contract, 500)


def stands_for(contract: Contract, status: int, error: Exception) -> bool:
    """Whether a plain answer of this status is what a framework made of an exception: its own
    status, or the 500 of a framework that does not know it."""
    return status == 500 or status == failure_of(contract, error).status


def foreign(contract: Contract, status: int, said: str = "") -> Failure:
    """The failure that stands for what is not in the contract's shape; `said` is its sentence."""
    entry = contract.of_status(status)
    return Failure(
        kind=entry.kind or kind_of(status),
        status=status,
        code=entry.code,
        message=said or entry.means or entry.code,
        outcome=_proof_of_foreign(contract, status),
        api=contract.name,
    )


def proves(contract: Contract, response: Response, own: Failure | None) -> Outcome | None:
    """What an answer of the app proves about its write; `own` is its reading, where it is in the
    contract's shape. What it states itself comes first, then what the contract says of its code.
    """
    stated = outcome_of(response.headers.get(OUTCOME)) or (own.outcome if own else None)
    if stated is not None:
        return stated
    if own is None:
        return _proof_of_foreign(contract, response.status)
    entry = contract.find(own.code, response.status)
    return None if entry is None else entry.proves


def _proof_of_foreign(contract: Contract, status: int) -> Outcome | None:
    """A refusal stands for the contract's own of that status; a 5xx stands for nothing but itself,
    for nobody knows how far the write had come."""
    if status >= 500:
        return None
    entry = contract.of_status(status)
    return entry.proves if contract.find(entry.code, status) is not None else None
