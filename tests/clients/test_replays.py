"""A used key that is answered with 409 and the first answer in `result`, at every seam."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest
import requests

import failwell
from clients.fault_server import Act, Server
from clients.world import API
from failwell.clients.httpx import AsyncTransport, Transport
from failwell.clients.requests import Adapter

KEPT = msgspec.structs.replace(API, idempotency=failwell.Idempotency.flow("clash"))
QUICK = failwell.Policy(retry=failwell.Retry(base=0.01), breaker=None, governor=None)
HOW: dict[str, Any] = {"contract": KEPT, "policy": QUICK}
RESULT = {"id": "rec_1", "name": "a"}
USED = Act(
    status=409,
    commit=False,
    body=json.dumps({"error": {"code": "clash", "message": "used"}, "result": RESULT}).encode(),
)
Post = Callable[[str], Any]


def over_httpx2(url: str) -> Any:
    with failwell.Client(base_url=url, trust_env=False, **HOW) as client:
        response = client.post("/jobs", json={"name": "a"})
        assert response.extensions["failwell_replayed"] is True
        return response


def over_async_httpx2(url: str) -> Any:
    async def post() -> Any:
        async with failwell.AsyncClient(base_url=url, trust_env=False, **HOW) as client:
            return await client.post("/jobs", json={"name": "a"})

    return asyncio.run(post())


def over_httpx(url: str) -> Any:
    with httpx.Client(base_url=url, transport=Transport(**HOW)) as client:
        return client.post("/jobs", json={"name": "a"})


def over_async_httpx(url: str) -> Any:
    async def post() -> Any:
        async with httpx.AsyncClient(base_url=url, transport=AsyncTransport(**HOW)) as client:
            return await client.post("/jobs", json={"name": "a"})

    return asyncio.run(post())


def over_requests(url: str) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", Adapter(**HOW))
        response = session.post(url + "/jobs", json={"name": "a"})
        assert (response.ok, response.url) == (True, url + "/jobs")
        return response


@pytest.mark.parametrize(
    "post", [over_httpx2, over_async_httpx2, over_httpx, over_async_httpx, over_requests]
)
def test_the_first_answer_is_handed_over_as_the_librarys_own(post: Post) -> None:
    """Lost, sent again with the same key, and the kept answer comes back as a success."""
    with Server([Act("reset"), USED]) as server:
        response = post(server.url)
        assert (response.status_code, response.json()) == (200, RESULT)
        assert response.headers["content-type"] == "application/json"
        assert (server.done, len(set(server.keys)), len(server.requests)) == (1, 1, 2)


def test_a_part_of_an_api_may_have_a_contract_of_its_own() -> None:
    """A view under another contract: over the same connections, by its own rules."""
    unkeyed = msgspec.structs.replace(API, idempotency=failwell.Idempotency(header=None))
    with (
        Server([Act("reset"), Act("reset")]) as server,
        failwell.Client(base_url=server.url, trust_env=False, **HOW) as client,
    ):
        with pytest.raises(failwell.APIConnectionError) as caught:
            client.under(unkeyed).post("/jobs", json={})
        assert caught.value.outcome == "unknown"
        assert (server.keys, client.contract) == ([None], KEPT)
        client.post("/jobs", json={})
        assert len(server.requests) == 3
