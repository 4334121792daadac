"""What is kept of an answer: its words at once, its long parts when somebody looks, no secrets."""

from __future__ import annotations

import msgspec

from failwell import redaction
from failwell.contract import Contract
from failwell.dialects import generic
from failwell.later import Later
from failwell.model import BODY_LIMIT, Failure, Issue, Reply, Request, Response


def secrets_of(request: Request, reply: Reply, url: str) -> tuple[str, ...]:
    """What was secret of all that was sent; `url` is the request's."""
    return redaction.secrets_of(reply.asked or request.headers, url, request.body)


def scrubbed(response: Response, secrets: tuple[str, ...]) -> Response:
    """The answer without what is secret in its body."""
    body = redaction.scrub(response.body or b"", secrets)
    if body is response.body:
        return response
    return msgspec.structs.replace(response, body=body)


def found(response: Response, secrets: tuple[str, ...]) -> Failure:
    """What is to be made of an answer that is not in the API's own shape."""
    clean = scrubbed(response, secrets)
    read = generic.read(clean)
    return msgspec.structs.replace(
        read,
        message=redaction.words(read.message, secrets),
        body=(clean.body or b"")[:BODY_LIMIT],
    )


def told(contract: Contract, response: Response, own: Failure, secrets: tuple[str, ...]) -> Failure:
    """The API's own words without what is secret; at length only when somebody looks."""
    rest = _Rest(contract, msgspec.structs.replace(response, native=None), own, secrets)
    read = msgspec.structs.replace(
        own,
        details_json=Later(rest.details),
        issues=Later(rest.issues),
        body=Later(rest.body),
    )
    if redaction.is_clean(f"{own.message} {own.code} {own.request_id} {own.timestamp}", secrets):
        return read
    return msgspec.structs.replace(
        read,
        message=redaction.words(own.message, secrets),
        code=own.code and redaction.words(own.code, secrets),
        request_id=own.request_id and redaction.words(own.request_id, secrets),
        timestamp=own.timestamp and redaction.words(own.timestamp, secrets),
    )


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
