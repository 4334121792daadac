"""`failwell docs`: the page about errors that an API with this contract would publish."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from failwell.cli import contracts, render
from failwell.contract import Code, Contract
from failwell.headers import OUTCOME
from failwell.model import Outcome, kind_of

_PROOFS = {
    None: "nothing",
    Outcome.NOT_STARTED: "it was not started",
    Outcome.ROLLED_BACK: "it was rolled back",
    Outcome.APPLIED: "it was carried out",
    Outcome.PARTIALLY_APPLIED: "it was carried out in part",
    Outcome.UNKNOWN: "nothing",
}
_OUTCOMES = {
    Outcome.NOT_STARTED: "Nothing was done. The request may be corrected and sent again.",
    Outcome.ROLLED_BACK: "It was begun, and all of it was undone.",
    Outcome.APPLIED: "It was done, although the answer is an error.",
    Outcome.PARTIALLY_APPLIED: "A part of it was done.",
    Outcome.UNKNOWN: "It may or may not have been done. Find out before you send it anew.",
}


def docs(contract: str, /) -> None:
    """Print the page about errors that an API with this contract would publish (Markdown).

    Parameters
    ----------
    contract
        ionworks, ionq, flow, toolpath, matcraft, or module:NAME for a contract of your own.
    """
    render.text("\n".join(_page(contracts.find(contract))) + "\n")


def _page(contract: Contract) -> Iterator[str]:
    yield f"# Errors of {contract.title}"
    yield ""
    yield f"Every error has the media type `{contract.dialect.media_type}`."
    yield from _table(contract)
    yield from _outcomes(contract)
    yield from _request_ids(contract)
    yield from _idempotency(contract)
    yield from _limits(contract)


def _table(contract: Contract) -> Iterator[str]:
    yield ""
    yield "## Codes"
    yield ""
    yield "| Status | Code | What it means | Of a write, it proves | Try again? | What to do |"
    yield "|---|---|---|---|---|---|"
    for entry in sorted(contract.codes, key=lambda entry: (entry.status, entry.code)):
        cells = (
            f"{entry.status} {_phrase(entry.status)}".strip(),
            f"`{entry.code}`",
            entry.means or (entry.kind or kind_of(entry.status)).replace("_", " ").capitalize(),
            _PROOFS[entry.proves],
            _again(contract, entry),
            entry.advice or "",
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _again(contract: Contract, entry: Code) -> str:
    transient = entry.transient
    if transient is None:
        transient = entry.status in contract.transient
    if not transient:
        return "no"
    if entry.proves is not None and entry.proves.nothing_done:
        return "yes"
    repeatable = ", ".join(["reads", *sorted(contract.idempotent - contract.safe)])
    return repeatable + (", and writes with their key" if contract.idempotency.trusted else "")


def _outcomes(contract: Contract) -> Iterator[str]:
    yield ""
    yield "## Did it take effect?"
    yield ""
    yield f"Every error of a write says so in the header `{OUTCOME}`."
    yield ""
    yield "| Word | Meaning |"
    yield "|---|---|"
    for outcome, meaning in _OUTCOMES.items():
        yield f"| `{outcome.value}` | {meaning} |"


def _request_ids(contract: Contract) -> Iterator[str]:
    ids = contract.request_ids
    yield ""
    yield "## Request ids"
    yield ""
    yield f"Every answer carries its id in `{ids.header}`. Quote it when you ask for help."
    if ids.accepts:
        yield f"You may send your own there, if all of it matches `{ids.alphabet}`;"
        yield "any other is replaced."


def _idempotency(contract: Contract) -> Iterator[str]:
    rules = contract.idempotency
    yield ""
    yield "## Sending a write again"
    yield ""
    if not rules.trusted:
        yield "This API does not tell a repeated write from a new one: do not send one again unless"
        yield f"its answer said `{Outcome.NOT_STARTED.value}` or `{Outcome.ROLLED_BACK.value}`."
        return
    methods = ", ".join(sorted(rules.methods))
    verb = "must" if rules.keys == "required" else "may"
    yield f"{methods} {verb} carry a key in `{rules.header}`: 1 to 255 visible ASCII characters in"
    yield f"one line. A key is kept for {rules.retention / 3600:g} hours."
    yield ""
    if rules.replay == "result":
        yield f"* The same request again: {_named(rules.conflict)}, with the first answer's body in"
        yield "  `result`."
    else:
        yield "* The same request again: the first answer, marked `Idempotent-Replayed: true`."
    yield f"* Another request with a used key: {_named(rules.mismatch or rules.conflict)}."
    running = _named(rules.running or rules.conflict)
    yield f"* While the first is still running: {running}, with `Retry-After`."
    wrong = "malformed or missing" if rules.keys == "required" else "malformed"
    yield f"* A key that is {wrong}: {_named(rules.missing)}."


def _limits(contract: Contract) -> Iterator[str]:
    if not any(entry.status == 429 for entry in contract.codes):
        return
    yield ""
    yield "## Limits"
    yield ""
    yield "A 429 has `Retry-After`, in seconds: whoever waits that long is let in. Where answers"
    yield "carry `RateLimit` and `RateLimit-Policy`, these say how much is left, as do"
    yield "`X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset` (epoch seconds)."


def _named(entry: tuple[str, int]) -> str:
    return f"{entry[1]} `{entry[0]}`"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
