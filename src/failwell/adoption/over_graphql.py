"""Mount failwell under GraphQL's documents: what only reads, or logs in, may be asked again, what
writes not."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import requests
from requests.adapters import BaseAdapter

from failwell.adoption.ledger import Ledger
from failwell.apis.flow.client.queries import contract_of, error_of
from failwell.apis.flow.contract import FLOW_GRAPHQL, FLOW_QUERIES
from failwell.clients.requests import Adapter
from failwell.clients.requests.attempt import answer, fields_of
from failwell.clients.requests.body import whole
from failwell.clients.seam import Account, latest
from failwell.contract import Contract
from failwell.model import Request


class Documents(BaseAdapter):
    """Sends each document to Flow under its own contract: its GraphQL takes no idempotency keys."""

    def __init__(self, inner: BaseAdapter, settings: dict[str, Any]) -> None:
        super().__init__()
        self._made_of = inner, settings
        own: dict[str, Any] = {name: settings[name] for name in settings if name != "contract"}
        self._by_contract = {
            contract: Adapter(inner, contract=contract, **own)
            for contract in (FLOW_QUERIES, FLOW_GRAPHQL)
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """A session pickles with its adapters: see `Adapter`."""
        for adapter in self._by_contract.values():
            adapter.__reduce__()
        return Documents, self._made_of

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """The answer, by the adapter for documents of this kind; its account tells a failure that
        comes with 200, too."""
        contract = _contract_in(request)
        response = self._by_contract[contract].send(request, *args, **kwargs)
        _tell(response, request, contract)
        return response

    def close(self) -> None:
        """Close the connections below."""
        for adapter in self._by_contract.values():
            adapter.close()


def _tell(response: Any, request: requests.PreparedRequest, contract: Contract) -> None:
    account: Account = response.failwell
    if account.error is not None:
        return
    read = answer(response, request, response.content)
    asked = Request(
        method=request.method or "POST",
        url=request.url,
        headers=fields_of(request.headers),
        body=whole(request.body),
    )
    error = error_of(asked, read, contract, account.attempts)
    if error is not None:
        response.failwell = msgspec.structs.replace(account, error=error)
        latest.set(response.failwell)


def mount(session: requests.Session, url: str, ledger: Ledger) -> None:
    """Make every document that a `requests.Session`, which failwell is under, sends to `url` pass
    through `Documents`."""
    below = session.get_adapter(url)
    inner = below.inner if isinstance(below, Adapter) else below
    session.mount(url, Documents(inner, ledger.settings))
    ledger.mounted("GraphQL's documents, of which only those without a mutation are asked again")


_SESSION = re.compile(
    r"\s*mutation\b[^{}]*\{\s*(?:login|logout)\s*(?:\([^(){}]*\))?\s*(?:\{[^{}]*\})?\s*\}\s*"
)
"""A document that does nothing but begin or end a session."""


def _contract_in(request: requests.PreparedRequest) -> Contract:
    """The contract of the document in a JSON body; any other body, as one with files, writes."""
    body = request.body
    if not isinstance(body, (bytes, str)):
        return FLOW_GRAPHQL
    try:
        asked = msgspec.json.decode(body, type=_Asked)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return FLOW_GRAPHQL
    return FLOW_QUERIES if _SESSION.fullmatch(asked.query) else contract_of(asked.query)


class _Asked(msgspec.Struct):
    query: str
