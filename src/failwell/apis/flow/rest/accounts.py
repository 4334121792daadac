"""Logging in, staying in, logging out."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from failwell.apis.flow.access.guards import caller_of, user_of
from failwell.apis.flow.desk.desk import Desk
from failwell.apis.flow.desk.fields import Fields
from failwell.apis.flow.rest.bodies import json_object, user_json

COOKIE = "flow_refresh_token"


class AccountRoutes:
    """The routes of accounts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def login(self, request: Request) -> Response:
        fields = Fields(await json_object(request))
        username, password = fields.name("username"), fields.text("password")
        if not fields.has("password"):
            fields.complain("password", "Password is required")
        fields.check()
        found = self._desk.accounts.log_in(username, password or "")
        body = {"token": found.access, "access_token": found.access, "user": user_json(found.user)}
        response = JSONResponse(body)
        set_cookie(response, found.refresh, self._desk.limits().refresh_token_seconds)
        return response

    async def token(self, request: Request) -> Response:
        """A new access token. The cookie alone counts: the client sends its expired one beside."""
        token = self._desk.accounts.refresh(request.cookies.get(COOKIE))
        return JSONResponse({"token": token, "access_token": token})

    async def logout(self, request: Request) -> Response:
        self._desk.accounts.log_out(caller_of(request.scope))
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, path="/")
        return response

    async def me(self, request: Request) -> Response:
        return JSONResponse(user_json(user_of(request.scope)))


def set_cookie(response: Response, token: str, lifetime: int) -> None:
    """Have the client keep its refresh token. It is not `Secure`: the sandbox speaks plain HTTP,
    over which such a cookie would never come back."""
    response.set_cookie(COOKIE, token, max_age=lifetime, path="/", httponly=True, samesite="lax")
