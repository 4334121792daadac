"""Who is asking: API keys, and what stands before every route that needs one."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable
from typing import Literal

import msgspec
from starlette.requests import Request

from failwell.apis.ionq.backends import Backend
from failwell.apis.ionq.contract import IONQ
from failwell.apis.ionq.database import Database
from failwell.server import context
from failwell.server.asgi import App, Receive, Scope, SendMessage

_KEY = "failwell.ionq.key"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key: whose it is, which backends its plan reaches, and since when it is revoked."""

    token: str
    id: str
    name: str
    user: str
    project: str
    organization: str
    plan: Literal["all", "simulator"] = "all"
    revoked: float | None = None


def minted() -> dict[str, Key]:
    """The keys of one project, by what is good or bad about them."""
    project, organization = str(uuid.uuid4()), str(uuid.uuid4())

    def key(name: str, plan: Literal["all", "simulator"], revoked: float | None = None) -> Key:
        return Key(
            token=secrets.token_urlsafe(24),
            id=str(uuid.uuid4()),
            name=name,
            user=secrets.token_hex(12),
            project=project,
            organization=organization,
            plan=plan,
            revoked=revoked,
        )

    return {
        "key": key("All backends", "all"),
        "simulator_only": key("Simulator only", "simulator"),
        "revoked": key("Revoked", "all", time.time()),
    }


def key_of(request: Request) -> Key:
    """The key that a request came with."""
    key: Key = request.scope[_KEY]
    return key


def caller(scope: Scope) -> str:
    """What a quota is counted by."""
    key: Key = scope[_KEY]
    return key.id


def check_reach(key: Key, backend: Backend) -> None:
    """Raises a 403 where the key's plan does not reach the backend."""
    if key.plan == "simulator" and backend.is_qpu:
        message = f"This key's plan has the simulator only, and not {backend.name}"
        raise IONQ.fail("Forbidden", message=message)


def authenticated(database: Database) -> Callable[[App], App]:
    """Lets only requests with a good API key through."""

    def around(app: App) -> App:
        async def checked(scope: Scope, receive: Receive, send: SendMessage) -> None:
            scope[_KEY] = _good_key(database, Request(scope).headers.get("authorization", ""))
            await app(scope, receive, send)

        return checked

    return around


def _good_key(database: Database, authorization: str) -> Key:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "apikey" or not token.strip():
        raise _unauthorized("Send the header Authorization: apiKey <your key>")
    found = database.rows(Key, "SELECT * FROM keys WHERE token = ?", token.strip())
    if not found or found[0].revoked is not None:
        raise _unauthorized("Invalid key provided: it is unknown or revoked")
    return found[0]


def _unauthorized(message: str) -> Exception:
    request = context.current()
    if request is not None:
        request.headers["WWW-Authenticate"] = "apiKey"
    return IONQ.fail("Unauthorized Error", message=message)
