"""The official SDKs: where each keeps its HTTP client, and where it retries by itself.

Read in ionq-core 0.2.0, ionworks-api 0.38.0, and flowbio 0.14.1 with kirjava 0.4.0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from failwell.adoption.ledger import Ledger
from failwell.adoption.telling import tell_of
from failwell.contract import Contract
from failwell.dialects.generic import GENERIC


class Known(msgspec.Struct, frozen=True):
    """One kind of client object: what it is called, its API's contract, how it is adopted."""

    name: str
    contract: Callable[[], Contract]
    adopt: Callable[[Any, Ledger], None]


def _over_httpx(client: Any, ledger: Ledger) -> None:
    from failwell.adoption import over_httpx

    over_httpx.mount(client, ledger)


def _over_requests(session: Any, ledger: Ledger) -> None:
    from failwell.adoption import over_requests

    over_requests.mount(session, ledger)


def _ionq(client: Any, ledger: Ledger) -> None:
    _over_httpx(client.get_httpx_client(), ledger)
    _over_httpx(client.get_async_httpx_client(), ledger)


def _ionworks(client: Any, ledger: Ledger) -> None:
    _over_requests(client.session, ledger)
    ledger.left("uploads to signed URLs, which do not use the session (one PUT, sent once)")


def _flow_v2(client: Any, ledger: Ledger) -> None:
    """Both of its retry layers read their number of retries on each call."""
    import dataclasses

    transport, uploader = client._transport, client._data._uploader
    _over_httpx(transport._client, ledger)
    tell_of(transport, "_raise_for_error", sends=False)
    if transport._connection_retries:
        ledger.switched_off(f"tenacity's {transport._connection_retries} retries of a connection")
        transport._connection_retries = 0
    if uploader._config.upload_retries:
        ledger.switched_off(f"tenacity's {uploader._config.upload_retries} retries of a chunk")
        uploader._config = dataclasses.replace(uploader._config, upload_retries=0)
    ledger.left("the refresh of the token after a 401, with one repeat: two calls to failwell")


class _Once:
    """kirjava's way to send a request, whatever retries it is asked for."""

    def __init__(self, send: Callable[..., Any]) -> None:
        self._send = send

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._send(*args, **{**kwargs, "retries": 0, "retry_statuses": None})


def _flow_v1(client: Any, ledger: Ledger) -> None:
    from failwell.adoption import over_graphql

    client.session.adapters.pop(client.url, None)  # what an adoption before has mounted there
    _over_requests(client.session, ledger)
    if ledger.settings["contract"] is _flow_contract():
        over_graphql.mount(client.session, client.url, ledger)
    if not isinstance(client.request_with_retries, _Once):
        client.request_with_retries = _Once(client.request_with_retries)
        ledger.switched_off("kirjava's retries, by the argument `retries`")
    tell_of(client, "execute")
    ledger.left("upload_sample, which makes a v2 client of its own: adopt one and use that")


def _ionq_contract() -> Contract:
    from failwell.apis.ionq.contract import IONQ

    return IONQ


def _ionworks_contract() -> Contract:
    from failwell.apis.ionworks.contract import IONWORKS

    return IONWORKS


def _flow_contract() -> Contract:
    from failwell.apis.flow.contract import FLOW

    return FLOW


def _generic_contract() -> Contract:
    return GENERIC


_IONQ = Known("ionq-core", _ionq_contract, _ionq)
_HTTPX = Known("httpx", _generic_contract, _over_httpx)

KNOWN = {
    "ionq_core.client.AuthenticatedClient": _IONQ,
    "ionq_core.client.Client": _IONQ,
    "ionworks.client.Ionworks": Known("ionworks-api", _ionworks_contract, _ionworks),
    "flowbio.v2.client.Client": Known("flowbio v2", _flow_contract, _flow_v2),
    "flowbio.client.Client": Known("flowbio v1", _flow_contract, _flow_v1),
    "httpx.Client": _HTTPX,
    "httpx.AsyncClient": _HTTPX,
    "requests.sessions.Session": Known("requests", _generic_contract, _over_requests),
}
"""By the full name of the class, so that none needs to be installed."""
