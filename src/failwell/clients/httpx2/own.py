"""Which header fields of a request are its own, and which its client's, for every call."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, cast

import httpx2

from failwell.clients.asides import fields_aside
from failwell.clients.httpx2.address import address_of
from failwell.contract import Contract
from failwell.model import AUTH, Request

if TYPE_CHECKING:
    from failwell.clients.httpx2.configured import Configured

JAR = "failwell_jar"
"""The name under which a request's `extensions` say that its cookies are its client's."""


def own(
    client: Configured, native: httpx2.Request, auth: object, names: Collection[str]
) -> tuple[str, ...]:
    """Those of the request's header fields of these names that its client does not send with every
    call; `AUTH` among them, where the `auth` is not the client's."""
    this = cast("httpx2.Client", client)
    usual, given = _raw(this.headers), _raw(native.headers)
    found = [name for name in names if usual.get(name) != given.get(name)]
    if JAR in native.extensions and "cookie" in found:
        found.remove("cookie")
    return tuple(found) if auth is this.auth else (*found, AUTH)


def _raw(headers: httpx2.Headers) -> dict[str, bytes]:
    return {_name(pair): pair[1] for pair in headers.raw}


def lend(native: httpx2.Request, aside: httpx2.Request, request: Request, rules: Contract) -> None:
    """Let the `request` that a flow made up on the way of this one, built as `aside`, ask for the
    same caller. Elsewhere it asks for whomever its client stands for."""
    if address_of(aside.url) != address_of(native.url):
        return
    given = httpx2.Headers(native.headers)
    names = {*fields_aside(given, rules)} - {name.lower() for name in request.headers}
    if JAR in native.extensions:
        names.discard("cookie")
    lent = [pair for pair in given.raw if _name(pair) in names]
    others = [pair for pair in aside.headers.raw if _name(pair) not in names]
    aside.headers = httpx2.Headers(others + lent)


def _name(pair: tuple[bytes, bytes]) -> str:
    return pair[0].decode("latin-1").lower()
