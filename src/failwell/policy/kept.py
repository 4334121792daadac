"""What is kept of an answer: its words, its body and its long parts, without what is secret; made
out when somebody looks."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from failwell import redaction
from failwell.contract import Code, Contract
from failwell.dialects import generic
from failwell.later import Joint, Source
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


def words(
    contract: Contract,
    request: Request,
    response: Response,
    own: Failure | None,
    entry: Code | None,
) -> Source:
    """What a refusal says in words, all together and later; `own` is what the API's own dialect has
    read, None where the answer is not in it, and `entry` its place in the catalogue."""
    asked = response.asked or Headers(request.headers)
    status, fields, body = response.status, response.headers, response.body
    return _Exchange(contract, request, asked, status, fields, body, own, entry).told


class _Exchange(Joint, eq=False):
    """An answer and what was sent: all that it takes to tell it without what is secret."""

    contract: Contract
    request: Request
    asked: Mapping[str, str]
    status: int
    headers: Mapping[str, str]
    body: bytes | None
    own: Failure | None
    entry: Code | None

    def tell(self) -> _Told:
        """All that is said of it in words."""
        request, contract, entry = self.request, self.contract, self.entry
        url = str(request.url)
        secrets = redaction.secrets_of(self.asked, url, request.body)
        response = Response(status=self.status, headers=self.headers, body=self.body)
        rest = _Rest(contract, response, self.own, secrets)
        message, code, own_id, timestamp = _words(self.own or rest.reading(), secrets)
        return _Told(
            message=message.strip() or f"HTTP {self.status}: {code}",
            code=code,
            request_id=own_id or request_id(contract, self.headers, secrets),
            timestamp=timestamp,
            api=contract.name,
            method=request.method,
            url=redaction.address(url, secrets),
            advice=entry.advice if entry else None,
            charged=entry.charges if entry else None,
            support=contract.support,
            rest=rest,
        )


class _Rest(msgspec.Struct, eq=False):
    """What an answer says at length, without what is secret. The proof rests on the answer as it
    came, for taking a secret out may break its shape."""

    contract: Contract
    response: Response
    own: Failure | None
    secrets: tuple[str, ...]
    clean: Failure | None = None

    __repr__ = object.__repr__  # the fields' would show what is secret

    def body(self) -> bytes:
        """The answer's body, bounded."""
        self.reading()
        return (self.response.body or b"")[:BODY_LIMIT]

    def reading(self) -> Failure:
        """What is read of the answer without its secrets."""
        if self.clean is None:
            before, self.response = self.response, scrubbed(self.response, self.secrets)
            if self.own is not None and self.response is before:
                self.clean = self.own
            else:
                self.clean = self._again() or generic.read(self.response)
        return self.clean

    def _again(self) -> Failure | None:
        return None if self.own is None else self.contract.dialect.parse(self.response)


class _Told(msgspec.Struct, eq=False):
    """An answer without what is secret: its words, and at length what is looked at."""

    message: str
    code: str | None
    request_id: str | None
    timestamp: str | None
    api: str
    method: str
    url: str
    advice: str | None
    charged: bool | None
    support: str | None
    rest: _Rest

    __repr__ = object.__repr__

    @property
    def details_json(self) -> bytes:
        """The structured extra, as JSON."""
        return self.rest.reading().details_json

    @property
    def issues(self) -> tuple[Issue, ...]:
        """The single problems."""
        return self.rest.reading().issues

    @property
    def body(self) -> bytes:
        """The answer's body, bounded."""
        return self.rest.body()


def _words(
    said: Failure, secrets: tuple[str, ...]
) -> tuple[str, str | None, str | None, str | None]:
    """Its message, code, id and time, without what is secret."""
    words = (said.message, said.code, said.request_id, said.timestamp)
    if redaction.is_clean(" ".join([word for word in words if word]), secrets):
        return words
    return (
        redaction.words(said.message, secrets),
        said.code and redaction.words(said.code, secrets),
        said.request_id and redaction.words(said.request_id, secrets),
        said.timestamp and redaction.words(said.timestamp, secrets),
    )
