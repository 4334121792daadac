"""A write that a client is to settle: what its error kept, what its caller gives again, and whether
this client is one to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import httpx2
import msgspec

from failwell.clients.arguments import instance
from failwell.clients.given import given
from failwell.clients.httpx2.address import address_of
from failwell.clients.httpx2.prepared import Prepared
from failwell.errors import FailwellError, InvalidRequestError
from failwell.flows.settle import Settled, settle
from failwell.model import AUTH, Outcome, Request, Sent
from failwell.redaction import is_secret_parameter

if TYPE_CHECKING:
    from failwell.actions import Flow
    from failwell.clients.httpx2.configured import Configured
    from failwell.clients.httpx2.first import How
    from failwell.clients.httpx2.settings import Settings


class Settling(msgspec.Struct, frozen=True):
    """What is `sent` to settle the write of this `error`, and what is `known` of it."""

    error: FailwellError
    sent: Sent
    known: Outcome
    prepared: Prepared

    def flow(self, now: float, today: float) -> Flow[Settled]:
        """What finds out; `now` is in monotonic seconds, `today` the time of day (epoch)."""
        terms = self.prepared.terms
        settled = yield from settle(self.sent, self.known, terms, now=now, today=today)
        if settled.error is not None and settled.error.sent is not None:
            settled.error.sent = self.error.sent  # without what was given again
        return settled


def how_given(auth: Any) -> How:
    """How to send it: with an auth of its own, where one is given."""
    return {} if auth is httpx2.USE_CLIENT_DEFAULT else {"auth": auth}


def settling(
    client: Configured,
    settings: Settings,
    error: FailwellError,
    now: float,
    how: How,
    *,
    content: bytes | None,
    headers: Any,
) -> Settling | Settled:
    """What this client is to do about the error under these settings; what is known where it is to
    do nothing.

    Raises `InvalidRequestError` for what is no error, no body or no header fields.
    """
    instance(error, FailwellError, "a failwell.FailwellError", "error")
    instance(b"" if content is None else content, bytes, "the request's body, as bytes", "content")
    sent, known = error.sent, error.outcome
    if known is None or known.nothing_done:
        what = "it was a read" if known is None else f"it is {known}"
        return Settled(outcome=known, why=f"There is nothing to settle: {what}.")
    if sent is None:
        return Settled(outcome=known, why="The error does not say what was sent.")
    stranger = _why_a_stranger(client, sent)
    if stranger is not None:
        return Settled(outcome=known, why=stranger)
    whole = _with(sent, content, _fields(headers), has_auth=bool(how))
    return Settling(error, whole, known, _prepared(client, settings, whole, now))


def _why_a_stranger(client: Configured, sent: Sent) -> str | None:
    """Why it is not for this client to ask: its credentials belong elsewhere."""
    this = cast("httpx2.Client", client)
    home, there = this.base_url, httpx2.URL(sent.url)
    if not home.host or address_of(home) == address_of(there):
        return None
    names = (name.decode("latin-1") for name, _ in this.headers.raw)
    if this.auth is None and not any(is_secret_parameter(name) for name in names):
        return None
    return (
        f"This client's credentials are for {home.host}, and it was sent to {there.host}: settle "
        "it with a client for that."
    )


def _fields(headers: Any) -> dict[str, str]:
    """The header fields that were given again, by name in lower case."""
    try:
        return {name.lower(): value for name, value in httpx2.Headers(headers).items()}
    except (TypeError, ValueError):
        raise InvalidRequestError.of(
            "headers: must be header fields as a client takes them, such as {'Cookie': '...'}"
        ) from None


def _with(sent: Sent, content: bytes | None, fields: dict[str, str], *, has_auth: bool) -> Sent:
    """What was sent, with what its error did not keep and its caller gives again."""
    given_again = {*fields, AUTH} if has_auth or "authorization" in fields else {*fields}
    if has_auth:
        given_again.add("authorization")
    return msgspec.structs.replace(
        sent,
        body=sent.body if content is None else content,
        fields=tuple((dict(sent.fields) | fields).items()),
        withheld=tuple(name for name in sent.withheld if name not in given_again),
    )


def _prepared(client: Configured, settings: Settings, sent: Sent, now: float) -> Prepared:
    """A call that only settles another: its requests are made up by the flow."""
    fields = httpx2.Headers(dict(sent.fields), "utf-8")
    native = client.build_request(sent.method, sent.url, headers=fields)
    request = Request(method=sent.method, url=sent.url)
    options = given(view=settings.given).options
    terms = settings.terms(now, options, address_of(native.url))
    return Prepared(native, terms, terms.ends, told=request)
