"""How a client of Ionworks is connected: credential, address, project, patience.

What is given beats the environment; within one source, a token beats a key.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import msgspec

from failwell.apis import reach
from failwell.apis.ionworks.client.correlation import tell
from failwell.apis.ionworks.client.frames import Backend, chosen
from failwell.apis.ionworks.contract import (
    API_KEY_HEADER,
    BASE_URL,
    IONWORKS,
    ORGANIZATION_HEADER,
    RETRY,
    TIMEOUT,
)
from failwell.apis.keys import is_given, sendable
from failwell.errors import InvalidRequestError
from failwell.settings import Policy

KEY_VARIABLE = "IONWORKS_API_KEY"
TOKEN_VARIABLE = "IONWORKS_API_TOKEN"
URL_VARIABLE = "IONWORKS_API_URL"
PROJECT_VARIABLE = "IONWORKS_PROJECT_ID"
OLD_PROJECT_VARIABLE = "PROJECT_ID"
ORGANIZATION_VARIABLE = "IONWORKS_ORGANIZATION_ID"

UPLOAD_TIMEOUT = httpx2.Timeout(300.0, connect=10.0)
"""Seconds for files, which go straight to storage."""

_OF_THE_API = frozenset({"headers", "params", "auth", "cookies", "event_hooks"})
"""Arguments of httpx2's that may carry what storage is not to see."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a client is made with; `api` and `storage` are arguments of failwell's clients."""

    api_url: str
    project_id: str | None
    organization_id: str | None
    backend: Backend
    api: dict[str, Any]
    storage: dict[str, Any]


def settings(
    *,
    api_key: str | None,
    api_url: str | None,
    project_id: str | None,
    dataframe_backend: str | None,
    timeout: float | None,
    max_retries: int | None,
    token: str | None,
    organization_id: str | None,
    print_correlation_id: bool,
    policy: Policy,
    arguments: dict[str, Any],
    compress: Callable[[httpx2.Request], Any],
) -> Settings:
    """The settings. Raises `InvalidRequestError`, a `ValueError`, where there is no credential, and
    for an address by another name: it would be passed over, and the key go elsewhere."""
    if "base_url" in arguments:
        raise InvalidRequestError.of(
            "base_url= is called api_url= here, as in Ionworks' own client"
        )
    organization = organization_id or os.environ.get(ORGANIZATION_VARIABLE) or None
    url = _address(api_url)
    wait = TIMEOUT if timeout is None else reach.timeout(timeout)
    project = reach.text(project_id, "project_id") or _project()
    hooks = (*arguments.pop("hooks", ()), *((tell,) if print_correlation_id else ()))
    both = {**arguments, "policy": patient(policy, max_retries), "hooks": hooks}
    headers = {**arguments.get("headers", {}), **_credential(api_key, token)}
    if organization:
        headers[ORGANIZATION_HEADER] = sendable(organization, "organization_id")
    return Settings(
        api_url=url,
        project_id=project,
        organization_id=organization,
        backend=chosen(dataframe_backend),
        api={
            **both,
            "base_url": url,
            "headers": headers,
            "timeout": wait,
            "event_hooks": _with(arguments.get("event_hooks"), compress),
        },
        storage={
            **{name: value for name, value in both.items() if name not in _OF_THE_API},
            "timeout": UPLOAD_TIMEOUT,
        },
    )


def _address(api_url: object) -> str:
    """The address that is given, or the environment's, or Ionworks', without a last slash."""
    if api_url is not None and api_url != "":
        return reach.address(api_url, "api_url").rstrip("/")
    found = os.environ.get(URL_VARIABLE)
    return reach.address(found, URL_VARIABLE).rstrip("/") if found else BASE_URL


def patient(policy: Policy, max_retries: int | None) -> Policy:
    """The policy, with that many retries where a number is given. Raises `ValueError` for one
    below 0."""
    ruled = reach.policy(policy).under(IONWORKS)
    if max_retries is None:
        return ruled
    retry = msgspec.structs.replace(ruled.retry or RETRY, max_retries=max_retries)
    return msgspec.structs.replace(ruled, retry=retry)


def _credential(api_key: str | None, token: str | None) -> dict[str, str]:
    key_from, token_from = "api_key=", "token="
    if not is_given(api_key) and not is_given(token):
        api_key, token = os.environ.get(KEY_VARIABLE), os.environ.get(TOKEN_VARIABLE)
        key_from, token_from = KEY_VARIABLE, TOKEN_VARIABLE
    if is_given(token):
        return {"Authorization": f"Bearer {sendable(token, 'token', token_from)}"}
    if is_given(api_key):
        return {API_KEY_HEADER: sendable(api_key, argument=key_from)}
    raise InvalidRequestError.of(
        f"There is no API key: give api_key= (or token=), or set {KEY_VARIABLE} "
        f"(or {TOKEN_VARIABLE})",
        advice="Make a key in your Ionworks account settings.",
    )


def _project() -> str | None:
    project = os.environ.get(PROJECT_VARIABLE)
    if project:
        return project
    old = os.environ.get(OLD_PROJECT_VARIABLE)
    if old:
        message = f"{OLD_PROJECT_VARIABLE} is deprecated: set {PROJECT_VARIABLE} instead"
        warnings.warn(message, DeprecationWarning, stacklevel=4)
    return old or None


def _with(
    hooks: Mapping[str, list[Any]] | None, compress: Callable[[httpx2.Request], Any]
) -> dict[str, list[Any]]:
    """The caller's own event hooks of httpx2, and the compression after them."""
    own = dict(hooks or {})
    return {**own, "request": [*own.get("request", []), compress]}
