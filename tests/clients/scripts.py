"""A script over somebody else's HTTP library, begun again and again over one store.

Each `Process` is one process's worth of it: a new client of that library over failwell's transport
or adapter. Its `send` gives the answer, or the error that was raised.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import httpx
import requests

import failwell
from clients.world import API
from failwell.clients.httpx import AsyncTransport, Transport
from failwell.clients.requests import Adapter
from failwell.clients.seam import Account

ONCE = failwell.Policy(retry=None, budget=None, breaker=None, governor=None)


class Process:
    """One process of the script, over httpx."""

    def __init__(self, url: str, **settings: Any) -> None:
        self.seam: Any = self._seam({"contract": API, "policy": ONCE, **settings})
        self.client = self._client(url)
        self.url = url

    def _seam(self, settings: dict[str, Any]) -> Any:
        return Transport(**settings)

    def _client(self, url: str) -> Any:
        return httpx.Client(base_url=url, transport=self.seam, trust_env=False)

    def _do(self, method: str, url: str, **how: Any) -> Any:
        return self.client.request(method, url, **how)

    def send(self, method: str, path: str, **how: Any) -> Any:
        """The answer, or failwell's error."""
        try:
            return self._do(method, self.url + path, **how)
        except failwell.FailwellError as failed:
            return failed

    def post(self, body: Any, path: str = "/records") -> Any:
        return self.send("POST", path, json=body)

    def end_run(self, **how: Any) -> Any:
        return self.seam.end_run(**how)

    def close(self) -> None:
        self.client.close()


class AsyncProcess(Process):
    """The same over httpx's async client, in a loop of its own."""

    def __init__(self, url: str, **settings: Any) -> None:
        self._loop = asyncio.Runner()
        super().__init__(url, **settings)

    def _seam(self, settings: dict[str, Any]) -> Any:
        return AsyncTransport(**settings)

    def _client(self, url: str) -> Any:
        return httpx.AsyncClient(base_url=url, transport=self.seam, trust_env=False)

    def _do(self, method: str, url: str, **how: Any) -> Any:
        request = self.client.request(method, url, **how)
        return self._loop.run(request, context=copy_context())

    def end_run(self, **how: Any) -> Any:
        return self._loop.run(self.seam.end_run(**how))

    def close(self) -> None:
        self._loop.run(self.client.aclose())
        self._loop.close()


class RequestsProcess(Process):
    """The same over requests."""

    def _seam(self, settings: dict[str, Any]) -> Any:
        return Adapter(**settings)

    def _client(self, url: str) -> Any:
        session = requests.Session()
        session.trust_env = False
        session.mount(url, self.seam)
        return session


KINDS: dict[str, type[Process]] = {
    "httpx": Process,
    "httpx-async": AsyncProcess,
    "requests": RequestsProcess,
}


@contextmanager
def process(kind: str, url: str, **settings: Any) -> Iterator[Process]:
    """One process of the script over that library."""
    one = KINDS[kind](url, **settings)
    try:
        yield one
    finally:
        one.close()


def account(answer: Any) -> Account:
    """What failwell says of an answer of either library."""
    told = getattr(answer, "failwell", None) or answer.extensions["failwell"]
    assert isinstance(told, Account)
    return told
