"""A program that is out of file descriptors before its first call, and says how its calls fail."""

from __future__ import annotations

import asyncio
import os
import pickle
import resource
import sys
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import requests

import failwell
from failwell.clients.httpx import Transport
from failwell.clients.requests import Adapter

POLICY = failwell.Policy(retry=failwell.Retry(max_retries=2, base=0.001, fast_base=0.001))
NOBODY = "http://127.0.0.1:9/"
PATHS = ("metered", "unavailable", "unprocessable", "cut")


def main(client: str) -> None:
    """Make the client, use up what descriptors there are, and print what each call raises."""
    calls = CLIENTS[client]()
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    held = []
    try:
        while len(held) < 64:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    for call in calls:
        print(told(call), flush=True)


def told(call: Callable[[], object]) -> str:
    """What became of the call; all that an exception says is made out."""
    try:
        call()
    except failwell.FailwellError as error:
        kept = pickle.loads(pickle.dumps(error))
        if words(kept) != words(error):
            return f"said otherwise after a pickle: {words(kept)}"
        return f"{error.failure.kind} {error.outcome}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "well"


def words(error: failwell.FailwellError) -> tuple[object, ...]:
    return str(error), repr(error), error.advice, error.__notes__


def answer(request: httpx2.Request) -> httpx2.Response:
    match request.url.path:
        case "/metered":
            fields = {"X-RateLimit-Limit": "9", "X-RateLimit-Remaining": "8"}
            return httpx2.Response(200, json={}, headers={**fields, "X-RateLimit-Reset": "1"})
        case "/unavailable":
            return httpx2.Response(503, json={"error": {"code": "away", "message": "Not now"}})
        case "/unprocessable":
            return httpx2.Response(422, json={"detail": [{"loc": ["body", "x"], "msg": "Odd"}]})
        case _:
            raise httpx2.ReadError("cut")


def sync_client() -> list[Callable[[], object]]:
    mock = failwell.Client(transport=httpx2.MockTransport(answer), policy=POLICY)
    real = failwell.Client(policy=POLICY, trust_env=False)
    posts = [lambda path=path: mock.post(f"http://lab/{path}", json={}) for path in PATHS]
    return [*posts, lambda: real.post(NOBODY)]


def async_client() -> list[Callable[[], object]]:
    runner = asyncio.Runner()
    loop = runner.get_loop()
    mock = failwell.AsyncClient(transport=httpx2.MockTransport(answer), policy=POLICY)

    def post(path: str) -> Any:
        return loop.run_until_complete(mock.post(f"http://lab/{path}", json={}))

    return [lambda path=path: post(path) for path in PATHS]


def httpx_transport() -> list[Callable[[], object]]:
    client = httpx.Client(transport=Transport(policy=POLICY))
    return [lambda: client.post(NOBODY)]


def requests_adapter() -> list[Callable[[], object]]:
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", Adapter(policy=POLICY))
    return [lambda: session.post(NOBODY)]


CLIENTS: dict[str, Callable[[], list[Callable[[], object]]]] = {
    "sync": sync_client,
    "async": async_client,
    "httpx": httpx_transport,
    "requests": requests_adapter,
}

if __name__ == "__main__":
    main(sys.argv[1])
