"""`failwell explain`: an error answer, from a file or standard input, in plain words."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from msgspec.structs import replace

from failwell.cli import contracts, render
from failwell.cli.answer import Answer, parse
from failwell.cli.options import Flag
from failwell.contract import Contract
from failwell.explanation import Explanation
from failwell.explanation import explain as explained
from failwell.model import Outcome, Request, Response
from failwell.policy import evidence

Dash = Annotated[bool, Parameter(name="-", negative=(), show_default=False)]
"""The usual spelling of standard input."""

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token (RFC 9110 section 5.6.2)."""

_SAY_IT = "say which status it had with --status"


def explain(
    file: Path | None = None,
    /,
    *,
    contract: str = "generic",
    method: str = "POST",
    status: int | None = None,
    stdin: Dash = False,
    json: Flag = False,
) -> None:
    """Say in plain words what an error answer means.

    Parameters
    ----------
    file
        The answer: its body, or the whole of it as `curl -i` prints it. Standard input if left out.
    stdin
        Standard input, as without a file.
    contract
        Whose answer it is: generic, ionworks, ionq, flow, toolpath, matcraft, or module:NAME.
    method
        The method of the request that it answers.
    status
        Its status, where the input has no status line.
    json
        Print JSON for machines.
    """
    if stdin and file is not None:
        raise ValueError(f"- is standard input, and {file} a file: give one of them")
    text = sys.stdin.buffer.read() if file is None else file.read_bytes()
    told = meaning(text, contract=contract, method=method, status=status)
    render.explanation(told, as_json=json)


def meaning(text: bytes, *, contract: str, method: str, status: int | None) -> Explanation:
    """What the answer means. Without its status, what its code means, under each status that the
    contract lists for that.

    Raises `ValueError` where it is no error answer: its status is below 400, or it is not JSON
    and has none; and where the contract is not known, or the status or the method cannot be.
    """
    if not _METHOD.fullmatch(method):
        raise ValueError(f"--method {method!r} is no method: use a name such as POST or GET")
    if status is not None and not 400 <= status <= 599:
        raise ValueError(f"--status {status} is no error's: use 400 to 599")
    promise, answer = contracts.find(contract), parse(text)
    statuses = [status] if status else answer.statuses(promise)
    if not statuses:
        return _without_status(promise, method, answer)
    each = [_under(promise, method, answer.under(status)) for status in statuses]
    return each[0] if len(each) == 1 else _any_of(each)


def _under(contract: Contract, method: str, response: Response) -> Explanation:
    request = Request(method=method.upper(), url="", reads_json=True)
    verdict = evidence.judge(contract, request, response)
    if verdict is None:
        raise ValueError(f"this answer is a success ({response.status}): nothing failed")
    return explained(contract.error(verdict.failure))


def _without_status(contract: Contract, method: str, answer: Answer) -> Explanation:
    if not answer.is_json:
        raise ValueError(f"the answer has no status line: {_SAY_IT}")
    told = _under(contract, method, answer.under(500))
    return replace(
        told,
        happened=told.happened.replace("(500)", "(status not known)", 1),
        retry="settle" if told.outcome else "no",
        when=f"That depends on its status: {_SAY_IT}.",
        advice=f"{_SAY_IT.capitalize()}, to learn more.",
        status=None,
        kind=None,
    )


def _any_of(each: list[Explanation]) -> Explanation:
    """What they have in common, and where they differ, each by its status; the facts are those of
    the one that asks for the most care."""
    first = each[0]
    statuses = ", ".join(str(told.status) for told in each)
    outcomes = {told.outcome for told in each}
    return replace(
        min(each, key=lambda told: _CARE.index(told.retry)),
        happened=first.happened.replace(f"({first.status})", f"(one of {statuses})", 1),
        effect=_told(each, "effect"),
        charge=_told(each, "charge"),
        when=_told(each, "when"),
        advice=_told(each, "advice"),
        outcome=first.outcome if len(outcomes) == 1 else Outcome.UNKNOWN,
        status=None,
        kind=None,
    )


_CARE = ("settle", "no", "yes")


def _told(each: list[Explanation], question: str) -> str:
    answers: list[str] = [getattr(told, question) for told in each]
    if len(set(answers)) == 1:
        return answers[0]
    return "\n".join(f"{told.status}: {said}" for told, said in zip(each, answers, strict=True))
