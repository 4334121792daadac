"""How a client of Flow stays logged in: an access token of minutes, renewed by a cookie.

The refresh token is a cookie that httpx2 keeps and sends by itself; `GET /token` judges nothing
else. `failwell.TokenAuth` sees to it that of all threads and tasks one asks for them all.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Generator

import httpx2
import msgspec

from failwell.apis.flow.client import sessions
from failwell.apis.operation import arun, run
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.clients.renewal import TokenAuth
from failwell.errors import FailwellError, InvalidRequestError
from failwell.model import Kind
from failwell.policy.renewal import YOUNG
from failwell.tokens import RefreshError, Token

SHORT = 60.0
"""Seconds; a token that lasts less is renewed when Flow refuses it, and not before."""

_LOGGED_OUT = Token("logged-out")


class _FlowAuth(TokenAuth):
    """Nobody, until a token is put; requests then go without one, and Flow says that it wants
    one."""

    home: httpx2.URL
    """The address of the client, which alone gets the token."""

    def __init__(self, token: str | None = None) -> None:
        super().__init__(_LOGGED_OUT)
        if token is not None:
            self.log_in(token)

    def log_in(self, token: str) -> None:
        """Send this token from now on. Raises `InvalidRequestError` for one that no header can
        carry."""
        try:
            self.put(token_of(token))
        except ValueError as error:
            raise InvalidRequestError.of(f"The token is none: {error}") from None

    def log_out(self) -> None:
        """Send none from now on."""
        self.put(_LOGGED_OUT)

    def asked(self) -> dict[str, str]:
        """The header fields that a request would carry now."""
        token = self.token
        return {self.header: self._spelt(token)} if token and token != _LOGGED_OUT else {}

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """One request, with the token of the moment, where there is one; a link that leads to
        another host goes without it."""
        if _origin(request.url) == _origin(self.home):
            request.headers.update(self.asked())
        yield request


class FlowAuth(_FlowAuth):
    """The credential of a `Client`."""

    _client: Client

    def serve(self, client: Client) -> None:
        """Send refreshes by this client."""
        self._client, self.home = client, client.base_url

    def refresh(self, spent: Token | None) -> Token:
        """A new access token, for the cookie of the log-in."""
        try:
            return token_of(run(self._client, sessions.fresh_token()))
        except FailwellError as error:
            raise refused(error) from None


class AsyncFlowAuth(_FlowAuth):
    """The credential of an `AsyncClient`."""

    _client: AsyncClient

    def serve(self, client: AsyncClient) -> None:
        """Send refreshes by this client."""
        self._client, self.home = client, client.base_url

    async def refresh(self, spent: Token | None) -> Token:
        """A new access token, for the cookie of the log-in."""
        try:
            return token_of(await arun(self._client, sessions.fresh_token()))
        except FailwellError as error:
            raise refused(error) from None


def token_of(value: str) -> Token:
    """The token, with the time when it is over, where that is worth knowing beforehand.

    Its lifetime counts from now, whatever the server's clock says. One that lasts seconds may well
    be over a moment after it came, and is not held to be young. Raises `ValueError` for text that
    no header can carry.
    """
    lifetime = lifetime_in(value)
    if lifetime is not None and lifetime < SHORT:
        return Token(value, got_at=time.time() - YOUNG)
    return Token.lasting(value, lifetime)


def lifetime_in(value: str) -> float | None:
    """The seconds between the issue and the expiry that a JSON Web Token claims (RFC 7519 section
    4.1); None for a token that claims neither, such as an API key. Nothing is verified."""
    payload = value.partition(".")[2].partition(".")[0]
    try:
        text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        claims = msgspec.json.decode(text, type=_Claims)
        return claims.exp - claims.iat
    except (binascii.Error, ValueError, RecursionError):
        return None


class _Claims(msgspec.Struct):
    iat: float
    exp: float


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def refused(error: FailwellError) -> RefreshError:
    """Why there is no fresh token, in Flow's own words, and what to do: only where Flow refuses the
    cookie is the session over."""
    said = f"{error.code}: {error.message}" if error.code else error.message
    if error.kind in (Kind.UNAUTHENTICATED, Kind.PERMISSION_DENIED):
        return RefreshError(f"Flow gives no fresh token ({said}); log in again")
    why = f"Flow could not be asked for a fresh token ({said}); you are still logged in: try again"
    return RefreshError(why, transient=True)
