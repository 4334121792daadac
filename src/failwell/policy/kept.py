"""What is kept of an answer: its words, its body and its long parts, without what is secret; made
out when somebody looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from failwell import redaction
from failwell.contract import Contract
from failwell.dialects import generic
from failwell.later import Joint, Later
from failwell.model import BODY_LIMIT, Failure, Headers, Issue, Reply, Request, Response


def secrets_of(request: Request, reply: Reply, url: str) -> tuple[str, ...]:
    """What was secret of all that was sent; `url` is the request's."""
    return redaction.secrets_of(reply.asked or request.headers, url, request.body)


def scrubbed(response: Response, secrets: tuple[str, ...]) -> Response:
    """The answer without what is secret in its body."""
    body = redaction.scrub(response.body or b"", secrets)
    if body is response.body:
        return response
    return msgspec.structs.replace(response, body=body)


def request_id(
    contract: Contract, fields: Mapping[str, str], secrets: tuple[str, ...]
) -> str | None:
    """The id of the request, as the answer's header fields tell it."""
    said = fields.get(contract.request_ids.header)
    return redaction.text(said, secrets)[:256] if said else None


def words(contract: Contract, request: Request, response: Response, own: Failure | None) -> Any:
    """A failure's message, code, ids, address, body and long parts, all together and later; `own`
    is what the API's own dialect has read, None where the answer is not in it."""
    asked = response.asked or Headers(request.headers)
    status, fields, body = response.status, response.headers, response.body
    return Joint(_Exchange(contract, request, asked, status, fields, body, own).told)


class _Told(msgspec.Struct):
    """An answer in words, without what is secret; the long ones may be there only later."""

    message: str
    code: str | None
    request_id: str | None
    timestamp: str | None
    url: str
    details_json: Any
    issues: Any
    body: Any


class _Exchange(msgspec.Struct, eq=False):
    """An answer and what was sent: all that it takes to tell it without what is secret."""

    contract: Contract
    request: Request
    asked: Mapping[str, str]
    status: int
    headers: Mapping[str, str]
    body: bytes | None
    own: Failure | None

    __repr__ = object.__repr__  # the fields' would show what is secret

    def told(self) -> _Told:
        """It, in words."""
        request, contract, own = self.request, self.contract, self.own
        url = str(request.url)
        secrets = redaction.secrets_of(self.asked, url, request.body)
        response = Response(status=self.status, headers=self.headers, body=self.body)
        told = _found(response, secrets) if own is None else _own(contract, response, own, secrets)
        told.message = told.message.strip() or f"HTTP {self.status}: {told.code}"
        told.request_id = told.request_id or request_id(contract, self.headers, secrets)
        told.url = redaction.address(url, secrets)
        return told


def _found(response: Response, secrets: tuple[str, ...]) -> _Told:
    """What is to be made of an answer that is not in the API's own shape."""
    clean = scrubbed(response, secrets)
    read = generic.read(clean)
    return _Told(
        message=redaction.words(read.message, secrets),
        code=read.code,
        request_id=read.request_id,
        timestamp=read.timestamp,
        url="",
        details_json=read.details_json,
        issues=read.issues,
        body=(clean.body or b"")[:BODY_LIMIT],
    )


def _own(contract: Contract, response: Response, own: Failure, secrets: tuple[str, ...]) -> _Told:
    """The API's own words without what is secret."""
    rest = _Rest(contract, response, own, secrets)
    told = _Told(
        message=own.message,
        code=own.code,
        request_id=own.request_id,
        timestamp=own.timestamp,
        url="",
        details_json=Later(rest.details),
        issues=Later(rest.issues),
        body=Later(rest.body),
    )
    said = f"{told.message} {told.code} {told.request_id} {told.timestamp}"
    if not redaction.is_clean(said, secrets):
        told.message = redaction.words(told.message, secrets)
        told.code = told.code and redaction.words(told.code, secrets)
        told.request_id = told.request_id and redaction.words(told.request_id, secrets)
        told.timestamp = told.timestamp and redaction.words(told.timestamp, secrets)
    return told


class _Rest(msgspec.Struct, eq=False):
    """What an answer says at length, without what is secret. The proof rests on the answer as it
    came, for taking a secret out may break its shape."""

    contract: Contract
    response: Response
    own: Failure
    secrets: tuple[str, ...]
    is_clean: bool = False

    __repr__ = object.__repr__  # the fields' would show what is secret

    def body(self) -> bytes:
        """The answer's body, bounded."""
        return (self._clean().response.body or b"")[:BODY_LIMIT]

    def details(self) -> bytes:
        """The structured extra, as JSON."""
        return self._clean().own.details_json

    def issues(self) -> tuple[Issue, ...]:
        """The single problems."""
        return self._clean().own.issues

    def _clean(self) -> _Rest:
        if not self.is_clean:
            clean = scrubbed(self.response, self.secrets)
            if clean is not self.response:
                self.own = self.contract.dialect.parse(clean) or generic.read(clean)
                self.response = clean
            self.is_clean = True
        return self
