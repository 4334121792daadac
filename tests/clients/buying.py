"""A script of five purchases in a run, and the shop that it buys at.

Run as a program it forks, for each line that it reads, a process that makes the purchases and
kills itself by SIGKILL at the instant that the line names; it prints how that process ended.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

import httpx
import httpx2
import msgspec
import requests
from requests.adapters import HTTPAdapter

import failwell
from failwell.actions import Change
from failwell.clients.httpx import AsyncTransport, Transport
from failwell.clients.requests import Adapter
from failwell.contract import LookUp
from failwell.dialects import Nested
from failwell.model import Outcome, Response, Sent
from failwell.stores.sqlite import SQLiteStore

ITEMS = ("a", "b", "b", "b", "c")
BOUGHT, UNKNOWN, OTHERWISE = 0, 3, 4


class Instants:
    """Counts the instants of a process, and kills it at the one that is wanted."""

    passed = 0
    last = 0

    @classmethod
    def passes(cls) -> None:
        cls.passed += 1
        if cls.passed == cls.last:
            os.kill(os.getpid(), signal.SIGKILL)


class DeadlyStore(SQLiteStore):
    """A store with an instant before each update of a run and one after it."""

    def update(self, key: str, change: Change[Any, Any]) -> Any:
        if key.startswith("origin "):
            return super().update(key, change)
        Instants.passes()
        answer = super().update(key, change)
        Instants.passes()
        return answer


class DeadlyTransport(httpx2.HTTPTransport):
    """A transport with an instant before each request, and one when it is carried out and its
    answer is there, which nobody has seen yet."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        Instants.passes()
        response = super().handle_request(request)
        Instants.passes()
        return response


class AsyncDeadlyTransport(httpx2.AsyncHTTPTransport):
    """The same, awaited."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        Instants.passes()
        response = await super().handle_async_request(request)
        Instants.passes()
        return response


class DeadlyHttpx(httpx.HTTPTransport):
    """The same of httpx."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        Instants.passes()
        response = super().handle_request(request)
        Instants.passes()
        return response


class AsyncDeadlyHttpx(httpx.AsyncHTTPTransport):
    """The same of httpx, awaited."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        Instants.passes()
        response = await super().handle_async_request(request)
        Instants.passes()
        return response


class DeadlyAdapter(HTTPAdapter):
    """The same of requests."""

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        Instants.passes()
        response = super().send(*args, **kwargs)
        Instants.passes()
        return response


def _tagged(sent: Sent, tag: str) -> bytes:
    return json.dumps({**json.loads(sent.body or b"{}"), "tag": tag}).encode()


def _asked(sent: Sent) -> tuple[str, str]:
    return "GET", f"{sent.url}/{sent.tag}"


def _found(sent: Sent, answer: Response) -> bool:
    return json.loads(answer.body or b"{}").get("tag") == sent.tag


BLIND = failwell.Contract(
    name="Shop", dialect=Nested(), idempotency=failwell.Idempotency(header=None)
)
CONTRACTS = {
    "keyed": msgspec.structs.replace(BLIND, idempotency=failwell.Idempotency(keys="honoured")),
    "tagged": msgspec.structs.replace(
        BLIND,
        look_up=LookUp(request=_asked, found=_found, tag=_tagged, settle_time=0.0),
    ),
    "blind": BLIND,
}


class Shop(ThreadingHTTPServer):
    """Sells; `sold` is what it really did. A key that was used is answered again, a tag shows."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Counter)
        self.sold: list[str] = []
        self.known: dict[str, dict[str, Any]] = {}
        self.lock = Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def sell(self, item: str, marks: list[str]) -> dict[str, Any]:
        with self.lock:
            for mark in marks:
                if mark in self.known:
                    return self.known[mark]
            self.sold.append(item)
            record = {"id": len(self.sold), "item": item, "tag": marks[-1] if marks else None}
            self.known.update(dict.fromkeys(marks, record))
            return record

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A customer who dies is no news here."""


class _Counter(BaseHTTPRequestHandler):
    server: Shop
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers["idempotency-key"]
        marks = [mark for mark in (key, body.get("tag")) if mark is not None]
        self._answer(201, self.server.sell(body["item"], marks))

    def do_GET(self) -> None:
        mark = urlsplit(self.path).path.rpartition("/")[2]
        self._answer(200, self.server.known.get(mark, {}))

    def _answer(self, status: int, record: dict[str, Any]) -> None:
        body = json.dumps(record).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


@contextmanager
def shop() -> Iterator[Shop]:
    """A shop that is open."""
    with Shop() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


def buy(store: str, url: str, kind: str, run: str) -> list[int]:
    """The five purchases; the ids of what was bought."""
    settings: dict[str, Any] = {
        "contract": CONTRACTS[kind.partition(" ")[0]],
        "store": DeadlyStore(store),
        "run": run,
        "policy": failwell.Policy(retry=None, budget=None, breaker=None, governor=None),
    }
    client = CLIENTS[kind.partition(" ")[2]](url, settings)
    if kind.endswith("async"):
        return asyncio.run(_abuy(client))
    with client:
        return [client.post(url + "/buy", json={"item": item}).json()["id"] for item in ITEMS]


async def _abuy(client: Any) -> list[int]:
    async with client:
        return [(await client.post("/buy", json={"item": item})).json()["id"] for item in ITEMS]


def _httpx2(url: str, settings: dict[str, Any]) -> Any:
    return failwell.Client(transport=DeadlyTransport(verify=False), trust_env=False, **settings)


def _httpx2_async(url: str, settings: dict[str, Any]) -> Any:
    transport = AsyncDeadlyTransport(verify=False)
    return failwell.AsyncClient(transport=transport, base_url=url, trust_env=False, **settings)


def _httpx(url: str, settings: dict[str, Any]) -> Any:
    transport = Transport(DeadlyHttpx(verify=False), **settings)
    return httpx.Client(transport=transport, trust_env=False)


def _httpx_async(url: str, settings: dict[str, Any]) -> Any:
    transport = AsyncTransport(AsyncDeadlyHttpx(verify=False), **settings)
    return httpx.AsyncClient(transport=transport, base_url=url, trust_env=False)


def _requests(url: str, settings: dict[str, Any]) -> Any:
    session = requests.Session()
    session.trust_env = False
    session.mount(url, Adapter(DeadlyAdapter(), **settings))
    return session


CLIENTS = {
    "": _httpx2,
    "async": _httpx2_async,
    "httpx": _httpx,
    "httpx async": _httpx_async,
    "requests": _requests,
}
"""By the rest of what a script's kind says: whose client, and of which world."""


def forked(store: str, url: str, kind: str, run: str, last: int) -> int:
    """The exit status of a process that runs the script, until its instant `last`."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    Instants.last = last
    try:
        ids = buy(store, url, kind, run)
    except failwell.APIConnectionError as error:
        os._exit(UNKNOWN if error.outcome is Outcome.UNKNOWN else OTHERWISE)
    except BaseException:
        os._exit(OTHERWISE)
    os._exit(BOUGHT if len(set(ids)) == len(ITEMS) else OTHERWISE)


WARM = (
    "anyio._backends._asyncio", "h11", "httpcore2", "encodings.idna", "concurrent.futures.thread",
    "failwell.flows.intended", "failwell.stores.threaded", "failwell.clients.sockets",
    "failwell.clients.httpx2.concurrent", "failwell.clients.httpx2.settings",
)  # fmt: skip
"""What a process would read for itself, each time; its parent has read it."""


def main() -> None:
    """Run scripts until the input ends."""
    for module in WARM:
        importlib.import_module(module)
    for line in sys.stdin:
        store, url, kind, run, last = line.rstrip("\n").split("\t")
        print(forked(store, url, kind, run, int(last)), flush=True)


if __name__ == "__main__":
    main()
