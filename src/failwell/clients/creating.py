"""`create_or_get`: a record that is there once, whoever made it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, overload

import httpx2
import msgspec

from failwell.clients.httpx2 import AsyncClient, Client
from failwell.errors import InvalidRequestError


class Got(msgspec.Struct, frozen=True, kw_only=True):
    """A record that is there now, decoded, and the answer that shows it.

    `created` is True where this call made it and False where it was there before; None where the
    answer was lost and the record then found: either may be so.
    """

    record: Any
    created: bool | None
    response: httpx2.Response


@overload
def create_or_get(
    client: Client, url: str, *, json: Any, method: str = "POST", **request: Any
) -> Got: ...
@overload
def create_or_get(
    client: AsyncClient, url: str, *, json: Any, method: str = "POST", **request: Any
) -> Coroutine[Any, Any, Got]: ...
def create_or_get(
    client: Client | AsyncClient, url: str, *, json: Any, method: str = "POST", **request: Any
) -> Got | Coroutine[Any, Any, Got]:
    """The record with this natural key: the one that this call makes, or the one that is there
    already, where it holds what was sent; awaited, over an `AsyncClient`.

    The client's contract says what the API tells of a record that is there (`Existing`), or how
    one is looked up (`LookUp`). All other arguments are those of `client.request`.

    Raises `ConflictError`, whose issues name each field that differs, where the record that is
    there is another one; `InvalidRequestError` where the contract declares no natural key; what
    the call raises otherwise.
    """
    contract = client.contract
    if contract.existing is None and contract.look_up is None:
        raise InvalidRequestError.of(
            f"{contract.title} declares no natural key: nothing tells a record that is there from "
            "a new one",
            advice="Declare it, in Contract(existing=…) or Contract(look_up=…).",
        )
    view = client.with_options(get_existing=True)
    if isinstance(view, AsyncClient):
        return _await(view, method, url, {"json": json, **request})
    return _got(view.request(method, url, json=json, **request))


async def _await(client: AsyncClient, method: str, url: str, request: dict[str, Any]) -> Got:
    return _got(await client.request(method, url, **request))


def _got(response: httpx2.Response) -> Got:
    return Got(record=response.json(), created=_created(response), response=response)


def _created(response: httpx2.Response) -> bool | None:
    if "failwell_existing" in response.extensions:
        return False
    return None if "failwell_found" in response.extensions else True
