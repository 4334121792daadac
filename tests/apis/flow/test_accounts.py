"""Logging in, staying in, logging out: codes 1 to 4 of Flow's contract."""

from __future__ import annotations

import time
from typing import Any

import httpx2
import jwt
import pytest

from apis.flow.conftest import refused


def cookie_of(response: httpx2.Response) -> str:
    return response.headers["set-cookie"].partition(";")[0].partition("=")[2]


def test_a_login_gives_a_token_under_both_names_and_a_cookie(flow: Any) -> None:
    """The official client reads `token`, the vendor's pages say `access_token`; the cookie is
    HttpOnly and comes back over plain HTTP."""
    response = flow.log_in("alice")
    body = response.json()
    assert body["token"] == body["access_token"]
    assert body["user"] == {
        "id": "1", "username": "alice", "name": "Alice Archer", "can_run_pipelines": True
    }  # fmt: skip
    said = response.headers["set-cookie"].lower()
    assert said.startswith("flow_refresh_token=")
    assert "httponly" in said
    assert "path=/" in said
    assert "secure" not in said


def test_tokens_live_as_long_as_is_said(flow: Any) -> None:
    """30 minutes for access and a year for the cookie, as JSON Web Tokens."""
    response = flow.log_in("alice")
    for token, seconds in ((response.json()["token"], 1800), (cookie_of(response), 31536000)):
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == seconds


def test_no_token(flow: Any) -> None:
    """UNAUTHENTICATED without an Authorization header, and HTTP's own challenge beside it."""
    response = flow.call("GET", "/me", user=None)
    refused(response, 401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "body",
    [{"username": "alice", "password": "wrong"}, {"username": "nobody", "password": "wrong"}],
)
def test_a_wrong_password_and_a_wrong_name_sound_alike(flow: Any, body: dict[str, str]) -> None:
    """INVALID_CREDENTIALS, whichever of them it is."""
    response = flow.call("POST", "/login", user=None, json=body)
    refused(response, 401, "INVALID_CREDENTIALS")
    assert response.json()["error"]["message"] == "Invalid username or password"


def test_an_expired_token(flow: Any) -> None:
    """TOKEN_EXPIRED for a token past its `exp`, which a refresh mends once."""
    with flow.limited(access_token_seconds=0):
        response = flow.log_in("alice")
    old = response.json()["token"]
    refused(flow.call("GET", "/me", user=old), 401, "TOKEN_EXPIRED")
    fresh = flow.call(
        "GET", "/token", user=old, headers={"Cookie": f"flow_refresh_token={cookie_of(response)}"}
    )
    assert flow.call("GET", "/me", user=fresh.json()["token"]).json()["username"] == "alice"


def forged() -> str:
    claims = {"use": "access", "sub": "1", "sid": "x", "exp": int(time.time()) + 60}
    return jwt.encode(claims, "another secret of thirty-two bytes", "HS256")


def unsigned() -> str:
    claims = {"use": "access", "sub": "1", "sid": "x", "exp": int(time.time()) + 60}
    return jwt.encode(claims, None, "none")


@pytest.mark.parametrize(
    "token", ["nonsense", "a.b.c", forged(), unsigned(), "x" * 10_000, "e30.e30.e30"]
)
def test_a_token_that_is_none_of_ours(flow: Any, token: str) -> None:
    """TOKEN_INVALID for what is no JWT, what another signed, and what nobody signed."""
    refused(flow.call("GET", "/me", user=token), 401, "TOKEN_INVALID")


def test_a_refresh_token_opens_no_other_door(flow: Any) -> None:
    """A token is good for its own use only."""
    cookie = cookie_of(flow.log_in("alice"))
    refused(flow.call("GET", "/me", user=cookie), 401, "TOKEN_INVALID")
    fields = {"Cookie": f"flow_refresh_token={flow.tokens['alice']}"}
    refused(flow.call("GET", "/token", user=None, headers=fields), 401, "TOKEN_INVALID")


def test_the_cookie_alone_refreshes(flow: Any) -> None:
    """`GET /token` judges the cookie only: missing, expired, good."""
    refused(flow.call("GET", "/token"), 401, "UNAUTHENTICATED")
    with flow.limited(refresh_token_seconds=0):
        cookie = cookie_of(flow.log_in("alice"))
    fields = {"Cookie": f"flow_refresh_token={cookie}"}
    refused(flow.call("GET", "/token", headers=fields), 401, "TOKEN_EXPIRED")


def test_logging_out_revokes(flow: Any) -> None:
    """After `POST /logout` neither the access token nor the cookie is good any more."""
    response = flow.log_in("bob")
    token, cookie = response.json()["token"], cookie_of(response)
    assert flow.call("POST", "/logout", user=token).status_code == 204
    refused(flow.call("GET", "/me", user=token), 401, "TOKEN_INVALID")
    fields = {"Cookie": f"flow_refresh_token={cookie}"}
    refused(flow.call("GET", "/token", user=None, headers=fields), 401, "TOKEN_INVALID")
    assert flow.call("GET", "/me", user="bob").status_code == 200


@pytest.mark.parametrize(
    "body", [{}, {"username": "alice"}, {"password": "x"}, {"username": 1, "password": []}]
)
def test_a_login_that_lacks_something(flow: Any, body: dict[str, Any]) -> None:
    """VALIDATION_ERROR names the fields."""
    details = refused(flow.call("POST", "/login", user=None, json=body), 400, "VALIDATION_ERROR")
    lacking = {field for field in ("username", "password") if not isinstance(body.get(field), str)}
    assert {error["field"] for error in details["errors"]} == lacking
