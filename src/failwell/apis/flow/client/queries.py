"""GraphQL over `POST /graphql`: the data, or the exception of the first error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import httpx2
import msgspec

from failwell.actions import Renew
from failwell.apis.flow.client.reading import read
from failwell.apis.flow.contract import FLOW, FLOW_GRAPHQL, FLOW_QUERIES
from failwell.apis.operation import Ask, Operation
from failwell.clients.waiting.look import reply
from failwell.contract import Contract
from failwell.errors import FailwellError, InvalidRequestError
from failwell.later import KeptFailure
from failwell.model import Attempt, Failure, Outcome, Request, Response
from failwell.policy import kept

_STRINGS = re.compile(r'"""(?:\\"""|[^"]|"(?!""))*"""|"(?:\\.|[^"\\\n])*"|#[^\n]*')


def contract_of(document: str) -> Contract:
    """The contract of a document: one with a mutation writes, and Flow keeps no keys for it.

    Raises `InvalidRequestError` for what is no text.
    """
    # A caller's variable, which may be anything.
    if not isinstance(document, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidRequestError.of(f"query is a {type(document).__name__}: give GraphQL's text")
    is_write = re.search(r"\bmutation\b", _STRINGS.sub("", document)) is not None
    return FLOW_GRAPHQL if is_write else FLOW_QUERIES


def contract_at(path: str) -> Contract:
    """The contract of a route, whatever is sent there: `/graphql`, which keeps no keys, has one of
    its own."""
    last = path.partition("?")[0].rstrip("/").rpartition("/")[2]
    return FLOW_GRAPHQL if last == "graphql" else FLOW


def graphql(
    document: str, variables: Mapping[str, Any] | None, contract: Contract
) -> Operation[dict[str, Any]]:
    """The `data` of the answer. Raises the exception of its first error, where it has any.

    A token that is over is told with 200, too: it is renewed, and the document sent once more.
    """
    ask = Ask("POST", "graphql", json={"query": document, "variables": dict(variables or {})})
    response, _ = yield from ask
    error = error_in(response, contract)
    if error is not None and error.code in contract.renew_on and _is_harmless(error):
        why, _ = yield from Renew(response.request.headers)
        if why is None:
            response, _ = yield from ask
            error = error_in(response, contract)
    if error is not None:
        raise error
    return read(response, dict[str, Any], "data")


def error_in(response: httpx2.Response, contract: Contract) -> FailwellError | None:
    """The exception of the first of the answer's errors; None where it has none."""
    asked = response.request
    request = Request(method=asked.method, url=asked.url, headers=asked.headers, body=asked.content)
    attempts = response.extensions.get("failwell_attempts", ())
    return error_of(request, reply(response), contract, attempts)


def error_of(
    request: Request, answer: Response, contract: Contract, attempts: tuple[Attempt, ...]
) -> FailwellError | None:
    """The same, of an answer that any library has read, after those attempts that failed."""
    own = contract.dialect.parse(answer)
    if own is None:
        return None
    entry = next((one for one in contract.codes if one.code == own.code), None)
    failure = KeptFailure(
        kind=own.kind,
        status=own.status,
        retry_after=own.retry_after,
        outcome=_proof(answer, contract, own),
        transient=entry.transient if entry else None,
        source=kept.words(contract, request, answer, own, entry),
    )
    return contract.error(failure, attempts)


def _proof(answer: Response, contract: Contract, own: Failure) -> Outcome | None:
    """What the errors prove about a mutation. One that never began did nothing; of one that did,
    each root field stands for itself, and only a refusal of the only one proves that."""
    if "POST" in contract.safe:
        return None
    body: dict[str, Any] = msgspec.json.decode(answer.body or b"")
    first = cast("dict[str, Any]", body["errors"][0])
    refused = next((one.proves for one in contract.codes if one.code == own.code), None)
    if "path" not in first:
        return refused or Outcome.UNKNOWN
    roots: Any = body.get("data")
    if not isinstance(roots, dict):
        return Outcome.UNKNOWN
    values = list(cast("dict[str, Any]", roots).values())
    if any(value is not None for value in values):
        return Outcome.PARTIALLY_APPLIED
    return (refused if len(values) == 1 else None) or Outcome.UNKNOWN


def _is_harmless(error: FailwellError) -> bool:
    return error.outcome is None or error.outcome.nothing_done
