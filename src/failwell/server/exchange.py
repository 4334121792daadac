"""One request and its answer: what of it leaves the building, and in which shape.

It knows no protocol of servers; `asgi` and `wsgi` hand it what the app did and send what it gives
back. Header fields are pairs of bytes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from failwell import redaction
from failwell.contract import Contract
from failwell.dialects import generic
from failwell.dialects.generic import GENERIC
from failwell.errors import FailwellError
from failwell.headers import OUTCOME, dump_retry_after, is_json, media_type
from failwell.ids import minted
from failwell.model import Failure, Headers, Outcome, Response, read_json
from failwell.policy.disclosure import failure_of, foreign, proves, stands_for
from failwell.server.context import RequestContext, lines, raw_name
from failwell.server.types import Fields

if TYPE_CHECKING:
    from failwell.journal import Journal

logger = logging.getLogger("failwell.server")

_GRAPHQL = "application/graphql-response+json"
"""An envelope of its own, in which `failwell.server.graphql` says what the contract says."""

_REPLACED = frozenset({b"content-type", b"content-length", b"content-encoding"})


class Answer(msgspec.Struct, frozen=True):
    """What to send."""

    status: int
    fields: Fields
    body: bytes


class Exchange:
    """One request. An exchange inside another, of the same request, is given what is `known`;
    `route` says, at the end, which route it took, where it can be known."""

    def __init__(
        self,
        contract: Contract,
        method: str,
        path: str,
        fields: Fields,
        journal: Journal | None = None,
        known: RequestContext | None = None,
        route: Callable[[], str | None] | None = None,
    ) -> None:
        self._contract = contract
        self._method = method
        self._path = path
        self._journal = journal
        self._route = route
        self._began = time.time()
        self.context = known or RequestContext(request_id(contract, fields), fields, contract)

    def of_answer(self, status: int, fields: Fields, body: bytes) -> Answer:
        """An answer of 400 and above that the app gave: as it is where it is in the contract's
        envelope, else anew."""
        plain = {k.decode("latin-1"): v.decode("latin-1") for k, v in fields}
        response = Response(status=status, headers=Headers(plain), body=body)
        if media_type(response.headers.get("content-type")) == _GRAPHQL:
            return self._answer(status, fields, body, proves(self._contract, response, None))
        own, raised = self._contract.dialect.parse(response), self.context.raised
        if own is not None:
            proven = proves(self._contract, response, own)
            failure = msgspec.structs.replace(own, outcome=self._outcome(proven))
            self._write_down(failure, raised)
            return self._answer(status, fields, body, proven)
        if raised is not None and stands_for(self._contract, status, raised):
            return self.of_exception(raised, fields)
        said, beside = _said(response)
        failure = foreign(self._contract, status, said)
        proven = proves(self._contract, response, None)
        failure = msgspec.structs.replace(failure, outcome=proven, details_json=beside)
        return self._rendered(failure, fields)

    def of_exception(self, error: Exception, fields: Fields) -> Answer:
        """The answer for an exception of the app, with the header fields it had set already."""
        failure = failure_of(self._contract, error)
        is_meant = isinstance(error, FailwellError) and failure is error.failure
        if is_meant and (error.__cause__ is None or (failure.status or 500) < 500):
            logger.info("request %s failed: %r", self.context.request_id, error)
        else:
            logger.error("request %s failed", self.context.request_id, exc_info=error)
        return self._rendered(failure, fields, error)

    def of_silence(self) -> Answer:
        """The answer where the app gave none."""
        logger.error("request %s: the app returned without an answer", self.context.request_id)
        return self._rendered(foreign(self._contract, 500), Fields())

    def broken_off(self, error: Exception) -> bytes:
        """What to say, where anything can be said, when the app fails after its answer began."""
        logger.error("request %s broke off", self.context.request_id, exc_info=error)
        failure = self._late(error, "The answer broke off after it had begun")
        return self._contract.dialect.render(failure).body or b""

    def failed_afterwards(self, error: Exception) -> None:
        """Write down a failure that came after a whole answer, such as a background task's."""
        logger.error(
            "request %s failed after it was answered", self.context.request_id, exc_info=error
        )
        self._late(error, "The app failed after it had answered")

    def _late(self, error: Exception, said: str) -> Failure:
        failure = foreign(self._contract, 500, said)
        failure = msgspec.structs.replace(failure, outcome=self._outcome(None))
        failure = self.context.signed(failure)
        self._write_down(failure, error)
        return failure

    def signed(self, fields: Any) -> Fields:
        """The header fields with those that every answer of this request carries."""
        name = raw_name(self._contract.request_ids.header)
        own_id = (name, self.context.request_id.encode("latin-1"))
        if not self.context.headers:
            return [*[pair for pair in fields if pair[0].lower() != name], own_id]
        ours = {raw_name(k): v.encode("latin-1") for k, v in self.context.headers.items()}
        ours[name] = own_id[1]
        return [*[pair for pair in fields if pair[0].lower() not in ours], *ours.items()]

    def _rendered(self, failure: Failure, fields: Fields, error: Exception | None = None) -> Answer:
        outcome = self._outcome(failure.outcome)
        if outcome is not failure.outcome:
            failure = msgspec.structs.replace(failure, outcome=outcome)
        failure = self.context.signed(failure)
        self._write_down(failure, error)
        rendered = self._contract.dialect.render(failure)
        fields = [pair for pair in fields if pair[0].lower() not in _REPLACED]
        fields += [(raw_name(k), v.encode()) for k, v in rendered.headers.items()]
        if failure.retry_after is not None:
            fields.append((b"retry-after", dump_retry_after(failure.retry_after).encode()))
        return self._whole(rendered.status, fields, rendered.body or b"", outcome)

    def _answer(self, status: int, fields: Fields, body: bytes, proven: Outcome | None) -> Answer:
        fields = [pair for pair in fields if pair[0].lower() != b"content-length"]
        return self._whole(status, fields, body, self._outcome(proven))

    def _whole(self, status: int, fields: Fields, body: bytes, said: Outcome | None) -> Answer:
        """The answer with the length of its body, and what is said of the outcome."""
        fields.append((b"content-length", str(len(body)).encode()))
        if said is not None and not any(name.lower() == raw_name(OUTCOME) for name, _ in fields):
            fields.append((OUTCOME.encode(), said.value.encode()))
        return Answer(status, self.signed(fields), b"" if self._method == "HEAD" else body)

    def _outcome(self, proven: Outcome | None) -> Outcome | None:
        """What is said of the outcome: nothing for a read, and no more than is proven."""
        if self._method in self._contract.safe:
            return None
        return proven or Outcome.UNKNOWN

    def _write_down(self, failure: Failure, error: Exception | None = None) -> None:
        if self._journal is None or self.context.is_written:
            return
        from failwell.journal import of_failure

        self.context.is_written = True
        fields = self.context.asked
        asked = Headers({k.decode("latin-1"): v.decode("latin-1") for k, v in fields})
        key = lines(self._contract.idempotency.header or "Idempotency-Key", fields)
        entry = of_failure(
            failure,
            side="server",
            at=self._began,
            request_id=self.context.request_id,
            error=error,
            secrets=redaction.secrets_of(asked, "", None),
            trace_id=self.context.trace_id,
            api=self._contract.name,
            method=self._method,
            route=self.context.route or (self._route and self._route()) or self._path,
            idempotency_key=key[0] if len(key) == 1 else None,
            caller=self.context.caller,
            elapsed=time.time() - self._began,
        )
        self._journal.write(entry)


_REASONS = {status.value: status.phrase for status in HTTPStatus}
_PLAIN = {404: "No such route", 405: "This route does not take this method"}


def _said(response: Response) -> tuple[str, bytes]:
    """What an error that is not in the envelope says: its sentence, and what is JSON without one.
    Nothing of a 5xx, which may hold its cause, or of a page, which is for people; better words for
    one that only names its status."""
    plain = _PLAIN.get(response.status, "")
    media = media_type(response.headers.get("content-type"))
    if media == "text/html" or response.status >= 500:
        return plain, b""
    if is_json(media) and GENERIC.dialect.parse(response) is None:
        value = read_json(response.body or b"")
        return plain, (response.body or b"") if isinstance(value, (dict, list)) else b""
    said = generic.read(response).message
    is_status = said in (_REASONS.get(response.status), f"HTTP {response.status}")
    return plain if is_status else said or plain, b""


def request_id(contract: Contract, fields: Fields) -> str:
    """The id of a request with these header fields: its own where the contract allows it, else a
    new one."""
    if contract.request_ids.accepts:
        given = lines(contract.request_ids.header, fields)
        if len(given) == 1 and contract.request_ids.allows(given[0]):
            return given[0]
    return contract.request_ids.prefix + minted()
