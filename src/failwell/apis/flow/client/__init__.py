"""`Client` and `AsyncClient`: Flow's samples, projects, files and pipelines.

>>> from failwell.apis.flow import Client
>>> client = Client()
>>> client.login("ada", "…")
>>> client.get_sample(12345).share(users=["colleague"], permission="read")
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import httpx2

from failwell.apis import reach
from failwell.apis.flow.client import queries
from failwell.apis.flow.client.accounts import Accounts, AsyncAccounts
from failwell.apis.flow.client.auth import AsyncFlowAuth, FlowAuth
from failwell.apis.flow.client.files import AsyncFiles, Files
from failwell.apis.flow.client.pipelines import AsyncPipelines, Pipelines
from failwell.apis.flow.client.projects import AsyncProjects, Projects
from failwell.apis.flow.client.samples import AsyncSamples, Samples
from failwell.apis.flow.client.surroundings import address_of, token_of
from failwell.apis.flow.contract import FLOW
from failwell.apis.operation import arun, run
from failwell.apis.resource import AsyncConnected, Connected
from failwell.clients import httpx2 as clients
from failwell.settings import Policy

__all__ = ["AsyncClient", "Client"]

_DEFAULT = Policy()


def _ready(base_url: str | None, arguments: dict[str, Any]) -> dict[str, Any]:
    patience = reach.timeout(arguments.pop("timeout", 60.0))
    return {**arguments, "timeout": patience, "base_url": address_of(base_url, os.environ)}


class Client(Accounts, Samples, Projects, Files, Pipelines, Connected):
    """Flow's API. Every write gets a key of its own and is never carried out twice; a token that
    is over is renewed, once for all threads, and the request goes on.

    `base_url`, or `FLOW_API_URL`; `token`, or `FLOW_API_TOKEN`, or the file `FLOW_TOKEN_FILE`, or
    `login`. Other arguments are those of `failwell.Client`. Close it, or use it as a context
    manager.

    Raises `FlowError` (and failwell's class of that kind) for whatever fails at Flow;
    `InvalidRequestError`, a `ValueError`, for what is refused before it is sent.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        token: str | None = None,
        policy: Policy = _DEFAULT,
        **arguments: Any,
    ) -> None:
        ready = _ready(base_url, arguments)
        self._auth = FlowAuth(token_of(token, os.environ))
        self.client = clients.Client(contract=FLOW, policy=policy, auth=self._auth, **ready)
        self._auth.serve(self.client)

    def graphql(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The `data` that GraphQL answers. Raises the exception of the first error in it."""
        contract = queries.contract_of(query)
        return run(self.client.under(contract), queries.graphql(query, variables, contract))

    def request(self, method: str, path: str, **arguments: Any) -> httpx2.Response:
        """A call of any route, with the same care; `arguments` are httpx2's."""
        client = self.client.under(queries.contract_at(path))
        return client.request(method, path, **arguments)


class AsyncClient(
    AsyncAccounts, AsyncSamples, AsyncProjects, AsyncFiles, AsyncPipelines, AsyncConnected
):
    """Flow's API for async code: the same methods, awaited. See `Client`."""

    def __init__(
        self,
        base_url: str | None = None,
        *,
        token: str | None = None,
        policy: Policy = _DEFAULT,
        **arguments: Any,
    ) -> None:
        ready = _ready(base_url, arguments)
        self._auth = AsyncFlowAuth(token_of(token, os.environ))
        self.client = clients.AsyncClient(contract=FLOW, policy=policy, auth=self._auth, **ready)
        self._auth.serve(self.client)

    async def graphql(
        self, query: str, variables: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The `data` that GraphQL answers. Raises the exception of the first error in it."""
        contract = queries.contract_of(query)
        return await arun(self.client.under(contract), queries.graphql(query, variables, contract))

    async def request(self, method: str, path: str, **arguments: Any) -> httpx2.Response:
        """A call of any route, with the same care; `arguments` are httpx2's."""
        client = self.client.under(queries.contract_at(path))
        return await client.request(method, path, **arguments)
