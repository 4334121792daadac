"""Who asks, and which projects are theirs: API keys, in the header or as a bearer token."""

from __future__ import annotations

import secrets
import time
import uuid

import msgspec
from starlette.requests import Request

from failwell.apis.ionworks.bodies import invalid
from failwell.apis.ionworks.contract import API_KEY_HEADER, IONWORKS, ORGANIZATION_HEADER
from failwell.apis.ionworks.records import Records
from failwell.errors import FailwellError
from failwell.server import context
from failwell.server.types import App, Receive, Scope, SendMessage

ORGANIZATION = {"id": "5b0a2f6e-54c6-4f0c-8a1c-3d9e0b7f1a11", "name": "Sandbox Cells"}

_DAY = 86400.0
_CALLER = "ionworks.caller"


class Key(msgspec.Struct, frozen=True):
    """An API key: whose it is, and their project; a user without one has access to none."""

    token: str
    user: str
    project: str | None
    expires: float | None = None
    revoked: float | None = None

    def is_good(self, now: float) -> bool:
        """Whether it opens anything at `now` (epoch seconds)."""
        return self.revoked is None and (self.expires is None or self.expires > now)

    @property
    def projects(self) -> frozenset[str]:
        """The projects that its user has access to."""
        return frozenset() if self.project is None else frozenset({self.project})

    def project_for(self, given: object) -> str:
        """The project that a request names, or the key's own where it names none.

        Raises the 422 for what is no UUID, and the 403 where the user has no access.
        """
        if isinstance(given, str):
            _check_uuid(given)
            if given in self.projects:
                return given
            raise IONWORKS.fail("FORBIDDEN", message=f"You have no access to the project {given}")
        if self.project is None:
            raise IONWORKS.fail("FORBIDDEN", message="You have no access to any project")
        return self.project


def _check_uuid(given: str) -> None:
    try:
        uuid.UUID(given)
    except ValueError:
        said = f'invalid input syntax for type uuid: "{given[:80]}"'
        raise invalid(("body", "project_id"), said, "uuid_parsing") from None


def minted_keys(project: str) -> dict[str, Key]:
    """The API keys of a sandbox, by what is good or bad about them."""
    now = time.time()
    return {
        "key": Key(_token(), "ada@example.org", project),
        "expired": Key(_token(), "ada@example.org", project, expires=now - _DAY),
        "revoked": Key(_token(), "ada@example.org", project, revoked=now - _DAY),
        "no_project_access": Key(_token(), "guest@example.org", None),
    }


def _token() -> str:
    return f"iw_{secrets.token_hex(20)}"


class Access:
    """The keys that the database knows."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def add(self, key: Key) -> None:
        """Let a key in; one that is there already stays as it is."""
        self._records.write(
            "INSERT OR IGNORE INTO keys VALUES (?, ?, ?, ?, ?)", *msgspec.structs.astuple(key)
        )

    def authenticated(self, app: App) -> App:
        """The app, for requests with a good key alone."""

        async def inside(scope: Scope, receive: Receive, send: SendMessage) -> None:
            scope[_CALLER] = self._key_of(Request(scope))
            await app(scope, receive, send)

        return inside

    def _key_of(self, request: Request) -> Key:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        token = bearer if scheme.lower() == "bearer" else request.headers.get(API_KEY_HEADER, "")
        if not token:
            raise _unauthorized(f"Send your API key in the header {API_KEY_HEADER}")
        row = self._records.row("SELECT * FROM keys WHERE token = ?", token)
        key = None if row is None else Key(*row)
        if key is None or not key.is_good(time.time()):
            raise _unauthorized("This API key is unknown, revoked or expired")
        organization = request.headers.get(ORGANIZATION_HEADER)
        if organization not in (None, ORGANIZATION["id"]):
            raise IONWORKS.fail("FORBIDDEN", message="You are not in this organization")
        return key


def _unauthorized(message: str) -> FailwellError:
    request = context.current()
    if request is not None:
        request.headers["WWW-Authenticate"] = "Bearer"
    return IONWORKS.fail("UNAUTHORIZED", message=message)


def key_of(request: Request) -> Key:
    """The key of a request that was let in."""
    key: Key = request.scope[_CALLER]
    return key


def caller_of(scope: Scope) -> str:
    """Who asks, as the quota counts."""
    key: Key = scope[_CALLER]
    return key.token
